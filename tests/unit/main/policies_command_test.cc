#include "operator/main/policies_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

namespace rempart {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PoliciesCommand : public ::testing::Test {
 protected:
  PoliciesCommand() {
    world_.regions = []() -> Result<std::vector<api::SovereignRegion>> {
      std::vector<api::SovereignRegion> regions(2);
      regions[0].meta.key.name = "france";
      regions[1].meta.key.name = "germany";
      return regions;
    };
    world_.nodes = [](const std::vector<api::SovereignRegion>&) -> Result<cli::QualifiedNodes> {
      return cli::QualifiedNodes{{"france", {"node-a"}}};
    };
    world_.profiles = [this](const std::vector<api::SovereignRegion>&) -> Result<std::vector<api::HostingProfile>> {
      return profiles_;
    };
    world_.mutates = []() -> Result<bool> { return false; };
  }

  PoliciesArguments arguments_;
  PoliciesWorld world_;
  std::vector<api::HostingProfile> profiles_;
};

TEST_F(PoliciesCommand, PrintsTheNodesThatTheClusterHas) {
  const auto result = Policies(arguments_, world_);
  EXPECT_EQ(result.exit_code, 0);
  std::vector<Json> parameters;
  const Json list = Json::parse(result.output);
  for (const Json& item : list["items"])
    if (item["kind"] == "PerimeterParameters") parameters.push_back(item);
  ASSERT_EQ(parameters.size(), 1U) << "applied without nodes, they would let nothing be bound";
  EXPECT_EQ(parameters[0]["metadata"]["name"], "france");
  EXPECT_EQ(parameters[0]["spec"]["nodes"], Json({{"node-a", true}}));
  EXPECT_THAT(result.error, HasSubstr("left out: perimeterparameters germany"));
  EXPECT_THAT(result.output, HasSubstr("germany.pods.rempart.dev"));
}

TEST_F(PoliciesCommand, CannotTellIsTwo) {
  world_.regions = []() -> Result<std::vector<api::SovereignRegion>> {
    return Fail(Error::NotFound("no kubeconfig: not found"));
  };
  const auto result = Policies(arguments_, world_);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.error, "error: no kubeconfig: not found\n");
}

TEST_F(PoliciesCommand, StaticOnesForAnOperatorThatIsNamed) {
  arguments_.as_files = true;
  const auto refused = Policies(arguments_, world_);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.output, "");
  EXPECT_THAT(refused.error, HasSubstr("--static wants --operator USER"));
  arguments_.operator_user = "system:serviceaccount:elsewhere:rempart-2";
  const auto made = Policies(arguments_, world_);
  EXPECT_EQ(made.exit_code, 0);
  EXPECT_THAT(made.output, HasSubstr("system:serviceaccount:elsewhere:rempart-2"));
  EXPECT_THAT(made.output, Not(HasSubstr(kUsualOperator)));
}

TEST_F(PoliciesCommand, NamesThePlacesOfTheRegionsProfile) {
  world_.regions = []() -> Result<std::vector<api::SovereignRegion>> {
    api::SovereignRegion region;
    region.meta.key.name = "france";
    region.country = "FR";
    region.profile = "cloud";
    region.rules.storage = {{"local"}};
    return std::vector{region};
  };
  arguments_.operator_user = kUsualOperator;
  for (const bool as_files : {false, true}) {
    arguments_.as_files = as_files;
    profiles_.clear();
    const auto without = Policies(arguments_, world_);
    EXPECT_THAT(without.error, HasSubstr("left out: region france: HostingProfile cloud is not at hand"));
    EXPECT_THAT(without.output, Not(HasSubstr("RP-403: ")));
    profiles_.resize(1);
    profiles_[0].meta.key.name = "cloud";
    profiles_[0].locations = {{.region = "eu-west", .zones = {"eu-west-a"}, .country = "FR"}};
    const auto with = Policies(arguments_, world_);
    EXPECT_THAT(with.error, Not(HasSubstr("HostingProfile")));
    EXPECT_THAT(with.output, HasSubstr("RP-403"));
    EXPECT_THAT(with.output, HasSubstr("eu-west-a"));
    profiles_[0].invalid = "spec.system is missing";
    EXPECT_THAT(Policies(arguments_, world_).error, HasSubstr("cannot be used"));
  }
}

TEST_F(PoliciesCommand, Arguments) {
  CLI::App app("test", "kubectl rempart");
  const auto* command = AddPoliciesCommand(app, arguments_);
  const char* const words[] = {"kubectl-rempart", "policies", "--static", "--operator", "admin"};
  app.parse(5, words);
  EXPECT_TRUE(command->parsed());
  EXPECT_TRUE(arguments_.as_files);
  EXPECT_EQ(arguments_.operator_user, "admin");
}

}  // namespace
}  // namespace rempart
