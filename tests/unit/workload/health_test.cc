// JudgePlaced, JudgeReady, CountByZone.
#include "operator/workload/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

using test::Changed;
using test::Kind;
using test::PodOn;
using test::WaitingPod;
using ::testing::HasSubstr;
using ::testing::Not;
using Phase = api::Pod::Phase;

std::string Text(const Verdict& verdict) {
  constexpr const char* kStatus[] = {"True ", "False ", "Unknown "};
  return kStatus[verdict.status] + verdict.reason;
}
PodPlace Deleting(PodPlace place) {
  return Changed(std::move(place), [](auto& pod) { pod.meta.deleting = true; });
}
PodPlace InPhase(PodPlace place, Phase phase) {
  return Changed(std::move(place), [&](auto& pod) { pod.phase = phase; });
}
const std::string kNoNode = "0/6 nodes are available: 6 node(s) didn't match Pod's node affinity/selector.";

struct PlacedCase {
  const char* what;
  std::vector<PodPlace> pods;
  const char *verdict, *says = "";
  bool region_has_nodes = true;
  int min_zones = 1;
  Kind kind = Kind::kDeployment;
  std::function<void(api::Child&)> child = [](auto&) {};
};
void PrintTo(const PlacedCase& c, std::ostream* out) { *out << c.what; }
class JudgePlacedTest : public ::testing::TestWithParam<PlacedCase> {};

TEST_P(JudgePlacedTest, Table) {
  const auto& c = GetParam();
  auto workload = test::Workload(c.kind);
  workload.placement.min_zones = c.min_zones;
  auto observed = test::Observe(std::move(workload));
  observed.pods = c.pods;
  observed.region_has_nodes = c.region_has_nodes;
  auto child = test::ChildOf(*observed.workload);
  c.child(child);
  const auto verdict = JudgePlaced(observed, &child);
  EXPECT_EQ(Text(verdict), c.verdict);
  EXPECT_THAT(verdict.message, HasSubstr(c.says));
}

const PodPlace kA = PodOn("web-a", "par-1", "fr-par-1"), kB = PodOn("web-b", "par-2", "fr-par-2"),
               kC = PodOn("web-c", "par-1", "fr-par-1"), kOut = PodOn("web-d", "fra-1", "de-fra-1", false),
               kWaits = WaitingPod("web-e", kNoNode), kNew = WaitingPod("web-f");
const auto kDone = [](api::Child& c) { c.complete = true; };

INSTANTIATE_TEST_SUITE_P(
    Table, JudgePlacedTest,
    ::testing::Values(
        PlacedCase{"all on qualified nodes", {kA, kB, kC}, "True OnQualifiedNodes", "region france"},
        PlacedCase{"no pods yet", {}, "Unknown NoPods"},
        PlacedCase{"no pods, no node", {}, "False NoQualifiedNode", "kubectl describe sovereignregion france", false},
        PlacedCase{
            "a daemon set has no pods without nodes", {}, "False NoQualifiedNode", "", false, 1, Kind::kDaemonSet},
        PlacedCase{"a cron job has none between its jobs", {}, "Unknown NoPods", "", false, 1, Kind::kCronJob},
        PlacedCase{"a job that runs", {}, "False NoQualifiedNode", "", false, 1, Kind::kJob},
        PlacedCase{
            "a suspended job", {}, "Unknown NoPods", "", false, 1, Kind::kJob, [](auto& c) { c.suspended = true; }},
        PlacedCase{"a failed job", {}, "Unknown NoPods", "", false, 1, Kind::kJob, [](auto& c) { c.failure = "x"; }},
        PlacedCase{"waiting, no node", {kWaits}, "False NoQualifiedNode", "", false},
        PlacedCase{"waiting, with the scheduler's words",
                   {kA, kWaits, kNew},
                   "False PodsWaiting",
                   "2 pods waiting for a qualified node of region france. web-e: 0/6"},
        PlacedCase{"not looked at by the scheduler", {kA, kNew}, "False PodsWaiting", "1 pod not scheduled yet"},
        PlacedCase{"some sit although no node is left", {kA}, "True OnQualifiedNodes", "", false},
        PlacedCase{"one outside",
                   {kA, kOut, kWaits},
                   "False PodsOutside",
                   "1 pod outside region france: web-d on fra-1; evicted"},
        PlacedCase{"outside, being deleted: it still runs there", {kA, Deleting(kOut)}, "False PodsOutside"},
        PlacedCase{"outside, and held by nobody",
                   {Changed(kOut, [](auto& pod) { pod.region.clear(); })},
                   "False PodsOutside",
                   "delete them"},
        PlacedCase{"outside, but finished", {kA, InPhase(kOut, Phase::kFailed)}, "True OnQualifiedNodes"},
        PlacedCase{"only pods that go", {Deleting(kA)}, "True OnQualifiedNodes"},
        PlacedCase{"waiting, but being deleted", {kA, Deleting(kWaits)}, "True OnQualifiedNodes"},
        PlacedCase{"a complete job", {InPhase(kA, Phase::kSucceeded)}, "True Finished", "", true, 1, Kind::kJob, kDone},
        PlacedCase{"a complete job, no node left",
                   {InPhase(kA, Phase::kSucceeded)},
                   "True Finished",
                   "",
                   0,
                   1,
                   Kind::kJob,
                   kDone},
        PlacedCase{"a job between pods", {InPhase(kA, Phase::kFailed)}, "Unknown NoPods", "", true, 1, Kind::kJob},
        PlacedCase{"zones as asked", {kA, kB, kC}, "True OnQualifiedNodes", "", true, 2},
        PlacedCase{"too few zones",
                   {kA, kC},
                   "False TooFewZones",
                   "spec.placement.minZones is 2, and the pods sit in 1 zone",
                   true,
                   2},
        PlacedCase{"fewer pods than zones", {kA}, "True OnQualifiedNodes", "", true, 2},
        PlacedCase{"a pod that goes counts for no zone", {kA, kC, Deleting(kB)}, "False TooFewZones", "", true, 2},
        PlacedCase{"waiting for another zone", {kA, kWaits}, "False TooFewZones", "web-e: 0/6", true, 2},
        PlacedCase{"waiting for the first node", {kWaits}, "False PodsWaiting", "", true, 2},
        PlacedCase{"waiting with zones enough", {kA, kB, kWaits}, "False PodsWaiting", "", true, 2}));

