// The events that PlanStatus sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/workload/rounds.h"

namespace rempart::workload {
namespace {

using test::EventsOf;
using test::FailWith;
using test::Kind;
using test::Parse;
using test::Play;
using test::Ptr;
using test::Succeed;
using test::Write;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace rempart::workload
