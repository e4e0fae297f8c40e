#include "pagoda/base/config_schema.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace config_detail {

std::string quoted_json_list(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += fmt::format("{}\"{}\"", list.empty() ? "" : ",", word);
  return "[" + list + "]";
}

std::string join(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return list;
}

void refuse(const ConfigNode& node, const std::string& path, const std::string& problem, const std::string& allowed) {
  throw UserError(node.where, path, problem, allowed);
}

const std::string& require_scalar(const ConfigNode& node, const std::string& path, const std::string& allowed) {
  if (node.kind == ConfigNode::Kind::scalar) return node.scalar;
  const char* found = node.kind == ConfigNode::Kind::null ? "nothing is" : "a list or map is";
  refuse(node, path, fmt::format("{} written here", found), "allowed: " + allowed);
}

void ChoiceType::bind(const ConfigNode& node, const std::string& path, void* object) const {
  const std::string& word = require_scalar(node, path, allowed());
  if (std::find(words_.begin(), words_.end(), word) == words_.end()) {
    refuse(node, path, fmt::format("`{}` is not known{}", word, did_you_mean(word, words_)), "allowed: " + allowed());
  }
  set(object, word);
}

void ChoiceType::validate(const void* object, const std::string& path) const {
  const std::string word = get(object);
  if (std::find(words_.begin(), words_.end(), word) == words_.end()) {
    throw UserError({}, path, fmt::format("`{}` is not known", word), "allowed: " + allowed());
  }
}

}  // namespace config_detail

namespace {

std::string child_path(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "." + name;
}

std::vector<std::string> field_names(const ConfigInfo& info) {
  std::vector<std::string> names;
  for (const ConfigField& field : info.fields) names.push_back(field.name);
  return names;
}

}  // namespace

ConfigNode ConfigType::nearest(const ConfigNumber& number) const {
  return ConfigNode::of_scalar(fmt::format("{}", number.value));
}

const ConfigField* ConfigInfo::find(std::string_view field) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const ConfigField& f) { return f.name == field; });
  return found == fields.end() ? nullptr : &*found;
}

void ConfigInfo::bind(const ConfigNode& node, const std::string& path, void* object) const {
  if (node.kind != ConfigNode::Kind::map && node.kind != ConfigNode::Kind::null) {
    config_detail::refuse(node, path, "a map is expected here",
                          fmt::format("the keys of {}: {}", name, config_detail::join(field_names(*this))));
  }
  if (prepare) prepare(node, object);
  for (const ConfigMember& member : node.members) {
    const ConfigField* field = find(member.key);
    if (field == nullptr) {
      const std::vector<std::string> names = field_names(*this);
      throw UserError(member.where, child_path(path, member.key), "unknown key" + did_you_mean(member.key, names),
                      "allowed: " + config_detail::join(names));
    }
    field->type->bind(member.value, child_path(path, member.key), field->member(object));
  }
  for (const ConfigField& field : fields) {
    if (field.required && node.find(field.name) == nullptr) {
      config_detail::refuse(node, child_path(path, field.name), "must be given", "allowed: " + field.type->allowed());
    }
  }
  run_checks(object, path, &node);
}

void ConfigInfo::validate(const void* object, const std::string& path) const {
  for (const ConfigField& field : fields) {
    field.type->validate(field.member(const_cast<void*>(object)), child_path(path, field.name));
  }
  run_checks(object, path, nullptr);
}

void ConfigInfo::run_checks(const void* object, const std::string& path, const ConfigNode* node) const {
  for (const Check& check : checks) {
    const std::optional<ConfigProblem> problem = check(object);
    if (!problem) continue;
    SourceLocation where;
    if (node != nullptr) {
      const ConfigNode* at = problem->field.empty() ? nullptr : node->find(problem->field);
      where = at != nullptr ? at->where : node->where;
    }
    throw UserError(where, problem->field.empty() ? path : child_path(path, problem->field), problem->problem,
                    problem->allowed);
  }
}

ConfigNode ConfigInfo::to_node(const void* object) const {
  ConfigNode node = ConfigNode::of_map();
  for (const ConfigField& field : fields) {
    node.add(field.name, field.type->to_node(field.member(const_cast<void*>(object))));
  }
  return node;
}

ConfigTarget find_config(const ConfigInfo& root, std::string_view path, const SourceLocation& where) {
  ConfigTarget target{&root, nullptr};
  std::string walked;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string segment(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    const bool index =
        segment == "*" || (!segment.empty() && segment.find_first_not_of("0123456789") == std::string::npos);
    if (index && target.field != nullptr && target.field->type->is_list()) continue;
    walked = child_path(walked, segment);
    if (target.info == nullptr) throw UserError(where, walked, "has nothing below it", "");
    const ConfigField* field = target.info->find(segment);
    if (field == nullptr) {
      const std::vector<std::string> names = field_names(*target.info);
      throw UserError(where, walked, "unknown key" + did_you_mean(segment, names),
                      "allowed: " + config_detail::join(names));
    }
    target = {field->type->info(), field};
  }
  return target;
}

}  // namespace pagoda
