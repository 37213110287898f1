#include "src/kube/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/kube/fake_clock.h"
#include "tests/unit/kube/jump_clock.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

WorkKey Key(const std::string& name) { return {1, {"ns", name}}; }

class QueueTest : public testing::Test {
 protected:
  // Nothing may be waited for without limit here: it ends the wait, and the test sees nullopt.
  QueueTest() {
    clock.on_forever = [this] { waits_forever.request_stop(); };
  }
  // The next key, jumping in time to when it is due; "" when none will ever be.
  std::string Take() {
    waits_forever = {};
    auto key = queue->Take(waits_forever.get_token());
    return key ? key->object.name : "";
  }
  // What is due now, taken and done.
  std::string Drain() {
    std::string names;
    while (queue->depth() > 0) {
      auto key = queue->Take({});
      names += key->object.name;
      queue->Done(*key);
    }
    return names;
  }
  // How long until the next key is due; takes it and has done with it.
  Duration NextIn() {
    const Duration before = clock.elapsed();
    auto key = queue->Take({});
    queue->Done(*key);
    return clock.elapsed() - before;
  }

  test::JumpClock clock;
  SeededRandom random{1};
  Metrics metrics;
  std::optional<Queue> queue{std::in_place, clock, random, metrics};
  std::stop_source waits_forever;
};

TEST_F(QueueTest, ServesInOrderAndEachKeyOnce) {
  for (const char* name : {"b", "a", "b", "c", "a"}) queue->Add(Key(name));
  EXPECT_EQ(queue->depth(), 3u);
  EXPECT_EQ(Drain(), "bac");
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, KeysOfDifferentControllersAreDifferent) {
  queue->Add({1, {"ns", "a"}});
  queue->Add({2, {"ns", "a"}});
  queue->Add({1, {"other", "a"}});
  EXPECT_EQ(queue->depth(), 3u);
}

TEST_F(QueueTest, AKeyAddedWhileWorkedOnComesBackAfterwardsOnce) {
  queue->Add(Key("a"));
  EXPECT_EQ(Take(), "a");
  queue->Add(Key("a"));
  queue->Add(Key("a"));
  EXPECT_EQ(queue->depth(), 0u);
  EXPECT_EQ(Take(), "");  // nobody else gets it meanwhile
  queue->Add(Key("b"));
  queue->Done(Key("a"));
  EXPECT_EQ(Drain(), "ba");
  EXPECT_TRUE(queue->Idle());
}

TEST_F(QueueTest, DelayedAddsComeWhenTheyAreDue) {
  queue->AddAfter(Key("late"), seconds(10));
  queue->AddAfter(Key("soon"), seconds(3));
  queue->AddAfter(Key("now"), seconds(0));
  queue->AddAfter(Key("past"), seconds(-5));
  EXPECT_EQ(Drain(), "nowpast");
  clock.Advance(seconds(3) - Duration(1));
  EXPECT_EQ(Drain(), "");
  clock.Advance(Duration(1));
  EXPECT_EQ(Drain(), "soon");
  EXPECT_EQ(NextIn(), seconds(7));
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, TheEarliestOfSeveralDelaysWins) {
  for (int s : {10, 3, 7}) queue->AddAfter(Key("a"), seconds(s));
  EXPECT_EQ(NextIn(), seconds(3));
  EXPECT_EQ(Take(), "");  // and the others are gone
}

TEST_F(QueueTest, AnAddDropsTheDelay) {
  queue->AddAfter(Key("a"), seconds(10));
  queue->Add(Key("a"));
  EXPECT_EQ(Drain(), "a");
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, ADelayOfAKeyInLineMeansNothing) {
  queue->Add(Key("a"));
  queue->AddAfter(Key("a"), seconds(10));
  EXPECT_EQ(Drain(), "a");
  EXPECT_EQ(Take(), "");
}

TEST_F(QueueTest, ADelayThatEndsWhileTheKeyIsWorkedOnBringsItBack) {
  queue->Add(Key("a"));
  EXPECT_EQ(Take(), "a");
  queue->AddAfter(Key("a"), seconds(1));
  clock.Advance(seconds(2));
  EXPECT_EQ(queue->depth(), 0u);
  queue->Done(Key("a"));
  EXPECT_EQ(Drain(), "a");
}

