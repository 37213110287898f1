// Plain pods in a region's namespace, held by the region's taint alone: moved off a node that it lost where it
// enforces, as disruption budgets allow, and left where they are where it does not.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "operator/perimeter/node_plan.h"
#include "tests/cluster/gate_fixture.h"
#include "tests/support/events.h"

namespace rempart::test {
namespace {

using ::testing::StartsWith;

class BarePodsTest : public GateTest {
 protected:
  // Node "a" alone at first, so that every pod sits there; the region has room for "b". `more` is of the region's spec.
  void DeclareWithTaint(const std::string& enforcement, const std::string& grace, const std::string& deadline,
                        Json more = Json::object()) {
    Json location = {{"region", id_}, {"country", "FR"}, {"providerIDPattern", "^kwok://"}};
    location["zones"] = {Zone("a"), Zone("b")};
    more["hosting"] = {{"locations", Json::array({location})},
                       {"taintOutsideNodes", true},
                       {"onLoss", {{"action", "Evict"}, {"gracePeriod", grace}, {"deadline", deadline}}}};
    Declare(enforcement, more);
    ASSERT_TRUE(cluster().AwaitList(api::kNodes, "", "", [](const std::vector<Json>& nodes) {
      return std::ranges::all_of(nodes, [](const Json& node) { return IsInARegion(node) || IsTainted(node); });
    })) << "pods may still start elsewhere";
  }
  static bool IsInARegion(const Json& node) {
    return node["metadata"].value("labels", Json::object()).contains(std::string(api::kNodeRegionLabel));
  }
  static bool IsTainted(const Json& node) {
    return std::ranges::any_of(node["spec"].value("taints", Json::array()),
                               [](const Json& taint) { return taint["key"] == api::kOutsideTaint; });
  }
  // A Deployment as a tenant applies it: nothing in it names the region.
  void RunPlain(int replicas) {
    Json spec = Pod()["spec"];
    spec.erase("nodeSelector");
    Create({{"apiVersion", "apps/v1"},
            {"kind", "Deployment"},
            {"metadata", {{"name", "plain"}, {"namespace", ns_}}},
            {"spec",
             {{"replicas", replicas},
              {"selector", {{"matchLabels", {{"app", "plain"}}}}},
              {"template", {{"metadata", {{"labels", {{"app", "plain"}}}}}, {"spec", spec}}}}}});
  }
  // So many pods of the selector run on that node, and none is elsewhere; their names.
  std::set<std::string> AwaitAllOn(const std::string& selector, std::size_t count, const std::string& node,
                                   std::chrono::milliseconds limit = 30s) {
    std::set<std::string> names;
    const bool all = cluster().AwaitList(
        api::kPods, ns_, selector,
        [&](const std::vector<Json>& pods) {
          names.clear();
          for (const Json& pod : pods) {
            if (pod["spec"].value("nodeName", "") != node || pod["status"].value("phase", "") != "Running" ||
                pod["metadata"].contains("deletionTimestamp"))
              return false;
            names.insert(pod["metadata"]["name"]);
          }
          return names.size() == count;
        },
        limit);
    return all ? names : std::set<std::string>{};
  }
  void Join(const std::string& zone) {
    MakeNodes({zone});
    ASSERT_TRUE(AwaitNodeLabel(NodeName(zone), api::kNodeRegionLabel, region_));
  }
  // Since when the node is lost, by its record; nothing where it is not.
  std::optional<WallTime> Lose(const std::string& zone) {
    const Json elsewhere = {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "gone"}}}}}};
    EXPECT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName(zone)}, elsewhere));
    std::optional<WallTime> since;
    EXPECT_TRUE(cluster().Await(api::kNodes, {"", NodeName(zone)}, [&](const Json& node) {
      const Json labels = node.is_object() ? node["metadata"].value("labels", Json::object()) : Json::object();
      since = perimeter::ParseLostSince(labels.value(std::string(api::kNodeLostSinceLabel), ""));
      return since.has_value();
    }));
    return since;
  }
  std::optional<Json> EventOfPod(const std::string& reason, const std::string& pod) {
    return AwaitEvent(cluster(), ns_, reason, "Pod", pod);
  }
  std::optional<Json> EventOfRegion(const std::string& reason) {
    return AwaitEvent(cluster(), kEventsOfCluster, reason, "SovereignRegion", region_);
  }
};

