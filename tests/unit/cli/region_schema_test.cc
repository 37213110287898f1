#include "operator/cli/region_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/cli/region_file.h"

namespace rempart::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A value with every field that the schema has, so that a field of tomorrow is among them.
Json WithEveryField(const Json& schema) {
  Json made = Json::object();
  if (schema.contains("properties")) {
    for (const auto& [name, described] : schema["properties"].items()) made[name] = WithEveryField(described);
  } else if (schema.contains("additionalProperties")) {
    made["anything.example/x"] = WithEveryField(schema["additionalProperties"]);
  } else if (schema.contains("items")) {
    return Json::array({WithEveryField(schema["items"])});
  } else if (schema.value("type", "") != "object") {
    return "a value";
  }
  return made;
}

// Each member of each object in it, misspelt, one at a time.
void Misspell(const Json& schema, Json& root, Json& value, std::vector<std::string>& passed, const std::string& path) {
  if (value.is_array()) return Misspell(schema["items"], root, value[0], passed, path + "[0]");
  if (!value.is_object() || !schema.contains("properties")) return;
  for (const auto& [name, described] : schema["properties"].items()) {
    if (path.empty() && name != "spec") continue;
    Misspell(described, root, value[name], passed, path + "/" + name);
    value[name + "s"] = value[name];
    const auto unknown = FindUnknownField(root, RegionSchema());
    if (!unknown || !unknown->path.ends_with(name + "s")) passed.push_back(path + "/" + name);
    value.erase(name + "s");
  }
}

TEST(RegionSchema, TakesEveryFieldAndNoOther) {
  Json region = WithEveryField(RegionSchema());
  ASSERT_TRUE(region["spec"]["hosting"]["locations"][0].contains("zones")) << "the definition was read";
  const auto unknown = FindUnknownField(region, RegionSchema());
  EXPECT_FALSE(unknown) << unknown->path;
  region["status"]["of"]["tomorrow"] = 1;
  region["metadata"]["managedFields"] = Json::array({{{"manager", "kubectl"}}});
  EXPECT_FALSE(FindUnknownField(region, RegionSchema()));
  std::vector<std::string> passed;
  Misspell(RegionSchema(), region, region, passed, "");
  EXPECT_THAT(passed, IsEmpty());
}

constexpr const char* kSpec =
    "apiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\nmetadata: {name: france, labels: {any: thing}}\nspec:\n"
    "  country: FR\n  namespaceSelector: {matchLabels: {a.b/c: d}}\n"
    "  hosting: {locations: [{region: fr-par, zones: [fr-par-1], country: FR}]}\n";

TEST(RegionSchema, AFieldThatAFileHasByMistakeIsRefused) {
  ASSERT_TRUE(ReadRegion(kSpec, "r.yaml"));
  const std::pair<const char*, const char*> kCases[] = {
      {"  imges: {registries: [a.example]}\n",
       "r.yaml:8: SovereignRegion: spec.imges is no field of it: did you mean images?"},
      {"  acess: {admins: [user:x]}\n", "spec.acess is no field of it: did you mean access?"},
      {"  network:\n    egress:\n    - cidr: 10.0.0.0/8\n      port: 443\n",
       "r.yaml:11: SovereignRegion: spec.network.egress[0].port is no field of it: did you mean ports?"},
      {"  keys: {whatever: 1}\n", "there are allowedKeys, allowedStores, externalStores, providers"},
      {"spce: {}\n", "r.yaml:8: SovereignRegion: spce is no field of it: did you mean spec?"}};
  for (const auto& [more, says] : kCases) {
    const auto region = ReadRegion(std::string(kSpec) + more, "r.yaml");
    ASSERT_FALSE(region) << more;
    EXPECT_EQ(region.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(region.error().message, HasSubstr(says));
  }
}

}  // namespace
}  // namespace rempart::cli
