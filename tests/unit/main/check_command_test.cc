#include "operator/main/check_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tests/unit/kube/temp_dir.h"

namespace rempart {
namespace {

using kube::test::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CheckArguments Parse(std::vector<const char*> words) {
  CLI::App app("test", "kubectl rempart");
  app.fallthrough();
  CheckArguments arguments;
  const auto* check = AddCheckCommand(app, arguments);
  words.insert(words.begin(), "kubectl-rempart");
  app.parse(static_cast<int>(words.size()), words.data());
  EXPECT_TRUE(check->parsed());
  return arguments;
}

TEST(CheckCommand, Arguments) {
  const CheckArguments defaults = Parse({"check"});
  EXPECT_THAT(defaults.paths, IsEmpty());
  EXPECT_EQ(defaults.format, "table");
  EXPECT_EQ(defaults.ns, "");
  const CheckArguments all =
      Parse({"check", "-f", "a", "b", "-", "-f", "c", "-o", "sarif", "--region", "r.yaml", "-n", "acme"});
  EXPECT_THAT(all.files, ElementsAre("a", "c"));
  EXPECT_THAT(all.paths, ElementsAre("b", "-"));
  EXPECT_EQ(all.format, "sarif");
  EXPECT_EQ(all.region_file, "r.yaml");
  EXPECT_EQ(all.ns, "acme");
  EXPECT_THAT(Parse({"check", "-f", "-"}).files, ElementsAre("-"));
  EXPECT_THROW(Parse({"check", "-o", "xml"}), CLI::ParseError);
  EXPECT_THROW(Parse({"check", "--filenames", "a"}), CLI::ParseError);
}

class CheckCommandRun : public ::testing::Test {
 protected:
  CheckCommandRun() {
    world_.read_stdin = []() -> Result<std::string> { return "apiVersion: v1\nkind: Pod\nspec: {nodeName: n}\n"; };
    world_.cluster = []() -> Result<cli::ClusterView> { return Fail(Error::Transient("no cluster here")); };
    world_.make_judge = [](const api::SovereignRegion& region,
                           const cli::JudgeSettings& settings) -> Result<cli::Judge> {
      return cli::Judge([name = region.meta.key.name + (settings.mutates ? "+" : "")](const Json& object) {
        return std::vector<cli::Violation>{
            {"RP-1", "spec.nodeName", name + " and " + object["metadata"]["namespace"].get<std::string>()}};
      });
    };
    arguments_.paths = {"-"};
    arguments_.region_file = dir_.Write(
        "region.yaml",
        "apiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\nmetadata: {name: france}\nspec:\n  country: FR\n"
        "  hosting: {locations: [{region: fr-par, zones: [fr-par-1], country: FR}]}\n");
  }

  TempDir dir_;
  CheckArguments arguments_;
  CheckWorld world_;
};

TEST_F(CheckCommandRun, JudgesByTheRegionOfTheFile) {
  arguments_.ns = "acme";
  const auto result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("stdin:3"));
  EXPECT_THAT(result.output, HasSubstr("france and acme"));
  EXPECT_EQ(result.error, "");
}

TEST_F(CheckCommandRun, WhatIsExemptIsNotJudged) {
  arguments_.region_file = dir_.Write(
      "exempt.yaml",
      "apiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\nmetadata: {name: france}\nspec:\n  country: FR\n"
      "  exemptNamespaces: [monitoring]\n"
      "  hosting: {locations: [{region: fr-par, zones: [fr-par-1], country: FR}]}\n");
  world_.context = rules::PolicyContext::Of("system:serviceaccount:rempart-system:rempart");
  for (const char* ns : {"kube-system", "monitoring", "rempart-system"}) {
    arguments_.ns = ns;
    const auto result = Check(arguments_, world_);
    EXPECT_EQ(result.exit_code, 0) << ns;
    EXPECT_THAT(result.output, HasSubstr("1 in no region or exempt, and not judged")) << ns;
  }
  arguments_.ns = "acme";
  EXPECT_EQ(Check(arguments_, world_).exit_code, 1);
}

TEST_F(CheckCommandRun, TellsTheJudgeOfTheNodesOfItsRegion) {
  arguments_.region_file.clear();
  world_.cluster = []() -> Result<cli::ClusterView> {
    api::SovereignRegion germany;
    germany.meta.key.name = "germany";
    return cli::ClusterView{
        .regions = {germany}, .namespaces = std::nullopt, .nodes = {{"france", {"f"}}, {"germany", {"a", "b"}}}};
  };
  std::vector<std::string> nodes, described;
  world_.make_judge = [&](const api::SovereignRegion&, const cli::JudgeSettings& settings) -> Result<cli::Judge> {
    nodes = settings.nodes;
    return cli::Judge([](const Json&) { return std::vector<cli::Violation>(); });
  };
  world_.rules = [&](const std::vector<api::SovereignRegion>& regions, const cli::RegionPlaces&) {
    for (const auto& region : regions) described.push_back(region.meta.key.name);
    return std::vector<cli::RuleText>{{"RP-1", "of germany", ""}};
  };
  arguments_.format = "sarif";
  EXPECT_THAT(Check(arguments_, world_).output, HasSubstr("of germany"));
  EXPECT_THAT(nodes, ElementsAre("a", "b"));
  EXPECT_THAT(described, ElementsAre("germany"));
}

api::SovereignRegion Region(const std::string& name) {
  api::SovereignRegion region;
  region.meta.key.name = name;
  return region;
}

TEST_F(CheckCommandRun, JudgesByTheClustersRegion) {
  arguments_.region_file.clear();
  auto result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.error, "error: no cluster here\n");
  EXPECT_EQ(result.output, "");
  world_.cluster = []() -> Result<cli::ClusterView> {
    return cli::ClusterView{{Region("germany")}, std::nullopt, "of-the-context"};
  };
  result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("germany and of-the-context"));
  arguments_.ns = "acme";
  EXPECT_THAT(Check(arguments_, world_).output, HasSubstr("germany and acme"));
}