TEST_F(BarePodsTest, StartAgainInTheRegionAfterTheGracePeriod) {
  DeclareWithTaint("Enforce", "2s", "5m", {{"language", "fr"}});
  RunPlain(2);
  const auto before = AwaitAllOn("app=plain", 2, NodeName("a"));
  ASSERT_EQ(before.size(), 2U);
  Join("b");
  const auto lost = Lose("a");
  ASSERT_TRUE(lost);
  EXPECT_EQ(AwaitAllOn("app=plain", 2, NodeName("b")).size(), 2U);
  for (const std::string& pod : before) {
    const auto event = EventOfPod("EvictedFromLostNode", pod);
    ASSERT_TRUE(event) << pod;
    EXPECT_THAT((*event)["note"].get<std::string>(),
                StartsWith("le pod " + ns_ + "/" + pod + " sur le nœud " + NodeName("a") + " : "));
    EXPECT_GE(TimeOf(*event), *lost + 2s) << "before the grace period was over: " << FormatMicroTime(TimeOf(*event));
  }
  const auto told = EventOfRegion("EvictedFromLostNode");
  ASSERT_TRUE(told);
  EXPECT_THAT((*told)["note"].get<std::string>(), StartsWith("le pod " + ns_ + "/plain-"));
}

TEST_F(BarePodsTest, AreHeldByBudgetsUntilTheDeadline) {
  DeclareWithTaint("Enforce", "1s", "6s");
  RunPlain(2);
  const auto before = AwaitAllOn("app=plain", 2, NodeName("a"));
  ASSERT_EQ(before.size(), 2U);
  Create({{"apiVersion", "policy/v1"},
          {"kind", "PodDisruptionBudget"},
          {"metadata", {{"name", "all"}, {"namespace", ns_}}},
          {"spec", {{"maxUnavailable", 0}, {"selector", {{"matchLabels", {{"app", "plain"}}}}}}}});
  const kube::Resource budgets{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true};
  ASSERT_TRUE(cluster().Await(budgets, {ns_, "all"}, [](const Json& b) {
    return b.value(Json::json_pointer("/status/expectedPods"), 0) == 2;
  }));
  Join("b");
  const auto lost = Lose("a");
  ASSERT_TRUE(lost);
  EXPECT_EQ(AwaitAllOn("app=plain", 2, NodeName("b"), 60s).size(), 2U) << "after the deadline they go";
  for (const std::string& pod : before) {
    const auto event = EventOfPod("DeletedAfterDeadline", pod);
    ASSERT_TRUE(event) << pod;
    EXPECT_THAT((*event)["note"].get<std::string>(), StartsWith("pod " + ns_ + "/" + pod + " on node "));
    EXPECT_GE(TimeOf(*event), *lost + 1s + 6s)
        << "the budget should have held until the deadline: " << FormatMicroTime(TimeOf(*event));
  }
  EXPECT_TRUE(EventOfRegion("DeletedAfterDeadline"));
  for (const Json& event : cluster().List(kEvents, ns_).value_or(std::vector<Json>{}))
    EXPECT_NE(event.value("reason", ""), "EvictedFromLostNode") << event;
}

// A workload of the region sits beside them: when its pod has gone, they could have been moved as well.
TEST_F(BarePodsTest, StayWhereTheRegionOnlyAudits) {
  DeclareWithTaint("Warn", "1s", "5m");  // the fixture waits for a word of the gate, and Audit is silent
  ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"enforcement", "Audit"}}}}));
  ASSERT_TRUE(AwaitRegion("Ready", "True").is_object());
  RunPlain(2);
  Create(MakeWorkload(ns_, "held", region_));
  const auto before = AwaitAllOn("app=plain", 2, NodeName("a"));
  ASSERT_EQ(before.size(), 2U);
  ASSERT_EQ(AwaitAllOn("rempart.dev/workload=held", 1, NodeName("a")).size(), 1U);
  Join("b");
  ASSERT_TRUE(Lose("a"));
  ASSERT_EQ(AwaitAllOn("rempart.dev/workload=held", 1, NodeName("b")).size(), 1U);
  EXPECT_EQ(AwaitAllOn("app=plain", 2, NodeName("a")), before) << "they were moved, though the region does not enforce";

  ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"enforcement", "Enforce"}}}}));
  EXPECT_EQ(AwaitAllOn("app=plain", 2, NodeName("b")).size(), 2U) << "the same pods are moved once it does";
}

}  // namespace
}  // namespace rempart::test
