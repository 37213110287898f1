// Over which zones pods are spread: because their child says so, not because the scheduler does by default.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class SpreadTest : public ClusterTest {
 protected:
  // They are of the region, and take pods: until they are ready they have a taint.
  bool AwaitNodes(const std::vector<std::string>& zones) {
    return std::ranges::all_of(zones, [&](const auto& zone) {
      return AwaitNodeLabel(NodeName(zone), api::kNodeRegionLabel, region_) &&
             cluster().Await(api::kNodes, {"", NodeName(zone)}, [](const Json& node) {
               return node.is_object() && node["spec"].value("taints", Json::array()).empty();
             });
    });
  }
  Json WorkloadOf(int replicas, const Json& placement) const {
    Json workload = MakeWorkload(ns_, "web", region_, replicas);
    workload["spec"]["placement"] = placement;
    return workload;
  }
  // How many of its pods sit on which node; those that wait under "".
  std::map<std::string, int> PodsByNode() {
    std::map<std::string, int> pods;
    for (const auto& node : NodesOfPods("web")) ++pods[node];
    return pods;
  }
  // By default the scheduler would put all of them on the only node that takes any.
  void ExpectOneOnNodeAAndTheOthersWaiting(int replicas) {
    const auto seated = [&](const Json& pod) { return pod["spec"].value("nodeName", "") == NodeName("a"); };
    const auto refused = [](const Json& pod) { return HasCondition(pod, "PodScheduled", "False", "Unschedulable"); };
    EXPECT_TRUE(cluster().AwaitList(api::kPods, ns_, "rempart.dev/workload=web", [&](const std::vector<Json>& pods) {
      return std::ranges::count_if(pods, seated) == 1 && std::ranges::count_if(pods, refused) == replicas - 1;
    }));
    const std::string waiting = std::to_string(replicas - 1) + " pods waiting";
    EXPECT_TRUE(cluster().Await(api::kWorkloads, {ns_, "web"}, [&](const Json& w) {
      return HasCondition(w, "Placed", "False", "TooFewZones") &&
             ConditionOf(w, "Placed")["message"].get<std::string>().starts_with(waiting);
    }));
    EXPECT_THAT(PodsByNode(), UnorderedElementsAre(Pair(NodeName("a"), 1), Pair("", replicas - 1)));
  }
};

TEST_F(SpreadTest, PodsWaitForTheSecondZoneWhoseNodeIsCordoned) {
  MakeNodes({"a"});
  // Cordoned from the start, so that the scheduler has never seen it otherwise.
  Json cordoned = MakeNode(NodeName("b"), id_, Zone("b"), "kwok://" + NodeName("b"));
  cordoned["spec"]["unschedulable"] = true;
  Create(cordoned);
  MakeRegionOf({"a", "b"});
  ASSERT_TRUE(AwaitNodes({"a"}));
  ASSERT_TRUE(AwaitNodeLabel(NodeName("b"), api::kNodeRegionLabel, region_));
  Create(WorkloadOf(4, {{"minZones", 2}}));
  ExpectOneOnNodeAAndTheOthersWaiting(4);

  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("b")}, {{"spec", {{"unschedulable", nullptr}}}}));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  EXPECT_THAT(PodsByNode(), UnorderedElementsAre(Pair(NodeName("a"), 2), Pair(NodeName("b"), 2)));
}

// To the scheduler a zone without nodes does not exist: minDomains alone tells it of the second.
TEST_F(SpreadTest, PodsWaitForTheSecondZoneThatHasNoNode) {
  MakeNodes({"a"});
  MakeRegionOf({"a", "b"});
  ASSERT_TRUE(AwaitNodes({"a"}));
  Create(WorkloadOf(3, {{"minZones", 2}}));
  ExpectOneOnNodeAAndTheOthersWaiting(3);
}

TEST_F(SpreadTest, PodsStayInTheZonesThatAreNamedAndUseEach) {
  MakeNodes({"a", "b", "c"});
  MakeRegionOf({"a", "b", "c"});
  ASSERT_TRUE(AwaitNodes({"a", "b", "c"}));
  // Without minZones the scheduler would only prefer to use both.
  Create(WorkloadOf(6, {{"zones", {Zone("a"), Zone("c")}}, {"minZones", 2}}));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  EXPECT_THAT(PodsByNode(), UnorderedElementsAre(Pair(NodeName("a"), 3), Pair(NodeName("c"), 3)));
}

}  // namespace
}  // namespace rempart::test
