#include "src/kube/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "src/base/log.h"
#include "tests/unit/kube/jump_clock.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Thing {
  Meta meta;
};
Result<Thing> DecodeThing(View object) {
  auto meta = DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error());
  return Thing{std::move(*meta)};
}

std::vector<std::string> log_lines;

// One worker on the test's own thread, in time that jumps: the run ends when nothing is left to wait for.
class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    log_lines.clear();
    log::SetSink([](std::string_view line) { log_lines.emplace_back(line); });
    controller = runner.AddController({"thing", [this](ReconcileContext& context) {
                                         calls.push_back(clock.elapsed() - started);
                                         return reconcile(context);
                                       }});
    clock.on_forever = [this] { stop.request_stop(); };
  }
  ~RunnerTest() override { log::SetSink(nullptr); }

  WorkKey Key(const std::string& name) const { return {controller, {"ns", name}}; }
  void Run() {
    started = clock.elapsed();
    runner.Run(1, stop.get_token());
  }
  // The outcome of the first reconcile, and success from then on.
  void RunOnce(Result<Outcome> first) {
    reconcile = [this, first](ReconcileContext&) { return calls.size() == 1 ? first : Outcome::AwaitChange(); };
    queue.Add(Key("a"));
    Run();
  }
  double Count(const std::string& result) {
    return metrics.GetCounter("controller_runtime_reconcile_total", "", {{"controller", "thing"}, {"result", result}}).Value();
  }
  double Errors() { return metrics.GetCounter("controller_runtime_reconcile_errors_total", "", {{"controller", "thing"}}).Value(); }
  double AwaitTimeouts() { return metrics.GetCounter("rempart_await_timeouts_total", "", {{"controller", "thing"}}).Value(); }
  bool Logged(const std::string& text) const {
    for (const auto& line : log_lines) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  test::JumpClock clock;
  SeededRandom random{1};
  Metrics metrics;
  Store<Thing> store{"things", DecodeThing}, others{"others", DecodeThing};
  Queue queue{clock, random, metrics};
  Runner runner{queue, clock, random, metrics};
  std::uint8_t controller = 0;
  std::function<Result<Outcome>(ReconcileContext&)> reconcile = [](ReconcileContext&) { return Outcome::AwaitChange(); };
  std::vector<Duration> calls;  // when, since the run began
  Duration started{};
  std::stop_source stop;
};

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
  ASSERT_EQ(log_lines.size(), 1u);
  EXPECT_THAT(log_lines[0], testing::ContainsRegex("controller.{1,3}thing"));
  EXPECT_THAT(log_lines[0], HasSubstr("ns/a"));
  EXPECT_THAT(log_lines[0], testing::ContainsRegex("reconcile_id.{1,3}[0-9a-f]{16}"));
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

// Awaiting our own writes. `others` is at 10; the first reconcile wrote what will be 50 there.

class AwaitTest : public RunnerTest {
 protected:
  AwaitTest() {
    store.Progress(10);
    others.Progress(10);
    reconcile = [this](ReconcileContext& context) {
      if (calls.size() == 1) {
        context.Wrote(others, 40);
        context.Wrote(others, 50);
        context.Wrote(others, 45);
        queue.Add(Key("a"));  // something else changed at once
      }
      return Outcome::AwaitChange();
    };
    queue.Add(Key("a"));
  }
};

TEST_F(AwaitTest, AKeyWaitsUntilTheStoreHasSeenItsWriteAndNoLonger) {
  int step = 0;
  clock.before_jump = [&](MonoTime) {
    // The worker has put the key aside and sleeps. 49 is not enough; 50 wakes it without time passing.
    EXPECT_EQ(calls.size(), 1u);
    others.Progress(step++ == 0 ? 49 : 50);
    return true;
  };
  Run();
  EXPECT_EQ(step, 2);
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(0)));
  EXPECT_EQ(AwaitTimeouts(), 0);
  EXPECT_EQ(Count("success"), 2);  // being put aside is no reconcile
}

TEST_F(AwaitTest, PatienceEndsAfterTenSeconds) {
  Run();
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(seconds(10))));
  EXPECT_EQ(AwaitTimeouts(), 1);
  EXPECT_TRUE(Logged("our last write"));
}

TEST_F(AwaitTest, AfterATimeoutNothingIsAwaitedAnyMore) {
  Run();
  stop = {};
  queue.Add(Key("a"));
  Run();
  EXPECT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[2], Duration(0));
  others.Progress(60);
  EXPECT_EQ(queue.depth(), 0u);
}

TEST_F(AwaitTest, AddsMeanwhileDoNotEndTheWait) {
  int step = 0;
  clock.before_jump = [&](MonoTime) {
    if (++step > 5) return false;
    clock.Advance(seconds(1));
    queue.Add(Key("a"));
    return true;
  };
  Run();
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(seconds(10))));  // of the write, not of the last add
}

TEST_F(AwaitTest, AWriteThatWasSeenAlreadyIsNotAwaited) {
  reconcile = [this](ReconcileContext& context) {
    if (calls.size() == 1) {
      context.Wrote(others, 10);
      context.Wrote(others, 9);
      queue.Add(Key("a"));
    }
    return Outcome::AwaitChange();
  };
  Run();
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(0)));
}

