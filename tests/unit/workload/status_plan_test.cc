// PlanStatus and HoldOff.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

using test::Do;
using test::Kind;
using test::kNow;
using test::MessageOf;
using test::Parse;
using test::Ptr;
using test::StateOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Both halves, as the reconciler runs them; `answer` stands for the server where something is applied.
struct Round {
  ChildPlan plan;
  StatusPlan result;
};
using Answer = std::function<ApplyOutcome(const ChildPlan&)>;
Round Play(const WorkloadObservation& observed, Applied applied, const Answer& answer = {}, WallTime now = kNow) {
  Round round;
  round.plan = PlanChild(observed, applied);
  std::optional<ApplyOutcome> outcome;
  if (answer && round.plan.action != Do::kNothing) outcome = answer(round.plan);
  if (outcome && outcome->child) applied = {round.plan.desired_digest, outcome->child->digest};
  round.result = PlanStatus(observed, round.plan, outcome, applied, now);
  return round;
}
ApplyOutcome Failed(Error error, bool foreign = false) { return {nullptr, std::move(error), foreign}; }
Answer FailWith(Error error) {
  return [error](const ChildPlan&) { return Failed(error); };
}
Answer Succeed(api::Child child) {
  return [child](const ChildPlan&) { return ApplyOutcome{Ptr(child), {}, false}; };
}
// The status as the next round observes it.
void Write(WorkloadObservation& observed, const Json& status) {
  test::Change(observed, [&](auto& w) { w.status_json = status.dump(); });
}
std::vector<std::string> EventsOf(const StatusPlan& plan) {
  std::vector<std::string> events;
  for (const auto& event : plan.events)
    events.push_back((event.type == kube::Event::Type::kWarning ? "Warning " : "Normal ") + event.reason);
  return events;
}
std::string States(const Json& status) {
  std::string text;
  for (const char* type : {"Ready", "Placed", "Reconciling", "Stalled"})
    text += (text.empty() ? "" : ", ") + StateOf(status, type);
  return text;
}

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
  // Others' members and conditions, another order, and the {} that server-side apply leaves of what was emptied.
  Json theirs = status;
  theirs["note"] = "x";
  std::swap(theirs["conditions"][0], theirs["conditions"][3]);
  theirs["conditions"].push_back({{"type", "Other"}, {"status", "True"}});
  Write(in_step.observed, theirs);
  EXPECT_TRUE(Play(in_step.observed, in_step.applied).result.status.is_null());

  auto stalled = test::Observe(test::Workload());
  stalled.region = nullptr;
  Json emptied = Play(stalled, {}).result.status;
  EXPECT_FALSE(emptied.contains("nodes") || emptied.contains("child"));
  emptied["nodes"] = emptied["child"] = Json::object();
  Write(stalled, emptied);
  EXPECT_TRUE(Play(stalled, {}).result.status.is_null());
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
  in_step.observed.qualified_nodes = 0;
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
  const auto round =
      Play(test::Observe(test::Workload()), {}, [](auto&) { return Failed(Error::Conflict("exists"), true); });
  EXPECT_EQ(StateOf(round.result.status, "Stalled"), "True NameTaken");
  EXPECT_EQ(HoldOff(Failed(Error::Conflict("exists"), true)), Duration::max());
  EXPECT_FALSE(round.result.look_again);
}

