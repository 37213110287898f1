// A key waits until the caches have seen the operator's own last writes for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/kube/runner_fixture.h"

namespace rempart::kube {
namespace {

using namespace test;
using std::chrono::seconds;
using testing::ElementsAre;

// `others` is at 10; the first reconcile wrote what will be 50 there.
class AwaitTest : public RunnerFixture {
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

// Workers, a writer that feeds a store, and reconcilers that "write": a key is never on two workers, a reconciler
// always sees its own last write, and in the end every key was reconciled with the last state.
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
                                            if (errors.fetch_add(1) % 17 == 0)
                                              return leave(Fail(Error::Transient("reset")));
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
