#include "src/kube/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tests/unit/kube/runner_fixture.h"

namespace rempart::kube {
namespace {

using namespace test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class RunnerTest : public RunnerFixture {};

TEST_F(RunnerTest, SuccessAwaitsAChange) {
  RunOnce(Outcome::AwaitChange());
  EXPECT_THAT(calls, ElementsAre(Duration(0)));
  EXPECT_EQ(Count("success"), 1);
  EXPECT_EQ(Errors(), 0);
}

TEST_F(RunnerTest, SuccessMayAskToLookAgain) {
  RunOnce(Outcome::Requeue(seconds(42)));
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(seconds(42))));
  EXPECT_EQ(Count("requeue_after"), 1);
  EXPECT_EQ(Count("success"), 1);
}

TEST_F(RunnerTest, LookingAgainAtOnceDoesNotSpin) {
  RunOnce(Outcome::Requeue(seconds(-1)));
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(milliseconds(1))));
}

TEST_F(RunnerTest, TransientErrorsBackOffAndRetry) {
  RunOnce(Fail(Error::Transient("reset")));
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_GE(calls[1], milliseconds(2));
  EXPECT_LE(calls[1], milliseconds(5));
  EXPECT_EQ(Count("error"), 1);
  EXPECT_EQ(Errors(), 1);
  EXPECT_EQ(queue.Failures(Key("a")), 0);  // the success after it
}

TEST_F(RunnerTest, BackOffGrowsUntilASuccess) {
  reconcile = [this](ReconcileContext&) -> Result<Outcome> {
    if (calls.size() <= 12) return Fail(Error::Transient("reset"));
    return Outcome::AwaitChange();
  };
  queue.Add(Key("a"));
  Run();
  ASSERT_EQ(calls.size(), 13u);
  EXPECT_GE(calls[12] - calls[11], milliseconds(5) * 1024);
}

TEST_F(RunnerTest, AConflictIsLookedAtAgainWithoutNoise) {
  RunOnce(Fail(Error::Conflict("somebody wrote")));
  EXPECT_EQ(calls.size(), 2u);
  EXPECT_EQ(Count("requeue"), 1);
  EXPECT_EQ(Errors(), 0);
  EXPECT_FALSE(Logged("somebody wrote"));
}

TEST_F(RunnerTest, WhatOnlyAChangeCanHelpIsRetriedSlowly) {
  for (const Error& error : {Error::Invalid("422"), Error::Denied("403"), Error::NotFound("404")}) {
    calls.clear();
    stop = {};
    RunOnce(Fail(error));
    ASSERT_EQ(calls.size(), 2u) << error.ToString();
    EXPECT_GE(calls[1], seconds(45)) << error.ToString();
    EXPECT_LE(calls[1], seconds(75)) << error.ToString();
  }
  EXPECT_EQ(Errors(), 3);
}

TEST_F(RunnerTest, TheServersWishIsALowerBound) {
  for (Error error : {Error::Transient("429"), Error::Conflict("409"), Error::Denied("403")}) {
    calls.clear();
    stop = {};
    error.retry_after = milliseconds(90'000);
    RunOnce(Fail(error));
    EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(seconds(90)))) << error.ToString();
  }
}

TEST_F(RunnerTest, CancelledIsDropped) {
  RunOnce(Fail(Error::Cancelled("stopping")));
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_EQ(Count("error") + Count("success"), 0);
}

TEST_F(RunnerTest, BugsAreLoggedCountedAndRetried) {
  RunOnce(Fail(Error::Internal("index out of bounds")));
  EXPECT_EQ(calls.size(), 2u);
  EXPECT_TRUE(Logged("a bug"));
  EXPECT_EQ(Errors(), 1);
}

TEST_F(RunnerTest, ExceptionsAreBugs) {
  reconcile = [this](ReconcileContext&) -> Result<Outcome> {
    if (calls.size() == 1) throw std::runtime_error("boom");
    if (calls.size() == 2) throw 7;
    return Outcome::AwaitChange();
  };
  queue.Add(Key("a"));
  Run();
  EXPECT_EQ(calls.size(), 3u);
  EXPECT_TRUE(Logged("a bug"));
  EXPECT_TRUE(Logged("boom"));
  EXPECT_EQ(Errors(), 2);
}

TEST_F(RunnerTest, AKeyOfNoControllerIsLoggedAndDropped) {
  queue.Add({9, {"ns", "a"}});
  queue.Add(Key("b"));
  Run();
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_TRUE(Logged("a bug"));
}

TEST_F(RunnerTest, LinesOfAReconcileSayWhichOne) {
  reconcile = [](ReconcileContext&) {
    log::Info("hello");
    return Outcome::AwaitChange();
  };
  queue.Add(Key("a"));
  Run();
  ASSERT_EQ(RunnerLog().size(), 1u);
  EXPECT_THAT(RunnerLog()[0], testing::ContainsRegex("controller.{1,3}thing"));
  EXPECT_THAT(RunnerLog()[0], HasSubstr("ns/a"));
  EXPECT_THAT(RunnerLog()[0], testing::ContainsRegex("reconcile_id.{1,3}[0-9a-f]{16}"));
}

TEST_F(RunnerTest, MetricsTellTimeAndWorkers) {
  reconcile = [this](ReconcileContext&) {
    EXPECT_EQ(metrics.GetGauge("controller_runtime_active_workers", "", {{"controller", "thing"}}).Value(), 1);
    clock.Advance(milliseconds(250));
    return Outcome::AwaitChange();
  };
  queue.Add(Key("a"));
  Run();
  const std::string text = metrics.Expose();
  EXPECT_THAT(text, HasSubstr("controller_runtime_reconcile_time_seconds_sum{controller=\"thing\"} 0.25"));
  EXPECT_THAT(text, HasSubstr("controller_runtime_active_workers{controller=\"thing\"} 0"));
  EXPECT_THAT(text, HasSubstr("controller_runtime_max_concurrent_reconciles{controller=\"thing\"} 1"));
}

TEST_F(RunnerTest, AStopLeavesWhatIsInLine) {
  reconcile = [this](ReconcileContext& context) {
    EXPECT_FALSE(context.stop().stop_requested());
    stop.request_stop();
    EXPECT_TRUE(context.stop().stop_requested());
    return Outcome::AwaitChange();
  };
  queue.Add(Key("a"));
  queue.Add(Key("b"));
  Run();
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_EQ(queue.depth(), 1u);
}

}  // namespace
}  // namespace rempart::kube