TEST(PlanStatusEvents, RestoredAdoptedAndMadeAnew) {
  auto in_step = test::ObserveInStep(test::Workload());
  const api::Child good = *in_step.observed.child;
  Write(in_step.observed, Play(in_step.observed, in_step.applied).result.status);

  auto edited = in_step.observed;
  test::ChangeChild(edited, [](auto& c) { c.digest = "edited"; });
  const auto restored = Play(edited, in_step.applied, Succeed(good));
  ASSERT_THAT(EventsOf(restored.result), ElementsAre("Warning ChildRestored"));
  const kube::Event& event = restored.result.events[0];
  EXPECT_EQ(event.regarding.kind, "TenantWorkload");
  EXPECT_EQ(event.regarding.uid, "uid-of-web");
  EXPECT_EQ(event.action, "Restore");
  ASSERT_TRUE(event.related);
  EXPECT_EQ(event.related->kind + " " + event.related->ns + " " + event.related->name + " " + event.related->uid,
            "Deployment acme web uid-of-child");
  EXPECT_THAT(EventsOf(Play(edited, in_step.applied, FailWith(Error::Transient("x"))).result), IsEmpty())
      << "not put back yet";

  auto changed = in_step.observed;
  test::Change(changed, [](auto& w) { w.replicas = 9; });
  EXPECT_THAT(EventsOf(Play(changed, in_step.applied, Succeed(good)).result), IsEmpty()) << "an update is no event";

  auto deleted = in_step.observed;
  deleted.child = nullptr;
  EXPECT_THAT(EventsOf(Play(deleted, in_step.applied, Succeed(good)).result), ElementsAre("Warning ChildRestored"));

  auto adopted = test::Observe(test::Workload());
  auto theirs = good;
  theirs.controller_uid = "";
  theirs.controller_is_workload = false;
  theirs.adopt = true;
  adopted.child = Ptr(theirs);
  EXPECT_THAT(EventsOf(Play(adopted, {}, Succeed(good)).result), ElementsAre("Normal AdoptedChild"));
}

TEST(PlanStatusEvents, DeletedAsToldIsNoWarning) {
  auto in_step = test::ObserveInStep(test::Workload());
  const api::Child good = *in_step.observed.child;
  test::Change(in_step.observed, [](auto& w) { w.replicas = 4; });
  Write(in_step.observed,
        Play(in_step.observed, in_step.applied, FailWith(Error::Invalid("field is immutable"))).result.status);
  in_step.observed.child = nullptr;
  EXPECT_THAT(EventsOf(Play(in_step.observed, in_step.applied, Succeed(good)).result),
              ElementsAre("Normal ChildRestored"));
}

TEST(PlanStatusEvents, AChildOfANewKindWasNotRestored) {
  auto observed = test::Observe(test::Workload(Kind::kStatefulSet));
  Write(observed, Parse(R"({"child": {"kind": "Deployment", "uid": "old"}})"));
  EXPECT_THAT(EventsOf(Play(observed, {}, Succeed(test::ChildOf(*observed.workload))).result), IsEmpty());
}

TEST(PlanStatusEvents, StallsAreToldOnce) {
  const auto refuse = [](WorkloadObservation& o) {
    test::Change(o, [](auto& w) { w.template_json = R"({"spec":{"nodeName":"x"}})"; });
  };
  const std::pair<std::function<void(WorkloadObservation&)>, std::vector<std::string>> cases[] = {
      {[](auto& o) { o.region = nullptr; }, {"Warning RegionNotFound"}},
      {refuse, {"Warning PlacementRefused"}},
      {[](auto& o) {
         o.region_name = "";
         o.region = nullptr;
       },
       {}},
  };
  for (const auto& [change, events] : cases) {
    auto observed = test::Observe(test::Workload());
    change(observed);
    const auto first = Play(observed, {});
    EXPECT_EQ(EventsOf(first.result), events);
    Write(observed, first.result.status);
    EXPECT_THAT(EventsOf(Play(observed, {}).result), IsEmpty());
  }
  // Another reason is news, and so is the same one after it was gone.
  auto observed = test::Observe(test::Workload());
  observed.region = nullptr;
  Write(observed, Play(observed, {}).result.status);
  observed.region = Ptr(test::Region());
  refuse(observed);
  EXPECT_THAT(EventsOf(Play(observed, {}).result), ElementsAre("Warning PlacementRefused"));
}

TEST(PlanStatus, MessagesAreBounded) {
  auto observed = test::Observe(test::Workload());
  test::Change(observed, [](auto& w) { w.invalid = std::string(100'000, 'x'); });
  const auto result = Play(observed, {}).result;
  EXPECT_LE(MessageOf(result.status, "Stalled").size(), 1024U);
}

}  // namespace
}  // namespace rempart::workload
