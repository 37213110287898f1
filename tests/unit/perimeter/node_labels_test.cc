// What PlanNode makes of labels, the record of a loss, and the cordon: one row a situation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "operator/perimeter/node_plan.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Frankfurt;
using test::Germany;
using test::kNow;
using test::kNowStamp;
using test::Labelled;
using test::Lost;
using test::Node;
using test::Patched;
using test::Pod;
using test::Ptr;
using test::Region;
using ::testing::HasSubstr;

// "france/FR lost=france@20261122T102300Z cordoned unschedulable"
std::string State(const api::Node& node) {
  std::string text = node.region_label + "/" + node.country_label;
  if (!node.lost_region_label.empty() || !node.lost_since_label.empty())
    text += " lost=" + node.lost_region_label + "@" + node.lost_since_label;
  if (!node.cordoned_label.empty())
    text += " cordoned" + (node.cordoned_label == "true" ? "" : "=" + node.cordoned_label);
  if (node.unschedulable) text += " unschedulable";
  return text;
}

// kTold: reason, @kind of what it regards unless the node, (name of what is
// related).
std::string Told(const NodePlan& plan) {
  std::string text;
  for (const kube::Event& event : plan.events) {
    text += (text.empty() ? "" : " ") + event.reason;
    if (event.regarding.kind != "Node") text += "@" + event.regarding.kind;
    if (event.related) text += "(" + event.related->name + ")";
  }
  return text;
}

api::SovereignRegion Cordoning(api::SovereignRegion region = Region()) {
  region.on_loss = api::SovereignRegion::OnLoss::kCordon;
  return region;
}
api::SovereignRegion Unusable(api::SovereignRegion region = Region()) {
  region.invalid = "spec.country: is no country";
  return region;
}
api::SovereignRegion Deleting(api::SovereignRegion region = Region()) {
  region.meta.deleting = true;
  return region;
}
// Another country's region that has declared France's locations before France did: what it takes over is taken over by
// right.
api::SovereignRegion Elder(std::string name = "elder", std::string country = "FR") {
  api::SovereignRegion region = Region(std::move(name), country);
  region.meta.created = kNow - 48h;
  region.locations = {test::Place("fr-par", {"fr-par-1"}, country)};
  return region;
}
template <class F>
api::Node With(api::Node node, F change) {
  change(node);
  return node;
}
api::Node Cordoned(api::Node node) {
  node.unschedulable = true;
  node.cordoned_label = "true";
  return node;
}

const std::string kTold = "NodeLost(france) NodeLost@SovereignRegion(de-1)";
const std::string kToldOfN = "NodeLost(france) NodeLost@SovereignRegion(n)";
const std::string kRestored = "NodeLabelsRestored(france)";
const std::string kLostNow = "/ lost=france@" + kNowStamp;
const std::string kEarlier = FormatLostSince(kNow - 1min);
const std::string kLostEarlier = "/ lost=france@" + kEarlier;
const WallTime kAMinuteAgo = kNow - 1min;

