// The gate's own test against the real API server: what a region says where it is shut, and where something opens it.
#include <gmock/gmock.h>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/rule.h"
#include "operator/perimeter/self_test.h"
#include "tests/cluster/gate_fixture.h"
#include "tests/support/events.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;

const auto& kMutatingPolicies = api::kMutatingPolicies;
const auto& kMutatingBindings = api::kMutatingPolicyBindings;
constexpr auto kWithinATest = std::chrono::duration_cast<std::chrono::milliseconds>(
    perimeter::kSelfTestPeriod + perimeter::kGateSettles + std::chrono::seconds(15));

class SelfTestTest : public GateTest {
 protected:
  void TearDown() override {
    for (const auto* resource : {&kMutatingBindings, &kMutatingPolicies}) (void)cluster().Delete(*resource, {"", id_});
    GateTest::TearDown();
  }

  // What mends requests before they are judged opens the gate as well as anything: here, a policy that gives the
  // probes of the test's namespace the selector that they have to lack.
  void MendProbes() {
    const auto make = [&](const kube::Resource& resource, const Json& spec) {
      const Json object = {{"apiVersion", resource.ApiVersion()},
                           {"kind", resource.kind},
                           {"metadata", {{"name", id_}}},
                           {"spec", spec}};
      const auto made = cluster().api().Create(resource, "", object.dump(), {});
      ASSERT_TRUE(made) << made.error().ToString();
    };
    const std::string mutation = R"([JSONPatch{op: "add", path: "/spec/nodeSelector", value: {")" +
                                 std::string(api::kNodeRegionLabel) + "\": \"" + region_ + "\"}}]";
    make(kMutatingPolicies,
         {{"failurePolicy", "Fail"},
          {"reinvocationPolicy", "Never"},
          {"matchConstraints",
           {{"resourceRules", Json::array({{{"apiGroups", {""}},
                                            {"apiVersions", {"v1"}},
                                            {"operations", {"CREATE"}},
                                            {"resources", {"pods"}}}})}}},
          {"matchConditions",
           Json::array({{{"name", "probes"}, {"expression", "object.metadata.name == 'rempart-probe'"}}})},
          {"mutations", Json::array({{{"patchType", "JSONPatch"}, {"jsonPatch", {{"expression", mutation}}}}})}});
    make(kMutatingBindings,
         {{"policyName", id_},
          {"matchResources", {{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", ns_}}}}}}}});
    // The server takes mutating policies up by themselves: the gate could be tested before this one.
    Json probe = Pod();
    probe["metadata"]["name"] = "rempart-probe";
    probe["spec"].erase("nodeSelector");
    EXPECT_TRUE(AwaitServer([&] {
      const auto reply = DryRun(api::kPods, probe);
      return reply && reply->body.contains(std::string(api::kNodeRegionLabel));
    })) << "the policy does not hold";
  }
};

TEST_F(SelfTestTest, ARegionShowsThatItsGateIsShut) {
  Declare("Enforce");
  const Json region = AwaitRegion("SelfTested", "True", "Proven");
  ASSERT_TRUE(region.is_object());
  const Json gate = region["status"]["gate"];
  auto table = rules::RulesOf(Stored(), {});
  std::erase_if(table, [](const auto& rule) { return rule.audit_only; });
  EXPECT_EQ(gate["refused"].get<std::size_t>() + gate["notProbed"].size(), table.size()) << "each is shown, or named";
  EXPECT_GE(gate["refused"], 10) << gate;
  EXPECT_GE(gate["admitted"], 5) << gate;
  EXPECT_TRUE(ParseTime(gate["lastHeld"].get<std::string>())) << gate;
  EXPECT_TRUE(AwaitRegion("Ready", "True").is_object());
  // A mode that refuses nothing has nothing to show.
  ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"enforcement", "Warn"}}}}));
  const Json warning = AwaitRegion("SelfTested", "Unknown", "NotEnforced");
  EXPECT_FALSE(warning["status"].contains("gate"));
  EXPECT_TRUE(AwaitRegion("Ready", "True").is_object());
}

TEST_F(SelfTestTest, AProbeThatGetsInIsNamedAndTheRegionIsNotReady) {
  MendProbes();
  Declare("Enforce");
  const auto open = cluster().Await(
      api::kRegions, {"", region_},
      [](const Json& now) { return HasCondition(now, "SelfTested", "False", "ProbeAdmitted"); }, kWithinATest);
  ASSERT_TRUE(open);
  EXPECT_THAT(ConditionOf(*open, "SelfTested")["message"].get<std::string>(),
              ::testing::StartsWith("in namespace " + ns_ + ": RP-103: an object that it must refuse got in"));
  EXPECT_TRUE(HasCondition(*open, "Ready", "False", "ProbeAdmitted"));
  EXPECT_FALSE((*open)["status"]["gate"].contains("lastHeld"));
  const auto event = AwaitEvent(cluster(), kEventsOfCluster, "ProbeAdmitted", "SovereignRegion", region_);
  ASSERT_TRUE(event);
  EXPECT_EQ((*event)["type"], "Warning");
  EXPECT_THAT((*event)["note"].get<std::string>(), HasSubstr("RP-103"));
  const std::string metric = "\nrempart_gate_probe_failed{region=\"" + region_ + "\",rule=\"RP-103\"} ";
  const auto served = [&] {  // by the one that leads
    return Suite::Get().Serves(0, "metrics", "/metrics").value_or("") +
           Suite::Get().Serves(1, "metrics", "/metrics").value_or("");
  };
  EXPECT_THAT(served(), HasSubstr(metric + "1\n"));
  for (const auto* resource : {&kMutatingBindings, &kMutatingPolicies})
    ASSERT_TRUE(cluster().Delete(*resource, {"", id_}));
  EXPECT_TRUE(AwaitRegion("SelfTested", "True", "Proven").is_object()) << "it is tested again within seconds";
  EXPECT_THAT(served(), ::testing::Not(HasSubstr(metric + "1\n")));
  EXPECT_TRUE(AwaitRegion("Ready", "True").is_object());
}

TEST_F(SelfTestTest, NamespacesInNoRegionAreCountedAndNamed) {
  Declare("Warn");
  const auto is = [&](const char* governed, bool listed) {
    return cluster()
        .Await(api::kRegions, {"", region_},
               [&](const Json& now) {
                 if (!now.is_object() || !now["status"].contains("namespaces")) return false;
                 const Json& namespaces = now["status"]["namespaces"];
                 const Json names = namespaces.value("namesInNoRegion", Json::array());
                 return namespaces["governed"].dump() == governed &&
                        (std::ranges::find(names, Json(ns_)) != names.end()) == listed;
               })
        .has_value();
  };
  EXPECT_TRUE(is("1", false));
  ASSERT_TRUE(cluster().MergePatch(api::kNamespaces, {"", ns_},
                                   {{"metadata", {{"labels", {{"rempart.dev/region", nullptr}}}}}}));
  EXPECT_TRUE(is("0", true));
}

}  // namespace
}  // namespace rempart::test
