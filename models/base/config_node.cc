#include "pagoda/base/config_node.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace pagoda {
namespace {

// Hears where documents start, and nothing else.
class DocumentStart final : public YAML::EventHandler {
 public:
  int line() const { return mark_.line + 1; }

  void OnDocumentStart(const YAML::Mark& mark) override { mark_ = mark; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  YAML::Mark mark_;
};

// YAML::LoadAll would tell too, but never ends if a document starts with a comma: it sees one empty document after the
// other there.
void require_one_document(const std::string& text, const std::string& file_name) {
  std::istringstream input(text);
  YAML::Parser parser(input);
  DocumentStart start;
  if (parser.HandleNextDocument(start) && parser.HandleNextDocument(start)) {
    throw UserError({file_name, start.line()}, "a second YAML document starts here; allowed: one document");
  }
}

class YamlReader {
 public:
  explicit YamlReader(const std::string& file) : file_(file) {}

  ConfigNode convert(const YAML::Node& node, int depth = 0) {
    if (++count_ > kMaxConfigNodes || depth > kMaxDepth) {
      throw UserError(at(node), fmt::format("the document is too large; at most {} values, {} levels deep",
                                            kMaxConfigNodes, kMaxDepth));
    }
    ConfigNode result;
    result.where = at(node);
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null: break;
      case YAML::NodeType::Scalar:
        result.kind = ConfigNode::Kind::scalar;
        result.scalar = node.Scalar();
        break;
      case YAML::NodeType::Sequence:
        result.kind = ConfigNode::Kind::sequence;
        for (const YAML::Node& item : node) result.items.push_back(convert(item, depth + 1));
        break;
      case YAML::NodeType::Map: convert_map(node, result, depth); break;
    }
    return result;
  }

 private:
  static constexpr int kMaxDepth = 64;

  SourceLocation at(const YAML::Node& node) const {
    const YAML::Mark mark = node.Mark();
    return {file_, mark.is_null() ? 0 : mark.line + 1};
  }

  // With the merge key of YAML 1.1: `<<: *other` adds what the map does not have of its own.
  void convert_map(const YAML::Node& node, ConfigNode& result, int depth) {
    result.kind = ConfigNode::Kind::map;
    std::vector<ConfigNode> defaults;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) throw UserError(at(entry.first), "a key must be a plain word");
      const std::string& key = entry.first.Scalar();
      if (key == "<<") {
        defaults.push_back(convert(entry.second, depth + 1));
        if (defaults.back().kind != ConfigNode::Kind::map) {
          throw UserError(at(entry.first), key, "what is merged is no map", "an alias of a map");
        }
        continue;
      }
      if (result.find(key) != nullptr)
        throw UserError(at(entry.first), key, "this key stands here twice", "write it once");
      result.members.push_back({key, at(entry.first), convert(entry.second, depth + 1)});
    }
    for (ConfigNode& from : defaults) {
      for (ConfigMember& member : from.members) {
        if (result.find(member.key) == nullptr) result.members.push_back(std::move(member));
      }
    }
  }

  const std::string& file_;
  std::size_t count_ = 0;
};

void emit(YAML::Emitter& out, const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::null: out << YAML::Null; break;
    case ConfigNode::Kind::scalar: out << node.scalar; break;
    case ConfigNode::Kind::sequence:
      if (node.items.empty()) out << YAML::Flow;
      out << YAML::BeginSeq;
      for (const ConfigNode& item : node.items) emit(out, item);
      out << YAML::EndSeq;
      break;
    case ConfigNode::Kind::map:
      if (node.members.empty()) out << YAML::Flow;
      out << YAML::BeginMap;
      for (const ConfigMember& member : node.members) {
        out << YAML::Key << member.key << YAML::Value;
        emit(out, member.value);
      }
      out << YAML::EndMap;
      break;
  }
}

struct PathEdit {
  std::string_view path;
  const ConfigNode& value;
  const SourceLocation& where;

  [[noreturn]] void refuse(const std::string& problem, const std::string& allowed = {}) const {
    throw UserError(where, std::string(path), problem, allowed);
  }

