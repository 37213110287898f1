// Who is evicted from a node, and when.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/node_plan.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Frankfurt;
using test::Germany;
using test::kNow;
using test::Labelled;
using test::Lost;
using test::Node;
using test::Patched;
using test::Pod;
using test::Ptr;
using test::Ptrs;
using test::Region;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

NodePlan Plan(api::Node node, std::vector<PodPtr> pods, std::vector<RegionPtr> regions = Ptrs(Region()),
              RegionNames leaving = {}, WallTime now = kNow) {
  return PlanNode({Ptr(std::move(node)), std::move(regions), std::move(leaving), std::move(pods)}, now);
}

// "web-1" or "web-1!" where by force.
std::vector<std::string> Evicted(const NodePlan& plan) {
  std::vector<std::string> names;
  for (const Eviction& eviction : plan.evictions)
    names.push_back(eviction.pod->meta.key.name + (eviction.force ? "!" : ""));
  return names;
}

// Grace 30 s and deadline 10 min, both since the loss; the pod is an hour old.
TEST(Evictions, GraceThenBudgetsThenForce) {
  struct Row {
    Duration since_loss;
    std::vector<std::string> evicted;
    Duration look_again;
  };
  for (const Row& row :
       {Row{0s, {}, 30s}, Row{29s, {}, 1s}, Row{30s, {"p"}, 5s}, Row{5min, {"p"}, 5s}, Row{9min + 57s, {"p"}, 3s},
        Row{10min - 1ns, {"p"}, 1ns}, Row{10min, {"p!"}, 5s}, Row{24h, {"p!"}, 5s}}) {
    const NodePlan plan = Plan(Lost(Frankfurt()), Ptrs(Pod("p", "de-1")), Ptrs(Region()), {}, kNow + row.since_loss);
    const std::string at = FormatDuration(row.since_loss);
    EXPECT_EQ(Evicted(plan), row.evicted) << at;
    EXPECT_EQ(plan.look_again, row.look_again) << at;
  }
}

TEST(Evictions, TheGraceBeginsInTheRoundOfTheLoss) {
  const NodePlan plan = Plan(Labelled(Frankfurt()), Ptrs(Pod("p", "de-1")));
  EXPECT_THAT(Evicted(plan), IsEmpty()) << "however old the pod is";
  EXPECT_EQ(plan.look_again, 30s);
  api::SovereignRegion region = Region();
  region.grace_period = 0s;
  EXPECT_THAT(Evicted(Plan(Labelled(Frankfurt()), Ptrs(Pod("p", "de-1")), Ptrs(region))), ElementsAre("p"));
}

TEST(Evictions, OnlyPodsThatLiveOnThisNode) {
  const auto pod = [](std::string name, auto change) {
    api::Pod p = Pod(std::move(name), "de-1");
    change(p);
    return p;
  };
  const NodePlan plan = Plan(
      Lost(Frankfurt(), "france", kNow - 1min),
      Ptrs(pod("running", [](auto&) {}), pod("pending", [](auto& p) { p.phase = api::Pod::Phase::kPending; }),
           pod("unknown", [](auto& p) { p.phase = api::Pod::Phase::kUnknown; }),
           pod("succeeded", [](auto& p) { p.phase = api::Pod::Phase::kSucceeded; }),
           pod("failed", [](auto& p) { p.phase = api::Pod::Phase::kFailed; }),
           pod("deleting", [](auto& p) { p.meta.deleting = true; }), pod("elsewhere", [](auto& p) { p.node = "fr-1"; }),
           pod("unbound", [](auto& p) { p.node = ""; }), pod("of-no-region", [](auto& p) { p.region = ""; }),
           pod("of-no-known-workload", [](auto& p) { p.region = "", p.region_label = "france"; }),
           pod("of-no-workload", [](auto& p) { p.workload = ""; })));
  EXPECT_THAT(Evicted(plan), ElementsAre("running", "pending", "unknown", "of-no-workload"));
}

