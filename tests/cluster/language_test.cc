// What conditions and events say on the real server, in the language that the region asks for.
#include <gmock/gmock.h>

#include "tests/cluster/suite.h"
#include "tests/support/events.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Told {
  const char* test;
  Json spec;                         // what the region says of its language
  std::string both_nodes, one_node;  // Ready, of the region
  std::string refused;               // why a template has no place
  std::string lost;                  // of a node, and of the region that lost it, which begins with `node`
  std::string node;
};

void PrintTo(const Told& told, std::ostream* out) { *out << told.test; }

class LanguageTest : public ClusterTest, public ::testing::WithParamInterface<Told> {};

TEST_P(LanguageTest, OfConditionsAndEventsIsTheRegions) {
  const Told& told = GetParam();
  MakeNodes({"a", "b"});
  Json region = MakeRegion(region_, id_, {Zone("a"), Zone("b")});
  region["spec"].update(told.spec);
  Create(region);
  const auto ready = [&](int qualified) {
    const auto seen = cluster().Await(api::kRegions, {"", region_}, [&](const Json& r) {
      return HasCondition(r, "Ready", "True") && r.value(Json::json_pointer("/status/nodes/qualified"), 0) == qualified;
    });
    return seen ? ConditionOf(*seen, "Ready").value("message", "") : "";
  };
  EXPECT_EQ(ready(2), told.both_nodes);

  Json elsewhere = MakeWorkload(ns_, "elsewhere", region_);
  elsewhere["spec"]["template"]["spec"]["nodeSelector"] = {{std::string(api::kTopologyZone), Zone("foreign")}};
  Create(elsewhere);
  const Json refused = AwaitWorkload("elsewhere", "Stalled", "True", "PlacementRefused");
  ASSERT_TRUE(refused.is_object());
  const std::string why = ConditionOf(refused, "Stalled")["message"];
  EXPECT_THAT(why, HasSubstr(told.refused));
  EXPECT_EQ(ConditionOf(refused, "Ready")["message"], why);
  const auto event = AwaitEvent(cluster(), ns_, "PlacementRefused", "TenantWorkload", "elsewhere");
  ASSERT_TRUE(event);
  EXPECT_EQ((*event)["note"], why);

  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("b")},
                                   {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "gone"}}}}}}));
  const auto of_node = AwaitEvent(cluster(), kEventsOfCluster, "NodeLost", "Node", NodeName("b"));
  ASSERT_TRUE(of_node);
  EXPECT_THAT((*of_node)["note"].get<std::string>(), StartsWith(told.lost + " " + region_));
  const auto of_region = AwaitEvent(cluster(), kEventsOfCluster, "NodeLost", "SovereignRegion", region_);
  ASSERT_TRUE(of_region);
  EXPECT_THAT((*of_region)["note"].get<std::string>(), StartsWith(told.node + " " + NodeName("b") + " " + told.lost));
  EXPECT_EQ(ready(1), told.one_node);
}

INSTANTIATE_TEST_SUITE_P(All, LanguageTest,
                         ::testing::Values(Told{"English", Json::object(), "2 nodes are in the region",
                                                "1 node is in the region", "take it out or choose another",
                                                "is no longer in region", "node"},
                                           Told{"French",
                                                {{"language", "fr"}},
                                                "2 nœuds sont dans la région",
                                                "1 nœud est dans la région",
                                                "retirez-le ou choisissez-en un autre",
                                                "n'est plus dans la région",
                                                "le nœud"}),
                         [](const auto& each) { return std::string(each.param.test); });

}  // namespace
}  // namespace rempart::test