TEST(JudgePlaced, NoChildNoRegion) {
  auto observed = test::Observe(test::Workload());
  observed.region_has_nodes = false;
  EXPECT_EQ(Text(JudgePlaced(observed, nullptr)), "Unknown NoPods") << "nothing was made that could wait";
  observed.region = nullptr;
  observed.pods = {kWaits};
  const auto child = test::ChildOf(*observed.workload);
  EXPECT_EQ(Text(JudgePlaced(observed, &child)), "False PodsWaiting")
      << "how many nodes a missing region has is not known";
}

TEST(JudgePlaced, ScaledToZeroWaitsForNothing) {
  auto observed = test::Observe(test::Workload());
  test::Change(observed, [](auto& w) { w.replicas = 0; });
  observed.region_has_nodes = false;
  const auto child = test::ChildOf(*observed.workload);
  EXPECT_EQ(Text(JudgePlaced(observed, &child)), "Unknown NoPods");
}

TEST(JudgePlaced, NamesFivePodsOutsideAndSaysWhatBecomesOfThem) {
  auto region = test::Region();
  region.on_loss = api::SovereignRegion::OnLoss::kCordon;
  auto observed = test::Observe(test::Workload(), region);
  for (int i = 0; i < 9; ++i) observed.pods.push_back(PodOn("p" + std::to_string(i), "n", "z", false));
  const auto verdict = JudgePlaced(observed, nullptr);
  EXPECT_THAT(verdict.message,
              HasSubstr("9 pods outside region france: p0 on n, p1 on n, p2 on n, p3 on n, p4 on n and 4 more; "));
  EXPECT_THAT(verdict.message, HasSubstr("Cordon"));
  EXPECT_THAT(verdict.message, Not(HasSubstr("p5")));
}

TEST(CountByZone, CountsPodsThatStay) {
  auto observed = test::Observe(test::Workload());
  observed.pods = {kA, kB, kC, kOut, kWaits, Deleting(kA), InPhase(kB, Phase::kSucceeded), PodOn("web-g", "par-9", "")};
  EXPECT_EQ(CountByZone(observed), (std::map<std::string, int>{{"fr-par-1", 2}, {"fr-par-2", 1}, {"unknown", 1}}));
}

struct ReadyCase {
  const char* what;
  Kind kind;
  std::function<void(api::Child&)> child;
  const char *verdict, *says = "", *child_json = "";
};
void PrintTo(const ReadyCase& c, std::ostream* out) { *out << c.what; }
class JudgeReadyTest : public ::testing::TestWithParam<ReadyCase> {};

TEST_P(JudgeReadyTest, Table) {
  auto workload = test::Workload(GetParam().kind);
  workload.child_json = GetParam().child_json;
  auto child = test::ChildOf(workload);
  GetParam().child(child);
  const auto verdict = JudgeReady(workload, child, api::Language::kEnglish);
  EXPECT_EQ(Text(verdict), GetParam().verdict);
  EXPECT_THAT(verdict.message, HasSubstr(GetParam().says));
}

