// Jobs with ttlSecondsAfterFinished, which Kubernetes removes some time after they ended: made anew like any other
// child that is gone, they would run again and again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/unit/workload/rounds.h"

namespace rempart::workload {
namespace {

using test::Changed;
using test::Do;
using test::EventsOf;
using test::Kind;
using test::MessageOf;
using test::Parse;
using test::Play;
using test::StateOf;
using test::States;
using test::Write;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(EndedJob, IsNotRunAgainOnceItExpired) {
  auto workload = test::Workload(Kind::kJob);
  workload.child_json = R"({"ttlSecondsAfterFinished":60})";
  for (const auto& [suffix, ended] : {std::pair{"-complete", Ended::kComplete}, {"-failed", Ended::kFailed}}) {
    SCOPED_TRACE(suffix);
    auto in_step = test::ObserveInStep(workload);
    const auto write = [&](const std::string& text) {
      test::Change(in_step.observed, [&](auto& w) { w.status_json = R"({"child":{"applied":")" + text + R"("}})"; });
    };
    const std::string applied = in_step.applied.desired_digest + "-" + in_step.applied.child_digest;
    write(applied + suffix);
    in_step.observed.child = nullptr;
    const auto plan = PlanChild(in_step.observed, in_step.applied);
    EXPECT_EQ(plan.action, Do::kNothing);
    EXPECT_EQ(plan.ended, ended);
    EXPECT_FALSE(plan.stalled || plan.waiting);
    // It had not ended, or something else is asked for now, or it has no time to live and was deleted by hand.
    write(applied);
    EXPECT_EQ(PlanChild(in_step.observed, in_step.applied).action, Do::kCreate);
    write(applied + suffix);
    auto changed = in_step.observed;
    test::Change(changed, [](auto& w) { w.template_json = R"({"spec":{"containers":[]}})"; });
    EXPECT_EQ(PlanChild(changed, in_step.applied).action, Do::kCreate);
    auto endless = test::ObserveInStep(test::Workload(Kind::kJob));
    test::Change(endless.observed, [&](auto& w) {
      w.status_json = R"({"child":{"applied":")" + endless.applied.desired_digest + "-0" + suffix + R"("}})";
    });
    endless.observed.child = nullptr;
    EXPECT_EQ(PlanChild(endless.observed, endless.applied).action, Do::kCreate);
  }
}

TEST(EndedJob, IsNotWaitedForWhileItGoes) {
  auto workload = test::Workload(Kind::kJob);
  workload.child_json = R"({"ttlSecondsAfterFinished":60})";
  auto in_step = test::ObserveInStep(workload);
  test::Change(in_step.observed, [&](auto& w) {
    w.status_json =
        R"({"child":{"applied":")" + in_step.applied.desired_digest + "-" + in_step.applied.child_digest + R"("}})";
  });
  test::ChangeChild(in_step.observed, [](auto& c) { c.meta.deleting = true; });
  EXPECT_TRUE(PlanChild(in_step.observed, in_step.applied).waiting) << "deleted while it ran";
  test::ChangeChild(in_step.observed, [](auto& c) { c.complete = true; });
  EXPECT_EQ(PlanChild(in_step.observed, in_step.applied).ended, Ended::kComplete);
  test::ChangeChild(in_step.observed, [](auto& c) {
    c.complete = false;
    c.failure = "BackoffLimitExceeded: x";
  });
  EXPECT_EQ(PlanChild(in_step.observed, in_step.applied).ended, Ended::kFailed);
  test::ChangeChild(in_step.observed, [](auto& c) { c.controller_uid = "another"; });
  EXPECT_EQ(PlanChild(in_step.observed, in_step.applied).ended, Ended::kNo);
}

// The life of a Job with a time to live, from its end to long after it is gone, over restarts and a region that is
// missing for a while.
TEST(EndedJob, StaysWhatItBecame) {
  for (const bool failed : {false, true}) {
    SCOPED_TRACE(failed);
    auto workload = test::Workload(Kind::kJob);
    workload.child_json = R"({"ttlSecondsAfterFinished":60})";
    auto in_step = test::ObserveInStep(workload);
    auto& observed = in_step.observed;
    observed.pods = {
        Changed(test::PodOn("p", "par-1", "fr-par-1"), [](auto& p) { p.phase = api::Pod::Phase::kSucceeded; })};
    test::ChangeChild(observed,
                      [&](auto& c) { failed ? void(c.failure = "BackoffLimitExceeded: x") : void(c.complete = true); });
    const std::string states = failed ? "False JobFailed, Unknown NoPods, False Stalled, True JobFailed"
                                      : "True Complete, True Finished, False Settled, False NotStalled";
    const auto look = [&] {
      const Applied after_restart = ReadApplied(observed.workload->status_json);
      auto played = Play(observed, after_restart.desired_digest.empty() ? in_step.applied : after_restart);
      if (!played.result.status.is_null()) Write(observed, played.result.status);
      EXPECT_THAT(EventsOf(played.result), IsEmpty());
      EXPECT_EQ(played.plan.action, Do::kNothing);
      return States(Parse(observed.workload->status_json));
    };
    EXPECT_EQ(look(), states);
    if (failed) {
      EXPECT_THAT(MessageOf(Parse(observed.workload->status_json), "Stalled"),
                  HasSubstr("change spec.template to run it again"));
    }
    test::ChangeChild(observed, [](auto& c) { c.meta.deleting = true; });
    EXPECT_EQ(look(), states);
    observed.child = nullptr;
    observed.pods.clear();
    EXPECT_EQ(look(), states);
    EXPECT_EQ(look(), states);
    const auto region = std::exchange(observed.region, nullptr);
    Write(observed, Play(observed, {}).result.status);
    EXPECT_EQ(StateOf(Parse(observed.workload->status_json), "Stalled"), "True RegionNotFound");
    observed.region = region;
    EXPECT_EQ(look(), states);
  }
}

}  // namespace
}  // namespace rempart::workload