// The child was edited while nobody watched, and an update strategy keeps what came of it: no selector, but our labels.
TEST(Evictions, WithoutASelectorTheLabelsHoldThePodsOfAWorkload) {
  const auto bare = [](std::string name, Duration age = 1h) {
    api::Pod pod = Pod(std::move(name), "de-1", "", age);
    pod.region_label = "france";
    return pod;
  };
  const auto plan = [&](api::Node node, std::vector<PodPtr> pods, std::set<kube::ObjectKey> workloads) {
    return PlanNode({Ptr(std::move(node)), Ptrs(Region(), Germany()), {}, std::move(pods), std::move(workloads)}, kNow);
  };
  const kube::ObjectKey web{"acme", "web"};
  EXPECT_THAT(Evicted(plan(Lost(Frankfurt(), "france", kNow - 1min), Ptrs(bare("p")), {web})), ElementsAre("p"));
  EXPECT_THAT(Evicted(plan(Frankfurt(), Ptrs(bare("young", 29s), bare("old", 31s), bare("older")), {web})),
              ElementsAre("old", "older!"))
      << "a node that never was the region's: the pod's creation counts";
  EXPECT_EQ(plan(Frankfurt(), Ptrs(bare("young", 29s)), {web}).look_again, 1s);
  EXPECT_THAT(Evicted(plan(Labelled(Node("de-1")), Ptrs(bare("p")), {web})), IsEmpty()) << "it sits where it should";
  EXPECT_THAT(Evicted(plan(Frankfurt(), Ptrs(bare("p")), {})), IsEmpty()) << "a stranger's: there is no such workload";
  EXPECT_THAT(Evicted(plan(Frankfurt(), Ptrs(bare("p")), {{"other", "web"}})), IsEmpty()) << "nor in its namespace";
  api::Pod selects = bare("p");
  selects.region = "germany";
  EXPECT_THAT(Evicted(plan(Frankfurt(), Ptrs(selects), {web})), IsEmpty()) << "the selector counts before the label";
  api::Pod unlabelled = bare("p");
  unlabelled.region_label.clear();
  EXPECT_THAT(Evicted(plan(Frankfurt(), Ptrs(unlabelled), {web})), IsEmpty());
}

// A template may ask for a year to end, and the process ignore SIGTERM.
TEST(Evictions, ALongTerminationDoesNotOutliveTheDeadline) {
  const auto pod = [](std::int64_t grace, bool deleting) {
    api::Pod p = Pod("p", "de-1");
    p.grace_seconds = grace;
    p.meta.deleting = deleting;
    return Ptrs(p);
  };
  const auto at = [](Duration since_loss, std::vector<PodPtr> pods) {
    return Plan(Lost(Frankfurt()), std::move(pods), Ptrs(Region()), {}, kNow + since_loss);
  };
  for (const Duration before : {Duration(0s), Duration(1min), Duration(10min - 1s)}) {
    const NodePlan plan = at(before, pod(31'536'000, true));
    EXPECT_THAT(Evicted(plan), IsEmpty()) << "left alone until the deadline";
    EXPECT_EQ(plan.look_again, 10min - before);
  }
  EXPECT_THAT(Evicted(at(10min, pod(31'536'000, true))), ElementsAre("p!"));
  EXPECT_THAT(Evicted(at(10min, pod(31, true))), ElementsAre("p!"));
  const NodePlan asked = at(10min, pod(30, true));
  EXPECT_THAT(Evicted(asked), IsEmpty()) << "forced already: not again each 5 s";
  EXPECT_EQ(asked.look_again, std::nullopt);
  for (const auto& [own, given] :
       {std::pair<std::int64_t, std::int64_t>{31'536'000, 30}, {31, 30}, {30, 30}, {5, 5}, {0, 1}, {-1, 1}}) {
    const NodePlan plan = at(10min, pod(own, false));
    ASSERT_THAT(Evicted(plan), ElementsAre("p!"));
    EXPECT_EQ(plan.evictions[0].grace_seconds, given) << own;
  }
}

// Another region has the node by now: the record stands while such a pod is there, so that its deadline does.
TEST(Evictions, ALongTerminationKeepsTheRecord) {
  api::Pod p = Pod("p", "de-1");
  p.meta.deleting = true;
  p.grace_seconds = 3600;
  const NodePlan plan = Plan(Labelled(Frankfurt()), Ptrs(p), Ptrs(Region(), Germany()));
  EXPECT_THAT(Evicted(plan), IsEmpty());
  EXPECT_EQ(plan.look_again, 10min);
  EXPECT_EQ(Patched(Labelled(Frankfurt()), plan.patch).lost_region_label, "france");
}

