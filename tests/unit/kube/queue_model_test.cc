// The queue against a model, and under many threads.
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

#include "src/kube/queue.h"
#include "tests/unit/kube/fake_clock.h"
#include "tests/unit/kube/jump_clock.h"

namespace rempart::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WorkKey Key(const std::string& name) { return {1, {"ns", name}}; }

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
          if (!waits(k) && (!due.contains(k) || due[k].first > clock.elapsed() + delay))
            due[k] = {clock.elapsed() + delay, ++order};
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
            const int done = *std::next(
                working.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(working.size())));
            queue.Done(name(done));
            working.erase(done);
            if (again.erase(done) > 0) line.push_back(done);
          }
          break;
        default:
          clock.Advance(milliseconds(*rc::gen::inRange(1, 30)));
          break;
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
  std::stop_source stop;
  std::vector<std::jthread> workers;  // joined before all of the above goes
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
  Queue queue(clock, random, metrics,
              {.base_delay = std::chrono::microseconds(50), .retries_per_second = 1e6, .retry_burst = 1e6});
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
