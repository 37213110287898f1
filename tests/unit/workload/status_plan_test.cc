// PlanStatus and HoldOff.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workload/rounds.h"

namespace rempart::workload {
namespace {

using test::Do;
using test::EventsOf;
using test::Failed;
using test::FailWith;
using test::Kind;
using test::kNow;
using test::MessageOf;
using test::Parse;
using test::Play;
using test::Ptr;
using test::StateOf;
using test::States;
using test::Succeed;
using test::Write;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(PlanStatus, OfAWorkloadInStep) {
  const auto in_step = test::ObserveInStep(test::Workload());
  const auto round = Play(in_step.observed, in_step.applied);
  const auto condition = [](const char* type, const char* state, const char* reason, const char* message) {
    return Json{{"type", type},       {"status", state},         {"reason", reason},
                {"message", message}, {"observedGeneration", 4}, {"lastTransitionTime", "2026-11-22T10:23:00Z"}};
  };
  EXPECT_EQ(round.result.status,
            Json({{"observedGeneration", 4},
                  {"replicas", 3},
                  {"ready", 3},
                  {"updated", 3},
                  {"selector", "rempart.dev/workload=web"},
                  {"nodes", {{"fr-par-1", 2}, {"fr-par-2", 1}}},
                  {"child",
                   {{"apiVersion", "apps/v1"},
                    {"kind", "Deployment"},
                    {"name", "web"},
                    {"uid", "uid-of-child"},
                    {"applied", in_step.applied.desired_digest + "-" + in_step.applied.child_digest}}},
                  {"conditions", Json::array({condition("Ready", "True", "Ready", "3 of 3 pods ready"),
                                              condition("Placed", "True", "OnQualifiedNodes",
                                                        "every pod sits on a qualified node of region france"),
                                              condition("Reconciling", "False", "Settled", ""),
                                              condition("Stalled", "False", "NotStalled", "")})}}));
  EXPECT_THAT(round.result.events, IsEmpty());
  EXPECT_FALSE(round.result.look_again);
}

TEST(PlanStatus, IsNullWhereNothingIsNew) {
  auto in_step = test::ObserveInStep(test::Workload());
  const Json status = Play(in_step.observed, in_step.applied).result.status;
  Write(in_step.observed, status);
  EXPECT_TRUE(Play(in_step.observed, in_step.applied, {}, kNow + std::chrono::hours(5)).result.status.is_null());
  // Others' members and conditions, and another order.
  Json theirs = status;
  theirs["note"] = "x";
  std::swap(theirs["conditions"][0], theirs["conditions"][3]);
  theirs["conditions"].push_back({{"type", "Other"}, {"status", "True"}});
  Write(in_step.observed, theirs);
  EXPECT_TRUE(Play(in_step.observed, in_step.applied).result.status.is_null());
}

TEST(PlanStatus, PatchesWhatDiffers) {
  auto in_step = test::ObserveInStep(test::Workload());
  Write(in_step.observed, Play(in_step.observed, in_step.applied).result.status);
  test::ChangeChild(in_step.observed, [](auto& c) { c.updated = 2; });
  in_step.observed.pods.clear();
  const Json patch = Play(in_step.observed, in_step.applied).result.status_patch;
  EXPECT_EQ(patch["updated"], 2);
  EXPECT_EQ(patch["nodes"], nullptr);
  EXPECT_TRUE(patch.contains("nodes") && patch.contains("conditions"));
  EXPECT_FALSE(patch.contains("ready") || patch.contains("child") || patch.contains("selector"));
}

TEST(PlanStatus, IsWrittenAnewWhereItWasTamperedWith) {
  auto in_step = test::ObserveInStep(test::Workload());
  const Json status = Play(in_step.observed, in_step.applied).result.status;
  for (const char* change :
       {R"({"ready": 9})", R"({"nodes": {"mars": 1}})", R"({"selector": null})", R"({"conditions": []})",
        R"({"conditions": 7})", R"({"child": {"uid": "x"}})", R"({"observedGeneration": 3})"}) {
    Json tampered = status;
    tampered.merge_patch(Parse(change));
    Write(in_step.observed, tampered);
    EXPECT_EQ(Play(in_step.observed, in_step.applied).result.status, status) << change;
  }
  for (const char* text : {"", "{", "[]", "null", "\"x\""}) {
    test::Change(in_step.observed, [&](auto& w) { w.status_json = text; });
    EXPECT_EQ(Play(in_step.observed, in_step.applied).result.status, status) << text;
  }
}

TEST(PlanStatus, TransitionTimeMovesOnlyWithTheStatus) {
  auto in_step = test::ObserveInStep(test::Workload());
  Write(in_step.observed, Play(in_step.observed, in_step.applied).result.status);
  test::ChangeChild(in_step.observed, [](auto& c) { c.ready = 2; });
  const Json status = Play(in_step.observed, in_step.applied, {}, kNow + std::chrono::minutes(1)).result.status;
  EXPECT_EQ(StateOf(status, "Ready"), "False PodsNotReady");
  EXPECT_EQ(test::ConditionOf(status, "Ready")["lastTransitionTime"], "2026-11-22T10:24:00Z");
  EXPECT_EQ(test::ConditionOf(status, "Placed")["lastTransitionTime"], "2026-11-22T10:23:00Z");
}

TEST(PlanStatus, OfAWorkloadBeingDeletedSaysNothing) {
  auto in_step = test::ObserveInStep(test::Workload());
  test::Change(in_step.observed, [](auto& w) { w.meta.deleting = true; });
  const auto result = Play(in_step.observed, in_step.applied).result;
  EXPECT_TRUE(result.status.is_null());
  EXPECT_THAT(result.events, IsEmpty());
}

TEST(PlanStatus, CreationNeedsOneStatusOnly) {
  auto observed = test::Observe(test::Workload());
  api::Child created = test::ChildOf(*observed.workload);
  created.replicas = created.ready = created.updated = 0;
  created.observed_generation = 0;
  created.meta.generation = 1;
  const auto round = Play(observed, {}, Succeed(created));
  EXPECT_EQ(round.plan.action, Do::kCreate);
  EXPECT_EQ(States(round.result.status), "False RollingOut, Unknown NoPods, True RollingOut, False NotStalled");
  EXPECT_THAT(round.result.events, IsEmpty());
  Write(observed, round.result.status);
  observed.child = Ptr(created);
  EXPECT_TRUE(Play(observed, ReadApplied(observed.workload->status_json)).result.status.is_null());
  EXPECT_EQ(Play(observed, ReadApplied(observed.workload->status_json)).plan.action, Do::kNothing) << "after a restart";
}

TEST(PlanStatus, DryRunSaysThatItIsToBeApplied) {
  EXPECT_EQ(States(Play(test::Observe(test::Workload()), {}).result.status),
            "False Applying, Unknown NoPods, True Applying, False NotStalled");
}

TEST(PlanStatus, StallsAreSaidInReadyAndStalled) {
  auto in_step = test::ObserveInStep(test::Workload());
  in_step.observed.region = nullptr;
  const auto round = Play(in_step.observed, in_step.applied);
  EXPECT_EQ(States(round.result.status),
            "False RegionNotFound, True OnQualifiedNodes, False Stalled, True RegionNotFound");
  EXPECT_EQ(MessageOf(round.result.status, "Ready"), MessageOf(round.result.status, "Stalled"));
  EXPECT_EQ(round.result.status["child"]["applied"],
            in_step.applied.desired_digest + "-" + in_step.applied.child_digest)
      << "what was in step is not forgotten";
  EXPECT_EQ(round.result.status["replicas"], 3);
}

TEST(PlanStatus, ForeignChildIsNotReportedAsOurs) {
  auto observed = test::Observe(test::Workload());
  auto foreign = test::ChildOf(*observed.workload);
  foreign.controller_uid = "x";
  foreign.controller_is_workload = false;
  observed.child = Ptr(foreign);
  const auto round = Play(observed, {});
  EXPECT_EQ(StateOf(round.result.status, "Stalled"), "True NameTaken");
  EXPECT_FALSE(round.result.status.contains("child"));
  EXPECT_EQ(round.result.status["ready"], 0);
  EXPECT_THAT(EventsOf(round.result), ElementsAre("Warning NameTaken"));
}

TEST(PlanStatus, WaitingForTheOldChild) {
  auto observed = test::Observe(test::Workload(Kind::kStatefulSet));
  observed.other_children = {Ptr(test::ChildOf(test::Workload()))};
  const Json status = Play(observed, {}).result.status;
  EXPECT_EQ(States(status), "False WaitingForOldChild, Unknown NoPods, True WaitingForOldChild, False NotStalled");
  EXPECT_THAT(MessageOf(status, "Reconciling"), HasSubstr("Deployment acme/web is being removed"));
}

TEST(PlanStatus, PlacementOutweighsReadiness) {
  auto in_step = test::ObserveInStep(test::Workload());
  in_step.observed.pods.push_back(test::PodOn("web-d", "fra-1", "de-fra-1", false));
  EXPECT_EQ(States(Play(in_step.observed, in_step.applied).result.status),
            "False PodsOutside, False PodsOutside, True PodsOutside, False NotStalled");
  test::ChangeChild(in_step.observed, [](auto& c) { c.ready = 0; });
  in_step.observed.pods = {test::WaitingPod("web-a", "no node")};
  in_step.observed.region_has_nodes = false;
  EXPECT_EQ(StateOf(Play(in_step.observed, in_step.applied).result.status, "Ready"), "False NoQualifiedNode");
}

TEST(PlanStatus, JobsSettleWhenSuspendedOrFailed) {
  auto in_step = test::ObserveInStep(test::Workload(Kind::kJob));
  in_step.observed.pods.clear();
  test::ChangeChild(in_step.observed, [](auto& c) { c.suspended = true; });
  EXPECT_EQ(States(Play(in_step.observed, in_step.applied).result.status),
            "False Suspended, Unknown NoPods, False Settled, False NotStalled");
  test::ChangeChild(in_step.observed, [](auto& c) {
    c.suspended = false;
    c.failure = "BackoffLimitExceeded: x";
  });
  const Json failed = Play(in_step.observed, in_step.applied).result.status;
  EXPECT_EQ(States(failed), "False JobFailed, Unknown NoPods, False Stalled, True JobFailed");
  EXPECT_THAT(MessageOf(failed, "Stalled"), HasSubstr("kubectl delete job web -n acme"));
}

struct ErrorCase {
  const char* what;
  Error error;
  const char *states, *says;
  std::optional<Duration> hold_off;
};
TEST(PlanStatus, ErrorsOfTheServer) {
  using std::chrono::minutes;
  const std::string stuck = "False ImmutableField, True OnQualifiedNodes, False Stalled, True ImmutableField";
  const std::string again = "False ApplyFailed, True OnQualifiedNodes, True ApplyFailed, False NotStalled";
  const std::string refused = "False ChildRefused, True OnQualifiedNodes, False Stalled, True ChildRefused";
  const ErrorCase cases[] = {
      {"selector",
       Error::Invalid("Deployment.apps \"web\" is invalid: spec.selector: Invalid value: {…}: field is immutable"),
       stuck.c_str(),
       "delete it (kubectl delete deployment web -n acme); it is made anew from the workload. The server said: "
       "Deployment.apps \"web\" is invalid: spec.selector",
       Duration::max()},
      {"stateful set",
       Error::Invalid("StatefulSet.apps \"web\" is invalid: spec: Forbidden: updates to statefulset spec for fields "
                      "other than 'replicas' are forbidden"),
       stuck.c_str(), "immutable", Duration::max()},
      {"other", Error::Invalid("Deployment.apps \"web\" is invalid: spec.template.spec.containers: Required value"),
       refused.c_str(), "Required value", minutes(5)},
      {"denied", Error::Denied("deployments.apps is forbidden: exceeded quota"),
       "False ChildForbidden, True OnQualifiedNodes, False Stalled, True ChildForbidden", "exceeded quota", minutes(1)},
      {"not a word of ours in another kind of error", Error::Transient("field is immutable"), again.c_str(),
       "tried again", std::nullopt},
      {"transient", Error::Transient("connection reset"), again.c_str(), "connection reset", std::nullopt},
      {"conflict", Error::Conflict("the object has been modified"), again.c_str(), "modified", std::nullopt},
      {"not found", Error::NotFound("namespaces \"acme\" not found"), again.c_str(), "not found", minutes(1)},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    auto in_step = test::ObserveInStep(test::Workload());
    test::Change(in_step.observed, [](auto& w) { w.replicas = 4; });
    const auto round = Play(in_step.observed, in_step.applied, FailWith(c.error));
    EXPECT_EQ(States(round.result.status), c.states);
    EXPECT_THAT(MessageOf(round.result.status, "Ready"), HasSubstr(c.says));
    EXPECT_EQ(HoldOff(Failed(c.error)), c.hold_off);
    EXPECT_EQ(round.result.look_again, c.hold_off == Duration::max() ? std::nullopt : c.hold_off);
    EXPECT_EQ(round.result.status["child"]["applied"],
              in_step.applied.desired_digest + "-" + in_step.applied.child_digest);
  }
}

TEST(PlanStatus, NothingIsImmutableInAnObjectThatIsNotThere) {
  const auto round =
      Play(test::Observe(test::Workload()), {}, FailWith(Error::Invalid("denied by a policy: x is immutable")));
  EXPECT_EQ(StateOf(round.result.status, "Stalled"), "True ChildRefused");
}

TEST(PlanStatus, StatefulSetsMayKeepTheirPods) {
  auto in_step = test::ObserveInStep(test::Workload(Kind::kStatefulSet));
  test::Change(in_step.observed, [](auto& w) { w.replicas = 4; });
  const auto round = Play(in_step.observed, in_step.applied, FailWith(Error::Invalid("field is immutable")));
  EXPECT_THAT(MessageOf(round.result.status, "Stalled"),
              HasSubstr("kubectl delete statefulset web -n acme, with --cascade=orphan"));
}

TEST(PlanStatus, SomebodyElseWasFaster) {
  const auto round = Play(test::Observe(test::Workload()), {}, FailWith(Error::Conflict("exists")));
  EXPECT_EQ(StateOf(round.result.status, "Ready"), "False ApplyFailed");
  EXPECT_EQ(HoldOff(Failed(Error::Conflict("exists"))), std::nullopt) << "looked at again, and seen then";
}

TEST(PlanStatus, MessagesAreBounded) {
  auto observed = test::Observe(test::Workload());
  test::Change(observed, [](auto& w) { w.invalid = std::string(100'000, 'x'); });
  const auto result = Play(observed, {}).result;
  EXPECT_LE(MessageOf(result.status, "Stalled").size(), 1024U);
}

}  // namespace
}  // namespace rempart::workload
