#include "operator/main/status_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace rempart {
namespace {

using ::testing::HasSubstr;

Json Region(const std::string& name, const char* ready) {
  Json region = Json::parse(
      R"({"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "conditions": [{"type": "Ready"}]}})");
  region["metadata"]["name"] = name;
  region["status"]["conditions"][0]["status"] = ready;
  return region;
}

StatusWorld WorldOf(std::vector<Json> items, bool more = false) {
  StatusWorld world;
  world.regions = [=](const std::string&) -> Result<RegionObjects> { return RegionObjects{items, more}; };
  return world;
}

TEST(StatusCommand, Arguments) {
  const auto parse = [](std::vector<const char*> words) {
    CLI::App app("test", "kubectl rempart");
    StatusArguments arguments;
    AddStatusCommand(app, arguments);
    words.insert(words.begin(), "kubectl-rempart");
    app.parse(static_cast<int>(words.size()), words.data());
    return arguments;
  };
  EXPECT_EQ(parse({"status"}).region, "");
  EXPECT_EQ(parse({"status", "france", "-o", "json"}).region, "france");
  EXPECT_EQ(parse({"status", "france", "-o", "json"}).format, "json");
  EXPECT_THROW(parse({"status", "-o", "yaml"}), CLI::ParseError);
  EXPECT_THROW(parse({"status", "france", "germany"}), CLI::ParseError);
}

TEST(StatusCommand, ExitCodes) {
  EXPECT_EQ(ShowStatus({}, WorldOf({Region("a", "True"), Region("b", "True")})).exit_code, 0);
  EXPECT_EQ(ShowStatus({}, WorldOf({Region("a", "True"), Region("b", "False")})).exit_code, 1);
  const auto none = ShowStatus({}, WorldOf({}));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_EQ(none.error, "the cluster has no SovereignRegion\n");
  EXPECT_EQ(ShowStatus({}, WorldOf({Region("a", "True")}, true)).exit_code, 2) << "of the others nothing is known";
  StatusWorld world;
  world.regions = [](const std::string& name) -> Result<RegionObjects> {
    return Fail(Error::NotFound("there is no region " + name));
  };
  const auto absent = ShowStatus({.region = "atlantis"}, world);
  EXPECT_EQ(absent.exit_code, 2);
  EXPECT_EQ(absent.error, "error: there is no region atlantis\n");
}

TEST(StatusCommand, PrintsByName) {
  const auto world = WorldOf({Region("b", "True"), Region("a", "True")});
  const std::string table = ShowStatus({}, world).output;
  EXPECT_LT(table.find("Region a"), table.find("Region b"));
  const Json json = Json::parse(ShowStatus({.format = "json"}, world).output);
  EXPECT_EQ(json["regions"][0]["name"], "a");
  EXPECT_EQ(json["regions"].size(), 2U);
}

}  // namespace
}  // namespace rempart