TEST_F(CheckCommandRun, JudgesEachNamespaceByItsRegion) {
  arguments_.region_file.clear();
  world_.cluster = []() -> Result<cli::ClusterView> {
    api::Namespace acme, other;
    acme.meta.key.name = "acme";
    acme.labels = {{"rempart.dev/region", "france"}, {"kubernetes.io/metadata.name", "acme"}};
    other.meta.key.name = "other";
    return cli::ClusterView{{Region("germany"), Region("france")}, {{acme, other}}};
  };
  arguments_.ns = "acme";
  auto result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("france and acme"));
  EXPECT_THAT(result.output, HasSubstr("1 violation in"));
  arguments_.ns = "other";
  result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("in no region or exempt, and not judged"));
  arguments_.ns = "to-come";
  result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 2) << "neither clean nor not";
  EXPECT_THAT(result.output, HasSubstr("namespace to-come: neither the cluster nor a Namespace among the manifests"));
  world_.read_stdin = []() -> Result<std::string> {
    return "apiVersion: v1\nkind: Pod\nspec: {nodeName: n}\n---\n"
           "apiVersion: v1\nkind: Namespace\nmetadata: {name: to-come, labels: {rempart.dev/region: germany}}\n";
  };
  world_.make_judge = [](const api::SovereignRegion& region, const cli::JudgeSettings&) -> Result<cli::Judge> {
    return cli::Judge([name = region.meta.key.name](const Json& object) -> std::optional<std::vector<cli::Violation>> {
      if (object["kind"] != "Pod") return std::nullopt;
      return std::vector<cli::Violation>{{"RP-1", "spec.nodeName", "by " + name}};
    });
  };
  result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 1) << "its Namespace stands behind the pod, and says which region";
  EXPECT_THAT(result.output, HasSubstr("by germany"));
  EXPECT_THAT(result.output, HasSubstr("1 violation in"));
}

constexpr char kOfAProfile[] =
    "apiVersion: rempart.dev/v1alpha1\nkind: SovereignRegion\nmetadata: {name: france}\nspec:\n  country: FR\n"
    "  hosting: {profile: cloud}\n  storage: {classes: [local]}\n";
constexpr char kProfile[] =
    "---\napiVersion: rempart.dev/v1alpha1\nkind: HostingProfile\nmetadata: {name: cloud}\nspec:\n  system: Cloud\n"
    "  provider: Cloud SAS\n  state: Live\n"
    "  locations: [{region: eu-west, zones: [eu-west-a], country: FR, source: its site}]\n";

TEST_F(CheckCommandRun, KnowsThePlacesOfTheProfileThatIsInTheFileToo) {
  std::optional<rules::RuleContext::Places> places;
  world_.make_judge = [&](const api::SovereignRegion&, const cli::JudgeSettings& settings) -> Result<cli::Judge> {
    places = settings.context.rules.places;
    return cli::Judge([](const Json&) { return std::vector<cli::Violation>(); });
  };
  arguments_.region_file = dir_.Write("alone.yaml", kOfAProfile);
  EXPECT_THAT(Check(arguments_, world_).error,
              HasSubstr("warning: region france: HostingProfile cloud is not at hand, or cannot be used: topologies of "
                        "storage are not asked for"));
  EXPECT_FALSE(places.has_value());
  arguments_.region_file = dir_.Write("both.yaml", std::string(kOfAProfile) + kProfile);
  EXPECT_EQ(Check(arguments_, world_).error, "");
  ASSERT_TRUE(places.has_value());
  EXPECT_THAT(places->regions, ElementsAre("eu-west"));
  EXPECT_THAT(places->zones, ElementsAre("eu-west-a"));

  arguments_.region_file = dir_.Write("typo.yaml", std::string(kOfAProfile) + kProfile + "  refus: []\n");
  const auto typo = Check(arguments_, world_);
  EXPECT_EQ(typo.exit_code, 2);
  EXPECT_THAT(typo.error, HasSubstr("HostingProfile: spec.refus is no field of it: did you mean refuse?"));
}

