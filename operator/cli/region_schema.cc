#include "operator/cli/region_schema.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/cli/nearest.h"
#include "src/kube/text.h"
#include "src/kube/yaml.h"

namespace rempart::cli {
namespace {

constexpr std::size_t kShown = 100;

const Json* Member(const Json& of, const char* key) {
  if (!of.is_object()) return nullptr;
  const auto at = of.find(key);
  return at == of.end() ? nullptr : &*at;
}

bool LeavesOpen(const Json& schema) {
  const Json* preserves = Member(schema, "x-kubernetes-preserve-unknown-fields");
  return preserves != nullptr && *preserves == true;
}

std::optional<UnknownField> Find(const Json& value, const Json& schema, const std::string& path) {
  if (value.is_array()) {
    const Json* items = Member(schema, "items");
    if (items == nullptr) return std::nullopt;
    for (std::size_t i = 0; i < value.size(); ++i)
      if (auto unknown = Find(value[i], *items, fmt::format("{}[{}]", path, i))) return unknown;
    return std::nullopt;
  }
  const Json* known = Member(schema, "properties");
  if (!value.is_object() || known == nullptr) return std::nullopt;  // any members, or none of its own
  for (const auto& [key, member] : value.items()) {
    if (path.empty() && (key == "metadata" || key == "status")) continue;
    std::string below = path.empty() ? key : path + "." + key;
    const auto described = known->find(key);
    if (described == known->end()) {
      if (LeavesOpen(schema)) continue;
      UnknownField unknown{std::move(below), {}};
      for (const auto& [name, ignored] : known->items()) unknown.known.push_back(name);
      return unknown;
    }
    if (auto unknown = Find(member, *described, below)) return unknown;
  }
  return std::nullopt;
}

Json SchemaIn(std::string_view text) {
  const auto definition = kube::ParseYaml(text, kube::YamlScalars::kKubernetes);
  return definition ? definition->value("/spec/versions/0/schema/openAPIV3Schema"_json_pointer, Json::object())
                    : Json::object();
}

}  // namespace

const Json& RegionSchema() {
  static const Json schema = SchemaIn(kRegionDefinition);
  return schema;
}

const Json& ProfileSchema() {
  static const Json schema = SchemaIn(kProfileDefinition);
  return schema;
}

std::string UnknownField::Why() const {
  const auto dot = path.rfind('.');
  const auto near = Nearest(path.substr(dot == path.npos ? 0 : dot + 1), known);
  return kube::Printable(path, kShown) + " is no field of it: " +
         (near ? "did you mean " + *near + "?" : fmt::format("there are {}", fmt::join(known, ", ")));
}

std::optional<UnknownField> FindUnknownField(const Json& object, const Json& schema) {
  return Find(object, schema, "");
}

}  // namespace rempart::cli