TEST(Evictions, NobodyFromANodeThatTheRegionClaims) {
  const NodePlan plan = Plan(Labelled(Node("n")), Ptrs(Pod("p", "n")));
  EXPECT_THAT(Evicted(plan), IsEmpty());
  EXPECT_EQ(plan.look_again, std::nullopt);
  EXPECT_THAT(Evicted(Plan(Node("n"), Ptrs(Pod("p", "n")))), IsEmpty()) << "labels taken off by hand change nothing";
  EXPECT_THAT(Evicted(Plan(Lost(Node("n"), "france", kNow - 1h), Ptrs(Pod("p", "n")))), IsEmpty()) << "qualified again";
}

TEST(Evictions, WhoHoldsOn) {
  const auto pods = Ptrs(Pod("p", "de-1"));
  const auto lost = Lost(Frankfurt(), "france", kNow - 1h);
  const auto nobody = [&](const NodePlan& plan, const char* why) {
    EXPECT_THAT(Evicted(plan), IsEmpty()) << why;
    EXPECT_EQ(plan.look_again, std::nullopt) << why;
  };
  api::SovereignRegion region = Region();
  region.on_loss = api::SovereignRegion::OnLoss::kCordon;
  nobody(Plan(lost, pods, Ptrs(region)), "onLoss.action is Cordon");
  region = Region();
  region.invalid = "spec.country: is no country";
  nobody(Plan(lost, pods, Ptrs(region)), "the region is unusable");
  region = Region();
  region.locations[0].provider_id_pattern = "(";
  nobody(Plan(lost, pods, Ptrs(region)), "the region's pattern is unusable");
  nobody(Plan(lost, pods, Ptrs(Germany())), "the region is unknown");
  nobody(Plan(lost, pods, {}), "there is no region");
  region = Region();
  region.meta.deleting = true;
  nobody(Plan(lost, pods, Ptrs(region), {"france"}), "the region is leaving");
  EXPECT_THAT(Evicted(Plan(lost, pods, Ptrs(region))), ElementsAre("p!")) << "being deleted, but used: as ever";
}

TEST(Evictions, WithoutARecordThePodsCreationCounts) {
  EXPECT_THAT(Evicted(Plan(Frankfurt(), Ptrs(Pod("young", "de-1", "france", 29s), Pod("old", "de-1", "france", 31s),
                                             Pod("older", "de-1", "france", 10min)))),
              ElementsAre("old", "older!"));
  // Of another region's loss, or unreadable, or too far ahead: no record.
  EXPECT_THAT(Evicted(Plan(Lost(Frankfurt(), "paris", kNow), Ptrs(Pod("p", "de-1")), Ptrs(Region(), Region("paris")))),
              ElementsAre("p!"));
  api::Node node = Lost(Frankfurt());
  node.lost_since_label = "2026-11-22T10:23:00Z";
  EXPECT_THAT(Evicted(Plan(node, Ptrs(Pod("p", "de-1")))), ElementsAre("p!"));
  EXPECT_THAT(Evicted(Plan(Lost(Frankfurt(), "france", kNow + 24h), Ptrs(Pod("p", "de-1")))), ElementsAre("p!"));
  // A region label that was put there by hand (no country label) starts no grace.
  EXPECT_THAT(Evicted(Plan(Labelled(Frankfurt(), "france", ""), Ptrs(Pod("p", "de-1", "france", 31s)))),
              ElementsAre("p"));
}

TEST(Evictions, APodThatCameAfterTheLossHasItsOwnGrace) {
  const NodePlan plan = Plan(Lost(Frankfurt(), "france", kNow - 1h), Ptrs(Pod("p", "de-1", "france", 10s)));
  EXPECT_THAT(Evicted(plan), IsEmpty());
  EXPECT_EQ(plan.look_again, 20s);
}

TEST(Evictions, ClocksThatDisagreeALittleGiveNoMoreThanTheGrace) {
  const NodePlan plan = Plan(Lost(Frankfurt(), "france", kNow + 2s), Ptrs(Pod("p", "de-1")));
  EXPECT_EQ(plan.look_again, 30s);
  EXPECT_EQ(Plan(Frankfurt(), Ptrs(Pod("p", "de-1", "france", -2s))).look_again, 30s)
      << "a creation time in the future";
}