TEST_F(CheckCommandRun, KnowsThePlacesOfTheClustersProfiles) {
  arguments_.region_file.clear();
  std::vector<std::string> zones, described;
  world_.make_judge = [&](const api::SovereignRegion&, const cli::JudgeSettings& settings) -> Result<cli::Judge> {
    if (settings.context.rules.places) zones = settings.context.rules.places->zones;
    return cli::Judge([](const Json&) { return std::vector<cli::Violation>(); });
  };
  world_.rules = [&](const std::vector<api::SovereignRegion>&, const cli::RegionPlaces& places) {
    for (const auto& [region, its] : places) described.push_back(region);
    return std::vector<cli::RuleText>();
  };
  bool readable = true;
  world_.cluster = [&]() -> Result<cli::ClusterView> {
    auto region = Region("france");
    region.country = "FR";
    region.profile = "cloud";
    region.rules.storage.emplace();
    api::HostingProfile profile;
    profile.meta.key.name = "cloud";
    profile.locations = {{.region = "eu-west", .zones = {"eu-west-a"}, .country = "FR"}};
    cli::ClusterView view{.regions = {region}, .namespaces = std::nullopt};
    if (readable) view.profiles = {profile};
    return view;
  };
  EXPECT_EQ(Check(arguments_, world_).error, "");
  EXPECT_THAT(zones, ElementsAre("eu-west-a"));
  EXPECT_THAT(described, ElementsAre("france"));
  readable = false;
  EXPECT_THAT(Check(arguments_, world_).error, HasSubstr("HostingProfile cloud is not at hand"));
}

TEST_F(CheckCommandRun, ForTheServerThatIsMeant) {
  EXPECT_THAT(Check(arguments_, world_).output, HasSubstr("france and default"));
  for (const char* old : {"1.35", "v1.9.3"}) {
    arguments_.kube_version = old;
    EXPECT_THAT(Check(arguments_, world_).output, HasSubstr("france and default")) << old;
  }
  for (const char* recent : {"1.36", "v1.36.2", "1.40.0-rc.1", "v1.37.1+k3s1"}) {
    arguments_.kube_version = recent;
    EXPECT_THAT(Check(arguments_, world_).output, HasSubstr("france+ and default")) << recent;
  }
  for (const char* none : {"36", "2.0", "1.36x", "latest", "1.99999999999"}) {
    arguments_.kube_version = none;
    const auto result = Check(arguments_, world_);
    EXPECT_EQ(result.exit_code, 2) << none;
    EXPECT_THAT(result.error, HasSubstr("want a version of Kubernetes")) << none;
  }
  arguments_.region_file.clear();
  arguments_.kube_version = "1.36";
  EXPECT_THAT(Check(arguments_, world_).error, HasSubstr("goes with --region"));
  arguments_.kube_version.clear();
  world_.cluster = []() -> Result<cli::ClusterView> {
    return cli::ClusterView{.regions = {Region("germany")}, .namespaces = std::nullopt, .mutates = true};
  };
  EXPECT_THAT(Check(arguments_, world_).output, HasSubstr("germany+ and default"));
}

TEST_F(CheckCommandRun, SaysWhatIsMissing) {
  auto arguments = arguments_;
  arguments.paths.clear();
  EXPECT_THAT(Check(arguments, world_).error, HasSubstr("nothing to check"));
  arguments = arguments_;
  arguments.region_file = dir_ / "absent.yaml";
  EXPECT_THAT(Check(arguments, world_).error, HasSubstr("absent.yaml"));
  arguments = arguments_;
  arguments.paths = {dir_ / "absent.yaml"};
  EXPECT_EQ(Check(arguments, world_).exit_code, 2);
  world_.make_judge = [](const api::SovereignRegion&, const cli::JudgeSettings&) -> Result<cli::Judge> {
    return Fail(Error::Internal("no rules"));
  };
  const auto result = Check(arguments_, world_);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.error, "error: no rules\n");
}

}  // namespace
}  // namespace rempart