struct Row {
  const char* name;
  api::Node node;
  std::vector<api::SovereignRegion> regions;
  std::string state;
  std::string told;
  std::vector<api::Pod> pods = {};
  RegionNames leaving = {};
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class NodeLabels : public ::testing::TestWithParam<Row> {};

TEST_P(NodeLabels, AreKeptRight) {
  const Row& row = GetParam();
  NodeObservation observed;
  observed.node = Ptr(row.node);
  for (const auto& region : row.regions) observed.regions.push_back(Ptr(region));
  SortByAge(observed.regions);
  observed.leaving = row.leaving;
  for (const auto& pod : row.pods) observed.pods.push_back(Ptr(pod));

  const NodePlan plan = PlanNode(observed, kNow);
  const api::Node after = Patched(row.node, plan.patch);
  EXPECT_EQ(State(after), row.state);
  EXPECT_EQ(Told(plan), row.told);
  EXPECT_EQ(plan.patch.is_null(), State(row.node) == row.state) << plan.patch;
  for (const auto& event : plan.events) {
    EXPECT_FALSE(event.note.empty());
    EXPECT_LE(event.note.size(), 1024u);
    EXPECT_FALSE(event.action.empty());
    EXPECT_EQ(event.regarding.uid, "uid-of-" + event.regarding.name);
  }

  observed.node = Ptr(after);
  const NodePlan again = PlanNode(observed, kNow + 1s);
  EXPECT_TRUE(again.patch.is_null()) << "not settled: " << again.patch;
  EXPECT_EQ(Told(again), "");
}

std::string NameOf(const ::testing::TestParamInfo<Row>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Qualified, NodeLabels,
    ::testing::Values(
        Row{"NewNode", Node("n"), {Region()}, "france/FR", "NodeQualified(france)"},
        Row{"InOrder", Labelled(Node("n")), {Region()}, "france/FR", ""},
        Row{"InOrderWithPods", Labelled(Node("n")), {Region()}, "france/FR", "", {Pod("p", "n")}},
        Row{"NoRegionAtAll", Node("n"), {}, "/", ""}, Row{"ElsewhereAndUnlabelled", Frankfurt(), {Region()}, "/", ""},
        Row{"TheOlderOfTwo", Node("n"), {Region(), Elder()}, "elder/FR", "NodeQualified(elder)"},
        Row{"BeingDeletedButUsed", Labelled(Node("n")), {Deleting()}, "france/FR", ""},
        Row{"BeingDeletedButUsedGetsNewOnesToo", Node("n"), {Deleting()}, "france/FR", "NodeQualified(france)"},
        Row{"NewlyAdministered", Cordoned(Node("n")), {Region()}, "france/FR", "NodeQualified(france) NodeUncordoned"},
        Row{"AnAdminsCordonStays",
            With(Node("n"), [](auto& n) { n.unschedulable = true; }),
            {Region()},
            "france/FR unschedulable",
            "NodeQualified(france)"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    EditedByHand, NodeLabels,
    ::testing::Values(
        Row{"RegionLabelChanged", Labelled(Node("n"), "nowhere"), {Region()}, "france/FR", kRestored},
        Row{"RegionLabelTakenOff", Labelled(Node("n"), ""), {Region()}, "france/FR", kRestored},
        Row{"CountryLabelChanged", Labelled(Node("n"), "france", "DE"), {Region()}, "france/FR", kRestored},
        Row{"CountryLabelTakenOff", Labelled(Node("n"), "france", ""), {Region()}, "france/FR", kRestored},
        Row{"BothTakenOffAPodRemembers", Node("n"), {Region()}, "france/FR", kRestored, {Pod("p", "n")}},
        Row{"NamesAnotherRegion", Labelled(Node("n"), "germany"), {Region(), Germany()}, "france/FR", kRestored},
        // Pods of germany may have been placed there in the meantime: they get their grace.
        Row{"NamesAnotherRegionWhosePodCame",
            Labelled(Node("n"), "germany"),
            {Region(), Germany()},
            "france/FR lost=germany@" + kNowStamp,
            kRestored,
            {Pod("p", "n", "germany")}},
        Row{"RegionLabelOnAForeignNode", Labelled(Frankfurt(), "france", ""), {Region()}, "/", "NodeLabelsRestored"},
        Row{"RegionLabelOnAForeignNodeDoesNotCordonIt",
            Labelled(Frankfurt(), "france", ""),
            {Cordoning()},
            "/",
            "NodeLabelsRestored"},
        Row{"CountryLabelOnAForeignNode", Labelled(Frankfurt(), "", "FR"), {Region()}, "/", "NodeLabelsRestored"},
        Row{"UnknownRegionOnAForeignNode", Labelled(Frankfurt(), "nowhere"), {Region()}, "/", "NodeLabelsRestored"},
        Row{"BothPutBackOnALostNodeDoNotPutOffTheEviction",
            With(Lost(Frankfurt(), "france", kAMinuteAgo),
                 [](auto& n) { n.region_label = "france", n.country_label = "FR"; }),
            {Region()},
            kLostEarlier,
            "NodeLabelsRestored"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Loss, NodeLabels,
    ::testing::Values(
        Row{"NoLongerQualified", Labelled(Frankfurt()), {Region()}, kLostNow, kTold},
        Row{"TheSameWhileTheRegionIsBeingDeleted", Labelled(Frankfurt()), {Deleting()}, kLostNow, kTold},
        Row{"TheRegionsCountryChanged", Labelled(Node("n")), {Region("france", "DE")}, kLostNow, kToldOfN},
        Row{"LostAlready", Lost(Frankfurt(), "france", kAMinuteAgo), {Region()}, kLostEarlier, ""},
        Row{"Requalified",
            Lost(Node("n"), "france", kAMinuteAgo),
            {Region()},
            "france/FR",
            "NodeQualified(france)",
            {Pod("p", "n")}},
        Row{"TheLostRegionIsGone", Lost(Frankfurt(), "gone"), {Region()}, "/", ""},
        Row{"TheLostRegionIsLeaving", Lost(Frankfurt()), {Deleting()}, "/", "", {}, {"france"}},
        Row{"LeavingRegionsNodesAreNoLoss", Labelled(Node("n")), {Deleting()}, "/", "", {Pod("p", "n")}, {"france"}},
        Row{"LeavingRegionsNodeGoesToTheNext",
            Labelled(Node("n")),
            {Deleting(), Region("paris")},
            "paris/FR",
            "NodeQualified(paris)",
            {},
            {"france"}},
        Row{"MovedToAnotherRegion",
            Labelled(Frankfurt()),
            {Region(), Germany()},
            "germany/DE",
            kTold + " NodeQualified(germany)"},
        Row{"MovedWithPodsLeft",
            Labelled(Frankfurt()),
            {Region(), Germany()},
            "germany/DE lost=france@" + kNowStamp,
            kTold + " NodeQualified(germany)",
            {Pod("p", "de-1")}},
        Row{"MovedAndPodsAreLeftStill",
            Labelled(Lost(Frankfurt(), "france", kAMinuteAgo), "germany", "DE"),
            {Region(), Germany()},
            "germany/DE lost=france@" + kEarlier,
            "",
            {Pod("p", "de-1")}},
        Row{"MovedAndNoPodIsLeft",
            Labelled(Lost(Frankfurt(), "france", kAMinuteAgo), "germany", "DE"),
            {Region(), Germany()},
            "germany/DE",
            ""},
        Row{"LostThenTakenByAnother",
            Lost(Frankfurt(), "france", kAMinuteAgo),
            {Region(), Germany()},
            "germany/DE",
            "NodeQualified(germany)"},
        Row{"TakenByAnOlderRegion",
            Labelled(Node("n")),
            {Region(), Elder()},
            "elder/FR",
            kToldOfN + " NodeQualified(elder)"},
        Row{"LostByOneThenByTheNext",
            Labelled(Lost(Node("n", "us-east-1", "us-east-1a"), "france", kAMinuteAgo), "germany", "DE"),
            {Region(), Germany()},
            "/ lost=germany@" + kNowStamp,
            "NodeLost(germany) NodeLost@SovereignRegion(n)"},
        Row{"SinceWithoutRegionIsTakenOff",
            With(Frankfurt(), [](auto& n) { n.lost_since_label = kNowStamp; }),
            {Region()},
            "/",
            ""},
        Row{"RecordOnAQualifiedNodeIsTakenOff", Labelled(Lost(Node("n"))), {Region()}, "france/FR", ""},
        Row{"SinceThatCannotBeReadIsTakenOff",
            With(Lost(Frankfurt()), [](auto& n) { n.lost_since_label = "yesterday"; }),
            {Region()},
            "/ lost=france@",
            ""},
        Row{"SinceFarAheadIsTakenOff", Lost(Frankfurt(), "france", kNow + 6min), {Region()}, "/ lost=france@", ""},
        Row{"SinceAheadByAClocksSkewStays",
            Lost(Frankfurt(), "france", kNow + 4min),
            {Region()},
            "/ lost=france@" + FormatLostSince(kNow + 4min),
            ""}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Cordon, NodeLabels,
    ::testing::Values(
        Row{"WithTheLoss",
            Labelled(Frankfurt()),
            {Cordoning()},
            kLostNow + " cordoned unschedulable",
            kTold + " NodeCordoned"},
        Row{"PutBackWhenUndoneByHand",
            With(Lost(Frankfurt(), "france", kAMinuteAgo), [](auto& n) { n.cordoned_label = "true"; }),
            {Cordoning()},
            kLostEarlier + " cordoned unschedulable",
            "NodeCordoned"},
        Row{"AnAdminsCordonIsNotOurs",
            With(Labelled(Frankfurt()), [](auto& n) { n.unschedulable = true; }),
            {Cordoning()},
            kLostNow + " unschedulable",
            kTold},
        Row{"UndoneWithQualification",
            Cordoned(Lost(Node("n"))),
            {Cordoning()},
            "france/FR",
            "NodeQualified(france) NodeUncordoned"},
        Row{"AnAdminsCordonIsNotUndone",
            With(Lost(Node("n")), [](auto& n) { n.unschedulable = true; }),
            {Cordoning()},
            "france/FR unschedulable",
            "NodeQualified(france)"},
        Row{"UndoneWhenTheActionBecomesEvict",
            Cordoned(Lost(Frankfurt(), "france", kAMinuteAgo)),
            {Region()},
            kLostEarlier,
            "NodeUncordoned"},
        Row{"DoneWhenTheActionBecomesCordon",
            Lost(Frankfurt(), "france", kAMinuteAgo),
            {Cordoning()},
            kLostEarlier + " cordoned unschedulable",
            "NodeCordoned"},
        Row{"UndoneWhenAnotherRegionClaimsTheNode",
            Cordoned(Lost(Frankfurt())),
            {Cordoning(), Germany()},
            "germany/DE",
            "NodeQualified(germany) NodeUncordoned"},
        Row{"UndoneWhenTheRegionIsGone", Cordoned(Lost(Frankfurt(), "gone")), {Region()}, "/", "NodeUncordoned"},
        Row{"UndoneWhenTheRegionIsLeaving",
            Cordoned(Lost(Frankfurt())),
            {Deleting(Cordoning())},
            "/",
            "NodeUncordoned",
            {},
            {"france"}},
        Row{"StaysWhileTheRegionIsUnusable",
            Cordoned(Lost(Frankfurt(), "france", kAMinuteAgo)),
            {Unusable()},
            kLostEarlier + " cordoned unschedulable",
            ""},
        Row{"NotBegunWhileTheRegionIsUnusable",
            Lost(Frankfurt(), "france", kAMinuteAgo),
            {Unusable(Cordoning())},
            kLostEarlier,
            ""},
        Row{"AForeignValueOfOurLabelIsNoSignOfUs",
            With(Frankfurt(), [](auto& n) { n.unschedulable = true, n.cordoned_label = "yes"; }),
            {Region()},
            "/ unschedulable",
            ""}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    UnusableRegion, NodeLabels,
    ::testing::Values(
        Row{"KeepsItsNodes", Labelled(Node("n")), {Unusable()}, "france/FR", "", {Pod("p", "n")}},
        Row{"KeepsThemWhereverTheyAre", Labelled(Frankfurt()), {Unusable()}, "france/FR", ""},
        Row{"GetsNoNewOne", Node("n"), {Unusable()}, "/", ""},
        Row{"LeavesWhatItsNodesCarry",
            Cordoned(Labelled(Lost(Node("n")), "france", "XX")),
            {Unusable()},
            "france/XX lost=france@" + kNowStamp + " cordoned unschedulable",
            ""},
        Row{"KeepsItsNodeFromANewerRegion", Labelled(Node("n")), {Unusable(), test::Region("paris")}, "france/FR", ""},
        Row{"LosesItsNodeToAnOlderRegion",
            Labelled(Node("n")),
            {Unusable(), Elder()},
            "elder/FR",
            kToldOfN + " NodeQualified(elder)"},
        Row{"DoesNotKeepTheNodesOfOthers",
            Labelled(Frankfurt(), "paris"),
            {Unusable(), test::Region("paris")},
            "/ lost=paris@" + kNowStamp,
            "NodeLost(paris) NodeLost@SovereignRegion(de-1)"},
        Row{"IsLeaving", Labelled(Node("n")), {Deleting(Unusable())}, "/", "", {}, {"france"}},
        Row{"BadPatternIsUnusableToo",
            Labelled(Frankfurt()),
            {[] {
              auto region = Region();
              region.locations[0].provider_id_pattern = "(";
              return region;
            }()},
            "france/FR",
            ""}),
    NameOf);

kube::Event First(const NodePlan& plan) {
  EXPECT_FALSE(plan.events.empty());
  return plan.events.empty() ? kube::Event() : plan.events.front();
}

TEST(NodeEvents, SayWhatWasFoundAndWhatFollows) {
  NodeObservation observed;
  observed.regions = test::Ptrs(Region());
  observed.node = Ptr(Labelled(Frankfurt()));
  EXPECT_EQ(First(PlanNode(observed, kNow)).type, kube::Event::Type::kWarning);
  EXPECT_THAT(First(PlanNode(observed, kNow)).note,
              testing::AllOf(HasSubstr("zone \"de-fra-1\" of region \"de-fra\" is not declared"),
                             HasSubstr("its pods are evicted after 30s")));
  observed.regions = test::Ptrs(Cordoning());
  EXPECT_THAT(First(PlanNode(observed, kNow)).note, HasSubstr("onLoss.action: Cordon"));
  observed.regions = test::Ptrs(Elder(), Region());
  observed.node = Ptr(Labelled(Node("n")));
  EXPECT_THAT(First(PlanNode(observed, kNow)).note, HasSubstr("region elder, which is older, claims the node"));
  observed.regions = test::Ptrs(Region());
  observed.node = Ptr(Node("n"));
  EXPECT_EQ(First(PlanNode(observed, kNow)).type, kube::Event::Type::kNormal);
  observed.node = Ptr(Labelled(Node("n"), "spain"));
  EXPECT_THAT(First(PlanNode(observed, kNow)).note, HasSubstr("region was \"spain\", put back to \"france\""));
}

TEST(NodePatch, HoldsOnlyWhatDiffersAndTheVersionItWasDecidedOn) {
  NodeObservation observed{Ptr(Labelled(Node("n"), "france", "DE")), test::Ptrs(Region()), {}, {}};
  const Json expected = {
      {"metadata", {{"resourceVersion", "7"}, {"labels", {{std::string(api::kNodeCountryLabel), "FR"}}}}}};
  EXPECT_EQ(PlanNode(observed, kNow).patch, expected);
}

}  // namespace
}  // namespace rempart::perimeter