const auto kAsIs = [](api::Child&) {};
const auto kUpdated1 = [](api::Child& c) { c.updated = 1; };
INSTANTIATE_TEST_SUITE_P(
    Table, JudgeReadyTest,
    ::testing::Values(
        ReadyCase{"deployment", Kind::kDeployment, kAsIs, "True Ready", "3 of 3 pods ready"},
        ReadyCase{"not seen", Kind::kDeployment, [](auto& c) { c.meta.generation = 3; }, "False RollingOut",
                  "Deployment controller has not seen"},
        ReadyCase{"updating", Kind::kDeployment, kUpdated1, "False RollingOut", "1 of 3 pods updated"},
        ReadyCase{"paused", Kind::kDeployment, kUpdated1, "False Paused", "spec.deployment.paused",
                  R"({"paused":true})"},
        ReadyCase{"not paused", Kind::kDeployment, kUpdated1, "False RollingOut", "", R"({"paused":false})"},
        ReadyCase{"old pods", Kind::kDeployment, [](auto& c) { c.replicas = 4; }, "False RollingOut",
                  "1 pod of an older template"},
        ReadyCase{"not ready", Kind::kDeployment, [](auto& c) { c.ready = 2; }, "False PodsNotReady",
                  "2 of 3 pods ready"},
        ReadyCase{"failing", Kind::kDeployment,
                  [](auto& c) {
                    c.ready = 2;
                    c.failure = "FailedCreate: quota";
                  },
                  "False ChildFailing", "2 of 3 pods ready; the Deployment says FailedCreate: quota"},
        ReadyCase{"failed once, ready now", Kind::kDeployment, [](auto& c) { c.failure = "x"; }, "True Ready"},
        ReadyCase{"unreadable child spec", Kind::kDeployment, kUpdated1, "False RollingOut", "", "{"},
        ReadyCase{"stateful set", Kind::kStatefulSet, kAsIs, "True Ready"},
        ReadyCase{"stateful set updating", Kind::kStatefulSet, kUpdated1, "False RollingOut"},
        ReadyCase{"partition holds two back", Kind::kStatefulSet, kUpdated1, "True Ready", "",
                  R"({"updateStrategy":{"rollingUpdate":{"partition":2}}})"},
        ReadyCase{"partition holds one back", Kind::kStatefulSet, kUpdated1, "False RollingOut", "",
                  R"({"updateStrategy":{"rollingUpdate":{"partition":1}}})"},
        ReadyCase{"partition above all", Kind::kStatefulSet, [](auto& c) { c.updated = 0; }, "True Ready", "",
                  R"({"updateStrategy":{"rollingUpdate":{"partition":99999999999}}})"},
        ReadyCase{"negative partition", Kind::kStatefulSet, kUpdated1, "False RollingOut", "",
                  R"({"updateStrategy":{"rollingUpdate":{"partition":-9223372036854775807}}})"},
        ReadyCase{"odd partition", Kind::kStatefulSet, kUpdated1, "False RollingOut", "",
                  R"({"updateStrategy":{"rollingUpdate":{"partition":"2"}}})"},
        ReadyCase{"on delete", Kind::kStatefulSet, kUpdated1, "True Ready", "",
                  R"({"updateStrategy":{"type":"OnDelete"}})"},
        ReadyCase{"daemon set", Kind::kDaemonSet, [](auto& c) { c.replicas = c.ready = c.updated = 5; }, "True Ready",
                  "5 of 5"},
        ReadyCase{"daemon set not ready", Kind::kDaemonSet, [](auto& c) { c.replicas = c.updated = 5; },
                  "False PodsNotReady", "3 of 5"},
        ReadyCase{"daemon set not seen", Kind::kDaemonSet,
                  [](auto& c) {
                    c.replicas = 0;
                    c.observed_generation = 0;
                  },
                  "False RollingOut"},
        ReadyCase{"job", Kind::kJob, kAsIs, "False Running"}, ReadyCase{"job done", Kind::kJob, kDone, "True Complete"},
        ReadyCase{"job suspended", Kind::kJob, [](auto& c) { c.suspended = true; }, "False Suspended",
                  "spec.job.suspend"},
        ReadyCase{"cron job", Kind::kCronJob, kAsIs, "True Scheduled"},
        ReadyCase{"cron job suspended", Kind::kCronJob, [](auto& c) { c.suspended = true; }, "True Suspended"}));

}  // namespace
}  // namespace rempart::workload