TEST_F(QueueTest, EqualDelaysKeepTheirOrder) {
  for (const char* name : {"c", "a", "b"}) queue->AddAfter(Key(name), seconds(1));
  clock.Advance(seconds(1));
  EXPECT_EQ(Drain(), "cab");
}

TEST_F(QueueTest, ALongDelayIsCutRatherThanOverflown) {
  queue->AddAfter(Key("a"), Duration::max());
  EXPECT_EQ(NextIn(), std::chrono::hours(24 * 365));
}

TEST_F(QueueTest, BackOffDoublesWithJitterUpToItsLimit) {
  Duration ceiling = milliseconds(5);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(queue->Failures(Key("a")), i);
    queue->AddRateLimited(Key("a"));
    const Duration waited = NextIn();
    EXPECT_GE(waited, ceiling / 2) << i;
    EXPECT_LE(waited, ceiling) << i;
    ceiling = std::min<Duration>(ceiling * 2, seconds(60));
  }
  queue->Forget(Key("a"));
  EXPECT_EQ(queue->Failures(Key("a")), 0);
  queue->AddRateLimited(Key("a"));
  EXPECT_LE(NextIn(), milliseconds(5));
}

TEST_F(QueueTest, BackOffIsOneKeysOwn) {
  for (int i = 0; i < 15; ++i) {
    queue->AddRateLimited(Key("a"));
    NextIn();
  }
  queue->AddRateLimited(Key("b"));
  EXPECT_LE(NextIn(), milliseconds(5));
}

TEST_F(QueueTest, ALowerBoundOfTheDelayIsKept) {
  queue->AddRateLimited(Key("a"), seconds(7));
  EXPECT_EQ(NextIn(), seconds(7));
}

TEST_F(QueueTest, RetriesAreLimitedOverAllKeys) {
  queue.emplace(clock, random, metrics, QueueOptions{.retries_per_second = 10, .retry_burst = 20});
  const Duration start = clock.elapsed();
  for (int i = 0; i < 120; ++i) queue->AddRateLimited(Key(std::to_string(i)));
  int by[13] = {};
  for (int i = 0; i < 120; ++i) {
    NextIn();
    const auto second = std::chrono::ceil<seconds>(clock.elapsed() - start).count();
    ASSERT_LE(second, 12);
    ++by[second];
  }
  EXPECT_EQ(by[0] + by[1], 30);  // the burst, and a second's worth
  for (int s = 2; s <= 10; ++s) EXPECT_EQ(by[s], 10) << s;
  EXPECT_LE(by[11], 1);  // rounding
}

TEST_F(QueueTest, PilesOfDelayedAddsLeaveNothingBehind) {
  for (int i = 0; i < 100'000; ++i) queue->AddAfter(Key("a"), seconds(100'000 - i));
  EXPECT_EQ(NextIn(), seconds(1));
  clock.Advance(std::chrono::hours(1000));
  EXPECT_EQ(queue->depth(), 0u);
}

TEST_F(QueueTest, ShutDownEndsTakesAndAdds) {
  queue->Add(Key("a"));
  queue->ShutDown();
  EXPECT_EQ(queue->Take({}), std::nullopt);
  queue->Add(Key("b"));
  queue->AddAfter(Key("c"), seconds(1));
  queue->AddRateLimited(Key("d"));
  EXPECT_EQ(queue->depth(), 1u);
}

