// Time that jumps: whoever waits for a deadline finds itself there at once. For tests of what one thread does by
// itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "src/base/clock.h"

namespace rempart::kube::test {

class JumpClock final : public Clock {
 public:
  WallTime Now() const override { return WallTime{} + elapsed_; }
  MonoTime Mono() const override { return MonoTime(elapsed_); }
  void WaitUntil(std::condition_variable_any&, std::unique_lock<std::mutex>& lock, MonoTime deadline) override {
    // The waiter's lock is let go of, as it is in a wait, so that the hooks may call what the waiter guards.
    lock.unlock();
    const bool forever = deadline == MonoTime::max();
    const bool woken = forever ? (on_forever(), true) : (before_jump && before_jump(deadline));
    if (!woken) {
      if (deadline > Mono()) sleeps.push_back(deadline - Mono());
      elapsed_ = std::max(elapsed_, deadline.time_since_epoch());
    }
    lock.lock();
  }
  void Advance(Duration d) { elapsed_ += d; }
  Duration elapsed() const { return elapsed_; }

  std::vector<Duration> sleeps;
  std::function<void()> on_forever;           // somebody waits without limit: must bring about what it waits for
  std::function<bool(MonoTime)> before_jump;  // true: something woke the waiter, time stands still

 private:
  Duration elapsed_ = std::chrono::hours(1);
};

}  // namespace rempart::kube::test
