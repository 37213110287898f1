#include "src/base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace rempart {
namespace {

using namespace std::chrono_literals;

TEST(SimClock, StartsAtAKnownTimeAndMovesOnlyWhenTold) {
  SimClock clock;
  EXPECT_EQ(FormatTime(clock.Now()), "2026-01-01T00:00:00Z");
  const MonoTime start = clock.Mono();
  clock.Advance(90s);
  EXPECT_EQ(FormatTime(clock.Now()), "2026-01-01T00:01:30Z");
  EXPECT_EQ(clock.Mono() - start, 90s);
}

TEST(SimClock, WaiterReturnsOnlyWhenItsTimeHasCome) {
  SimClock clock;
  const MonoTime deadline = clock.Mono() + 10s;
  std::mutex mutex;
  std::condition_variable_any cv;
  MonoTime woke_at{};
  std::jthread waiter([&] {
    std::unique_lock lock(mutex);
    while (clock.Mono() < deadline) clock.WaitUntil(cv, lock, deadline);
    woke_at = clock.Mono();
  });
  clock.AwaitWaiters(1);
  clock.Advance(9s);  // wakes it, but it looks at the time and waits on
  clock.AwaitWaiters(1);
  clock.Advance(1s);
  waiter.join();
  EXPECT_EQ(woke_at - MonoTime{}, 10s);
}

TEST(SimClock, WaiterIsWokenByANotification) {
  SimClock clock;
  std::mutex mutex;
  std::condition_variable_any cv;
  bool ready = false;
  std::jthread waiter([&] {
    std::unique_lock lock(mutex);
    while (!ready) clock.WaitUntil(cv, lock, MonoTime::max());
  });
  clock.AwaitWaiters(1);
  {
    std::scoped_lock lock(mutex);
    ready = true;
  }
  cv.notify_all();
  waiter.join();
  EXPECT_EQ(clock.Mono(), MonoTime{});
}

TEST(SimClock, APastDeadlineDoesNotWait) {
  SimClock clock;
  clock.Advance(5s);
  std::mutex mutex;
  std::condition_variable_any cv;
  std::unique_lock lock(mutex);
  clock.WaitUntil(cv, lock, clock.Mono());
  EXPECT_TRUE(lock.owns_lock());
}

// Each waiter goes to sleep and is woken thousands of times while the clock moves on: a lost wake-up hangs this test.
TEST(SimClock, NoWakeUpIsLost) {
  SimClock clock;
  constexpr int kRounds = 2000;
  std::atomic<int> running = 2;
  const auto sleep_often = [&] {
    for (int i = 0; i < kRounds; ++i) ASSERT_TRUE(clock.SleepFor(1ms, {}));
    --running;
  };
  std::jthread a(sleep_often);
  std::jthread b(sleep_often);
  while (running > 0) clock.Advance(1ms);
}

TEST(SleepFor, SleepsTheWholeTime) {
  SimClock clock;
  std::atomic<bool> whole = false;
  std::jthread sleeper([&] { whole = clock.SleepFor(1h, {}); });
  clock.AwaitWaiters(1);
  clock.Advance(1h);
  sleeper.join();
  EXPECT_TRUE(whole);
}

TEST(SleepFor, EndsWhenStopIsRequested) {
  SimClock clock;
  std::atomic<bool> whole = true;
  std::stop_source stop;
  std::jthread sleeper([&] { whole = clock.SleepFor(Duration::max(), stop.get_token()); });
  clock.AwaitWaiters(1);
  stop.request_stop();
  sleeper.join();
  EXPECT_FALSE(whole);
  EXPECT_EQ(clock.Mono(), MonoTime{});
}

TEST(SleepFor, DoesNotSleepAfterStop) {
  SimClock clock;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.SleepFor(1h, stop.get_token()));
  EXPECT_FALSE(clock.SleepFor(0s, stop.get_token()));
}

TEST(SleepFor, NothingToSleep) {
  SimClock clock;
  EXPECT_TRUE(clock.SleepFor(0s, {}));
  EXPECT_TRUE(clock.SleepFor(-1s, {}));
}

TEST(SystemClock, MovesAndSleeps) {
  SystemClock clock;
  const MonoTime start = clock.Mono();
  EXPECT_TRUE(clock.SleepFor(2ms, {}));
  EXPECT_GE(clock.Mono() - start, 2ms);
  EXPECT_GT(FormatTime(clock.Now()), "2026-01-01");
}

TEST(SystemClock, WaitsWithoutLimitUntilStopped) {
  SystemClock clock;
  std::jthread sleeper([&](std::stop_token stop) { EXPECT_FALSE(clock.SleepFor(Duration::max(), stop)); });
  sleeper.request_stop();
}

}  // namespace
}  // namespace rempart