  void apply(ConfigNode& node, std::string_view rest) const {
    if (rest.empty()) {
      node = value;
      return;
    }
    const std::size_t dot = rest.find('.');
    const std::string_view segment = rest.substr(0, dot);
    const std::string_view tail = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
    if (segment.empty() || (dot != std::string_view::npos && tail.empty())) refuse("this path has an empty part");
    if (node.kind == ConfigNode::Kind::sequence) {
      apply_to_items(node, rest, segment, tail);
    } else if (node.kind == ConfigNode::Kind::scalar) {
      refuse(fmt::format("`{}` is a value and has no `{}` below it", node.scalar, segment));
    } else {
      if (segment == "*" || segment.find_first_not_of("0123456789") == std::string_view::npos) {
        refuse(fmt::format("`{}` picks items of a list, and the file writes no list here", segment),
               "write the list in the file, then change its items");
      }
      if (node.kind == ConfigNode::Kind::null) node = ConfigNode::of_map(where);
      if (node.find(segment) == nullptr) node.members.push_back({std::string(segment), where, ConfigNode{}});
      apply(*node.find(segment), tail);
    }
  }

  void apply_to_items(ConfigNode& list, std::string_view rest, std::string_view segment, std::string_view tail) const {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
    if (error == std::errc{} && end == segment.data() + segment.size()) {
      if (index >= list.items.size()) {
        refuse(fmt::format("there is no item {}", index),
               fmt::format("the list has {} (0 is the first)", list.items.size()));
      }
      apply(list.items[index], tail);
      return;
    }
    if (list.items.empty()) refuse(fmt::format("`{}` would change nothing: the list is empty", segment));
    for (ConfigNode& item : list.items) apply(item, segment == "*" ? tail : rest);
  }
};

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (optimal string
// alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last[b.size()];
}

}  // namespace

ConfigNode ConfigNode::of_scalar(std::string text, SourceLocation where) {
  ConfigNode node;
  node.kind = Kind::scalar;
  node.scalar = std::move(text);
  node.where = std::move(where);
  return node;
}

ConfigNode ConfigNode::of_map(SourceLocation where) {
  ConfigNode node;
  node.kind = Kind::map;
  node.where = std::move(where);
  return node;
}

ConfigNode ConfigNode::of_sequence(SourceLocation where) {
  ConfigNode node;
  node.kind = Kind::sequence;
  node.where = std::move(where);
  return node;
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  for (const ConfigMember& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) {
  return const_cast<ConfigNode*>(static_cast<const ConfigNode*>(this)->find(key));
}

void ConfigNode::add(std::string key, ConfigNode value) {
  SourceLocation location = value.where;
  members.push_back({std::move(key), std::move(location), std::move(value)});
}

ConfigNode parse_yaml_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) {
    throw UserError({path, 0}, "cannot be read; give the path of a YAML file");
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return parse_yaml(text, path);
}

ConfigNode parse_yaml(std::string_view text, const std::string& file_name) {
  try {
    const std::string document(text);
    require_one_document(document, file_name);
    ConfigNode root = YamlReader(file_name).convert(YAML::Load(document));
    root.where.file = file_name;
    return root;
  } catch (const YAML::Exception& error) {
    throw UserError({file_name, error.mark.is_null() ? 0 : error.mark.line + 1}, "not valid YAML: " + error.msg);
  }
}

std::string to_yaml(const ConfigNode& node) {
  YAML::Emitter out;
  emit(out, node);
  return std::string(out.c_str()) + "\n";
}

void set_path(ConfigNode& root, std::string_view path, const ConfigNode& value, const SourceLocation& where) {
  const PathEdit edit{path, value, where};
  if (path.empty()) edit.refuse("an empty path; write for example cpus.0.mmu.dtlb.entries");
  edit.apply(root, path);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;  // further away is no typing mistake
  std::string_view closest;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      closest = candidate;
    }
  }
  return closest.empty() ? std::string{} : fmt::format(" (did you mean `{}`?)", closest);
}

}  // namespace pagoda