TEST(Evictions, FromANodeThatMovedToAnotherRegion) {
  const auto regions = Ptrs(Region(), Germany());
  const auto pods = Ptrs(Pod("french", "de-1"), Pod("german", "de-1", "germany"));
  api::Node node = Labelled(Frankfurt());
  const NodePlan moving = Plan(node, pods, regions);
  EXPECT_THAT(Evicted(moving), IsEmpty());
  EXPECT_EQ(moving.look_again, 30s);
  node = Patched(node, moving.patch);
  EXPECT_THAT(Evicted(Plan(node, pods, regions, {}, kNow + 30s)), ElementsAre("french"));
  EXPECT_THAT(Evicted(Plan(node, pods, regions, {}, kNow + 10min)), ElementsAre("french!"));
}

TEST(Evictions, LookAgainIsTheEarliestOfAll) {
  const auto node = Frankfurt();
  EXPECT_EQ(Plan(node, Ptrs(Pod("a", "de-1", "france", 2s), Pod("b", "de-1", "france", 12s))).look_again, 18s);
  EXPECT_EQ(Plan(node, Ptrs(Pod("a", "de-1", "france", 2s), Pod("due", "de-1", "france", 1min))).look_again, 5s);
  EXPECT_EQ(Plan(node, Ptrs(Pod("a", "de-1", "france", 28s), Pod("due", "de-1", "france", 1min))).look_again, 2s);
}

TEST(Evictions, ExtremeDurationsDoNotOverflow) {
  api::SovereignRegion region = Region();
  region.grace_period = Duration::max();
  region.deadline = Duration::max();
  EXPECT_THAT(Evicted(Plan(Frankfurt(), Ptrs(Pod("p", "de-1")), Ptrs(region))), IsEmpty());
  region.grace_period = Duration::min();
  region.deadline = Duration::min();
  EXPECT_THAT(Evicted(Plan(Frankfurt(), Ptrs(Pod("p", "de-1")), Ptrs(region))), ElementsAre("p!"));
  region = Region();
  region.deadline = 1s;  // shorter than the grace period: the grace still holds
  EXPECT_THAT(Evicted(Plan(Frankfurt(), Ptrs(Pod("p", "de-1", "france", 29s)), Ptrs(region))), IsEmpty());
  EXPECT_THAT(Evicted(Plan(Frankfurt(), Ptrs(Pod("p", "de-1", "france", 30s)), Ptrs(region))), ElementsAre("p!"));
  api::Pod ancient = Pod("p", "de-1");
  ancient.meta.created = WallTime{};
  EXPECT_THAT(Evicted(Plan(Frankfurt(), Ptrs(ancient))), ElementsAre("p!"));
}

TEST(Evictions, SayRegionAndReason) {
  const NodePlan plan = Plan(Lost(Frankfurt(), "france", kNow - 1min), Ptrs(Pod("p", "de-1")));
  ASSERT_EQ(plan.evictions.size(), 1u);
  EXPECT_EQ(plan.evictions[0].region, "france");
  EXPECT_THAT(plan.evictions[0].why, HasSubstr("zone \"de-fra-1\" of region \"de-fra\" is not declared"));
}

TEST(LostSince, IsWrittenAndReadInOneForm) {
  EXPECT_EQ(FormatLostSince(kNow), "20261122T102300Z");
  EXPECT_EQ(FormatLostSince(kNow + 59s + 999ms), "20261122T102359Z");
  EXPECT_EQ(FormatLostSince(WallTime{}), "19700101T000000Z");
  EXPECT_EQ(ParseLostSince("20261122T102300Z"), kNow);
  EXPECT_EQ(ParseLostSince("20240229T235959Z"),
            WallTime(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + 24h - 1s));
  for (const char* text : {"",
                           "20261122T102300",
                           "20261122T102300z",
                           "20261122t102300Z",
                           "20261122 102300Z",
                           "2026-11-22T10:23:00Z",
                           "20261322T102300Z",
                           "20261131T102300Z",
                           "20230229T000000Z",
                           "20261122T242300Z",
                           "20261122T106000Z",
                           "20261122T102360Z",
                           "+0261122T102300Z",
                           "-0261122T102300Z",
                           "2026 122T102300Z",
                           "20261122T1023 0Z",
                           "19691231T235959Z",
                           "22620101T000000Z",
                           "99991231T235959Z",
                           "20261122T102300Z "}) {
    EXPECT_EQ(ParseLostSince(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace rempart::perimeter
