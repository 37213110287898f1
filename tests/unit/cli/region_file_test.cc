#include "operator/cli/region_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/kube/read_file.h"

namespace rempart::cli {
namespace {

using ::testing::HasSubstr;

constexpr const char* kRegion =
    "apiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\nmetadata: {name: france}\nspec:\n  country: FR\n"
    "  hosting: {locations: [{region: fr-par, zones: [fr-par-1], country: FR}]}\n";

TEST(ReadRegion, TheSample) {
  const auto content = kube::ReadFile(std::string(REMPART_SOURCE_DIR) + "/crds/samples/region-france.yaml", 100'000);
  ASSERT_TRUE(content) << content.error().message;
  const auto region = ReadRegion(*content, "region-france.yaml");
  ASSERT_TRUE(region) << region.error().message;
  EXPECT_EQ(region->region.meta.key.name, "france");
  EXPECT_EQ(region->region.country, "FR");
  EXPECT_EQ(region->region.locations.at(0).zones.size(), 3U);
}

TEST(ReadRegion, AmongOthers) {
  const auto region =
      ReadRegion("apiVersion: v1\nkind: Namespace\nmetadata: {name: acme}\n---\n" + std::string(kRegion), "r");
  ASSERT_TRUE(region) << region.error().message;
  EXPECT_EQ(region->region.meta.key.name, "france");
}

TEST(ReadRegion, RefusesWithFileAndLine) {
  const std::pair<std::string, const char*> kCases[] = {
      {"", "r.yaml: no SovereignRegion"},
      {"apiVersion: v1\nkind: Pod\n", "r.yaml: no SovereignRegion"},
      {"apiVersion: example.org/v1\nkind: SovereignRegion\n", "r.yaml: no SovereignRegion"},
      {std::string(kRegion) + "---\n" + kRegion, "r.yaml: more than one"},
      {"a: [\n", "r.yaml:"},
      {"---\napiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\nmetadata: {name: france}\nspec: {country: 7}\n",
       "r.yaml:2: SovereignRegion"},
      {"apiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\n", "metadata.name is missing"},
  };
  for (const auto& [text, says] : kCases) {
    const auto region = ReadRegion(text, "r.yaml");
    ASSERT_FALSE(region) << text;
    EXPECT_EQ(region.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(region.error().message, HasSubstr(says));
  }
}

}  // namespace
}  // namespace rempart::cli
