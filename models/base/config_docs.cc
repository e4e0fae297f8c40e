// What is generated from config descriptions: `describe`, the Markdown reference and the JSON Schema.
#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/config_schema.h"

namespace pagoda {
namespace {

using Json = nlohmann::ordered_json;

// The default of a field in one word; structs and lists are described on their own.
std::string default_text(const ConfigInfo& info, const ConfigField& field) {
  const ConfigNode node = field.type->to_node(field.member(const_cast<void*>(info.defaults.get())));
  switch (node.kind) {
    case ConfigNode::Kind::scalar: return node.scalar.empty() ? "-" : node.scalar;
    case ConfigNode::Kind::sequence: {
      if (field.type->info() != nullptr)
        return node.items.empty() ? "[]" : fmt::format("[{} items]", node.items.size());
      std::string list;
      for (const ConfigNode& item : node.items) list += (list.empty() ? "" : ", ") + item.scalar;
      return "[" + list + "]";
    }
    case ConfigNode::Kind::map: return field.type->info() != nullptr ? "..." : "{}";
    case ConfigNode::Kind::null: return "-";
  }
  return {};
}

std::string default_or_required(const ConfigInfo& info, const ConfigField& field) {
  return field.required ? "required" : default_text(info, field);
}

std::string struct_table(const ConfigInfo& info) {
  std::size_t name_width = 4;
  std::size_t default_width = 7;
  for (const ConfigField& field : info.fields) {
    name_width = std::max(name_width, field.name.size());
    default_width = std::max(default_width, default_or_required(info, field).size());
  }
  std::string text = fmt::format("{}: {}\n\n", info.name, info.meaning);
  for (const ConfigField& field : info.fields) {
    text += fmt::format("  {:<{}}  {:<{}}  {}\n  {:<{}}  {:<{}}    {}\n", field.name, name_width,
                        default_or_required(info, field), default_width, field.meaning, "", name_width, "",
                        default_width, field.type->allowed());
  }
  return text;
}

// Every struct below `info`, each once, in the order met.
void gather(const ConfigInfo& info, std::vector<const ConfigInfo*>& found) {
  if (std::find(found.begin(), found.end(), &info) != found.end()) return;
  found.push_back(&info);
  for (const ConfigField& field : info.fields) {
    if (field.type->info() != nullptr) gather(*field.type->info(), found);
  }
}

std::string anchor(const ConfigInfo& info) {
  std::string text;
  for (const char c : info.name)
    text += c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Json struct_schema(const ConfigInfo& info) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const ConfigField& field : info.fields) {
    Json property = Json::parse(field.type->json_schema());
    property["description"] = fmt::format("{} (default {})", field.meaning, default_or_required(info, field));
    properties[field.name] = std::move(property);
    if (field.required) required.push_back(field.name);
  }
  Json schema = {{"type", "object"}, {"description", info.meaning}, {"additionalProperties", false}};
  schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace

std::string describe_config(const ConfigInfo& root, std::string_view path) {
  const ConfigTarget target = find_config(root, path);
  if (target.field != nullptr && target.info == nullptr) {
    return fmt::format("{}: {}\n  allowed: {}\n", path, target.field->meaning, target.field->type->allowed());
  }
  std::string text;
  if (target.field != nullptr) text = fmt::format("{}: {}\n", path, target.field->meaning);
  return text + struct_table(*target.info);
}

std::string config_reference(const ConfigInfo& root) {
  std::vector<const ConfigInfo*> structs;
  gather(root, structs);
  std::string text;
  for (const ConfigInfo* info : structs) {
    text += fmt::format("### {}\n\n{}\n\n| key | default | meaning | allowed |\n|---|---|---|---|\n", info->name,
                        info->meaning);
    for (const ConfigField& field : info->fields) {
      std::string allowed = field.type->allowed();
      if (field.type->info() != nullptr) {
        allowed = fmt::format("{}[{}](#{})", field.type->is_list() ? "a list of " : "", field.type->info()->name,
                              anchor(*field.type->info()));
      }
      text += fmt::format("| `{}` | {} | {} | {} |\n", field.name, default_or_required(*info, field), field.meaning,
                          allowed);
    }
    text += "\n";
  }
  return text;
}

std::string config_json_schema(const ConfigInfo& root, const std::string& title) {
  std::vector<const ConfigInfo*> structs;
  gather(root, structs);
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  schema.update(struct_schema(root));
  Json definitions = Json::object();
  for (const ConfigInfo* info : structs) {
    if (info != &root) definitions[info->name] = struct_schema(*info);
  }
  schema["$defs"] = std::move(definitions);
  return schema.dump(2) + "\n";
}

}  // namespace pagoda