TEST_F(QueueTest, AStopIsObeyedEvenIfKeysAreDue) {
  queue->Add(Key("a"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(queue->Take(stop.get_token()), std::nullopt);
  EXPECT_EQ(Drain(), "a");
}

TEST_F(QueueTest, DoneOfAKeyThatIsNotWorkedOnIsIgnored) {
  queue->Done(Key("never"));
  queue->Add(Key("a"));
  queue->Done(Key("a"));
  EXPECT_EQ(Drain(), "a");
}

TEST_F(QueueTest, MetricsCount) {
  queue->Add(Key("a"));
  queue->Add(Key("a"));
  queue->Add(Key("b"));
  EXPECT_THAT(metrics.Expose(), HasSubstr("workqueue_depth{name=\"rempart\"} 2"));
  clock.Advance(seconds(5));
  EXPECT_EQ(Take(), "a");
  clock.Advance(seconds(30));
  EXPECT_EQ(Take(), "b");
  clock.Advance(seconds(10));
  std::string text = metrics.Expose();
  EXPECT_THAT(text, HasSubstr("workqueue_depth{name=\"rempart\"} 0"));
  EXPECT_THAT(text, HasSubstr("workqueue_adds_total{name=\"rempart\"} 2"));
  EXPECT_THAT(text, HasSubstr("workqueue_unfinished_work_seconds{name=\"rempart\"} 50"));
  EXPECT_THAT(text, HasSubstr("workqueue_longest_running_processor_seconds{name=\"rempart\"} 40"));
  EXPECT_THAT(text, HasSubstr("workqueue_queue_duration_seconds_sum{name=\"rempart\"} 40"));
  queue->Done(Key("a"));
  queue->Done(Key("b"));
  queue->AddRateLimited(Key("a"));
  text = metrics.Expose();
  EXPECT_THAT(text, HasSubstr("workqueue_work_duration_seconds_sum{name=\"rempart\"} 50"));
  EXPECT_THAT(text, HasSubstr("workqueue_retries_total{name=\"rempart\"} 1"));
  EXPECT_THAT(text, HasSubstr("workqueue_unfinished_work_seconds{name=\"rempart\"} 0"));
  queue.reset();
  metrics.Expose();  // a queue that is gone is not asked
}

// The queue against a plain model of what it promises.
TEST(QueueModelTest, BehavesAsItsModel) {
  EXPECT_TRUE(rc::check("any sequence of calls", [] {
    test::JumpClock clock;
    SeededRandom random(1);
    Metrics metrics;
    Queue queue(clock, random, metrics);
    std::deque<int> line;
    std::set<int> working, again;
    std::map<int, std::pair<Duration, int>> due;  // when, in which order
    int order = 0;
    auto waits = [&](int k) { return again.contains(k) || std::ranges::find(line, k) != line.end(); };
    auto add = [&](int k) {
      due.erase(k);
      if (waits(k)) return;
      if (working.contains(k)) {
        again.insert(k);
      } else {
        line.push_back(k);
      }
    };
    auto move_due = [&] {
      for (;;) {
        auto first = std::ranges::min_element(due, {}, [](const auto& entry) { return entry.second; });
        if (first == due.end() || first->second.first > clock.elapsed()) return;
        add(first->first);
      }
    };
    auto name = [](int k) { return Key(std::string(1, static_cast<char>('a' + k))); };
    const int steps = *rc::gen::inRange(0, 200);
    for (int i = 0; i < steps; ++i) {
      const int k = *rc::gen::inRange(0, 5);
      switch (*rc::gen::inRange(0, 6)) {
        case 0:
          queue.Add(name(k));
          add(k);
          break;
        case 1: {
          const Duration delay = milliseconds(*rc::gen::inRange(1, 50));
          queue.AddAfter(name(k), delay);
          move_due();
          if (!waits(k) && (!due.contains(k) || due[k].first > clock.elapsed() + delay)) due[k] = {clock.elapsed() + delay, ++order};
          break;
        }
        case 2:
        case 3:
          move_due();
          if (!line.empty()) {
            auto taken = queue.Take({});
            RC_ASSERT(taken.has_value());
            RC_ASSERT(*taken == name(line.front()));
            RC_ASSERT(working.insert(line.front()).second);  // never two workers on one key
            line.pop_front();
          }
          break;
        case 4:
          if (!working.empty()) {
            const int done = *std::next(working.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(working.size())));
            queue.Done(name(done));
            working.erase(done);
            if (again.erase(done) > 0) line.push_back(done);
          }
          break;
        default: clock.Advance(milliseconds(*rc::gen::inRange(1, 30))); break;
      }
      // Time is looked at here, so that both see what is due in the same order.
      const std::size_t depth = queue.depth();
      move_due();
      RC_ASSERT(depth == line.size());
      RC_ASSERT(queue.Idle() == (line.empty() && working.empty()));
    }
  }));
}

TEST(QueueThreadsTest, ABlockedTakeWakesForAnAddAnEarlierDelayAStopAndTheEnd) {
  test::StepClock clock;
  SeededRandom random(1);
  Metrics metrics;
  Queue queue(clock, random, metrics);
  std::optional<WorkKey> taken;
  auto take = [&](std::stop_token stop) { taken = queue.Take(stop); };

  std::jthread for_add([&] { take({}); });
  clock.AwaitWaiters(1);
  queue.Add(Key("a"));
  for_add.join();
  EXPECT_EQ(taken, Key("a"));

  queue.AddAfter(Key("late"), seconds(100));
  std::jthread for_delay([&] { take({}); });
  clock.AwaitWaiters(1);
  queue.AddAfter(Key("soon"), seconds(1));
  clock.Advance(seconds(1));
  for_delay.join();
  EXPECT_EQ(taken, Key("soon"));

  std::jthread for_stop([&](std::stop_token stop) { take(stop); });
  clock.AwaitWaiters(1);
  for_stop.request_stop();
  for_stop.join();
  EXPECT_EQ(taken, std::nullopt);

  std::jthread for_end([&] { take({}); });
  clock.AwaitWaiters(1);
  queue.ShutDown();
  for_end.join();
  EXPECT_EQ(taken, std::nullopt);
}

TEST(QueueThreadsTest, AwaitIdleWaitsForTheLastDone) {
  SystemClock clock;
  SeededRandom random(1);
  Metrics metrics;
  Queue queue(clock, random, metrics);
  EXPECT_TRUE(queue.AwaitIdle({}));
  for (int i = 0; i < 100; ++i) queue.Add(Key(std::to_string(i)));
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_FALSE(queue.AwaitIdle(stopped.get_token()));
  std::atomic<int> done{0};
  std::vector<std::jthread> workers;
  std::stop_source stop;
  for (int w = 0; w < 3; ++w) {
    workers.emplace_back([&] {
      while (auto key = queue.Take(stop.get_token())) {
        ++done;
        queue.Done(*key);
      }
    });
  }
  EXPECT_TRUE(queue.AwaitIdle({}));
  EXPECT_EQ(done, 100);
  stop.request_stop();
}

// Many adders, many workers: no key is on two workers at once, and after each add the key is taken at least once more.
TEST(QueueThreadsTest, NothingAddedIsLostAndNoKeyIsOnTwoWorkers) {
  SystemClock clock;
  SeededRandom random(1);
  Metrics metrics;
  Queue queue(clock, random, metrics, {.base_delay = std::chrono::microseconds(50), .retries_per_second = 1e6, .retry_burst = 1e6});
  constexpr int kKeys = 7, kAdders = 3, kRounds = 3000;
  std::array<std::atomic<int>, kKeys> wanted{}, seen{}, workers_on{};
  std::atomic<int> collisions{0}, delayed_left{0};
  std::stop_source stop;
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < 4; ++w) {
      workers.emplace_back([&, w] {
        std::uint64_t n = static_cast<std::uint64_t>(w);
        while (auto key = queue.Take(stop.get_token())) {
          const auto k = static_cast<std::size_t>(key->object.name[0] - 'a');
          if (workers_on[k].fetch_add(1) != 0) ++collisions;
          const int version = wanted[k];
          if (++n % 5 == 0) std::this_thread::yield();
          if (n % 11 == 0) {
            queue.AddRateLimited(*key);  // failed: to be seen when it comes back
          } else {
            queue.Forget(*key);
            seen[k] = std::max<int>(seen[k], version);
          }
          workers_on[k].fetch_sub(1);
          queue.Done(*key);
        }
      });
    }
    {
      std::vector<std::jthread> adders;
      for (int a = 0; a < kAdders; ++a) {
        adders.emplace_back([&, a] {
          for (int i = 0; i < kRounds; ++i) {
            const auto k = static_cast<std::size_t>((i * 5 + a) % kKeys);
            ++wanted[k];
            const WorkKey key = Key(std::string(1, static_cast<char>('a' + k)));
            if (i % 3 == 0) {
              queue.AddAfter(key, std::chrono::microseconds(i % 100));
            } else {
              queue.Add(key);
            }
          }
        });
      }
    }
    // Every add is done; what is delayed comes by itself. The last version of each key must be seen in the end.
    const MonoTime deadline = clock.Mono() + seconds(30);
    auto behind = [&] {
      for (int k = 0; k < kKeys; ++k) {
        if (seen[static_cast<std::size_t>(k)] < wanted[static_cast<std::size_t>(k)]) return true;
      }
      return false;
    };
    while (behind() && clock.Mono() < deadline) std::this_thread::yield();
    EXPECT_FALSE(behind());
    stop.request_stop();
  }
  EXPECT_EQ(collisions, 0);
}

}  // namespace
}  // namespace rempart::kube