TEST_F(AwaitTest, AKeyWaitsForAllOfItsStores) {
  reconcile = [this](ReconcileContext& context) {
    if (calls.size() == 1) {
      context.Wrote(store, 30);
      context.Wrote(others, 50);
      queue.Add(Key("a"));
    }
    return Outcome::AwaitChange();
  };
  int step = 0;
  clock.before_jump = [&](MonoTime) {
    EXPECT_EQ(calls.size(), 1u);
    step++ == 0 ? others.Progress(50) : store.Progress(30);
    return true;
  };
  Run();
  EXPECT_EQ(step, 2);
  EXPECT_THAT(calls, ElementsAre(Duration(0), Duration(0)));
}

TEST_F(AwaitTest, OtherKeysGoOn) {
  queue.Add(Key("b"));
  clock.before_jump = [&](MonoTime) {
    EXPECT_EQ(calls.size(), 2u);  // a, b; then a was put aside
    others.Progress(50);
    return true;
  };
  Run();
  EXPECT_EQ(calls.size(), 3u);
}

TEST_F(AwaitTest, ProgressAloneWakesNobodyWhoWasNotPutAside) {
  reconcile = [this](ReconcileContext& context) {
    context.Wrote(others, 50);
    return Outcome::AwaitChange();
  };
  Run();
  others.Progress(50);
  EXPECT_EQ(queue.depth(), 0u);
  EXPECT_EQ(calls.size(), 1u);
}

TEST(RunnerLifetimeTest, AStoreOutlivesTheRunner) {
  test::JumpClock clock;
  SeededRandom random(1);
  Metrics metrics;
  Store<Thing> store("things", DecodeThing);
  {
    Queue queue(clock, random, metrics);
    Runner runner(queue, clock, random, metrics);
    std::stop_source stop;
    clock.on_forever = [&] { stop.request_stop(); };
    auto controller = runner.AddController({"thing", [&](ReconcileContext& context) {
                                              context.Wrote(store, 50);
                                              return Outcome::AwaitChange();
                                            }});
    queue.Add({controller, {"ns", "a"}});
    runner.Run(1, stop.get_token());
  }
  store.Progress(50);  // nobody is there to be told
}

// Workers, a writer that feeds a store, and reconcilers that "write": a key is never on two workers, a reconciler always
// sees its own last write, and in the end every key was reconciled with the last state.
TEST(RunnerThreadsTest, EveryReconcilerSeesItsOwnLastWrite) {
  SystemClock clock;
  SeededRandom random(1);
  Metrics metrics;
  Store<Thing> store("things", DecodeThing);
  Queue queue(clock, random, metrics, {.retries_per_second = 1e6, .retry_burst = 1e6});
  Runner runner(queue, clock, random, metrics);
  constexpr int kKeys = 20, kWritesEach = 40;

  // The "API server": gives versions, and queues what the watch will say.
  std::mutex server_mutex;
  std::condition_variable_any server_cv;
  std::uint64_t version = 1;
  std::vector<Thing> to_watch;

  std::array<std::atomic<int>, kKeys> workers_on{}, writes{};
  std::array<std::atomic<std::uint64_t>, kKeys> last_write{};
  std::atomic<int> collisions{0}, stale{0}, finished{0}, errors{0};
  std::stop_source stop;
  auto controller = runner.AddController({"thing", [&](ReconcileContext& context) -> Result<Outcome> {
    const auto k = static_cast<std::size_t>(std::stoi(context.key().name));
    if (workers_on[k].fetch_add(1) != 0) ++collisions;
    auto leave = [&](Result<Outcome> outcome) {
      workers_on[k].fetch_sub(1);
      return outcome;
    };
    const auto seen = store.Get(context.key());
    if ((seen ? seen->meta.resource_version : 0) < last_write[k]) ++stale;
    if (writes[k] == kWritesEach) return leave(Outcome::AwaitChange());
    if (errors.fetch_add(1) % 17 == 0) return leave(Fail(Error::Transient("reset")));
    {
      std::scoped_lock lock(server_mutex);
      Thing thing;
      thing.meta.key = context.key();
      thing.meta.resource_version = ++version;
      last_write[k] = version;
      to_watch.push_back(thing);
      context.Wrote(store, version);
    }
    server_cv.notify_all();
    if (++writes[k] == kWritesEach) ++finished;
    return leave(Outcome::Requeue(std::chrono::microseconds(10)));
  }});
  store.AddListener([&](const auto&, const auto& after) { queue.Add({controller, after->meta.key}); });

  std::jthread watch([&](std::stop_token watching) {
    std::unique_lock lock(server_mutex);
    while (server_cv.wait(lock, watching, [&] { return !to_watch.empty(); })) {
      auto batch = std::exchange(to_watch, {});
      lock.unlock();
      for (auto& thing : batch) {
        std::this_thread::yield();
        store.Put(std::move(thing));
      }
      lock.lock();
    }
  });
  std::jthread run([&] { runner.Run(4, stop.get_token()); });
  for (int k = 0; k < kKeys; ++k) queue.Add({controller, {"ns", std::to_string(k)}});
  const MonoTime deadline = clock.Mono() + seconds(60);
  while (finished < kKeys && clock.Mono() < deadline) std::this_thread::yield();
  stop.request_stop();
  run.join();
  EXPECT_EQ(finished, kKeys);
  EXPECT_EQ(collisions, 0);
  EXPECT_EQ(stale, 0);
  EXPECT_EQ(metrics.GetCounter("rempart_await_timeouts_total", "", {{"controller", "thing"}}).Value(), 0);
}

}  // namespace
}  // namespace rempart::kube
