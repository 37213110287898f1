// Simulated time that a test moves when every thread has come to rest. SimClock (src/base) moves as well; this one also
// knows who has gone back to waiting since the last move, so that a test never runs ahead of its threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

#include "src/base/clock.h"

namespace rempart::kube::test {

// Thread-safe.
class StepClock final : public Clock {
 public:
  WallTime Now() const override {
    std::scoped_lock lock(mutex_);
    return WallTime(std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}) + elapsed_;
  }
  MonoTime Mono() const override {
    std::scoped_lock lock(mutex_);
    return MonoTime(elapsed_);
  }
  void WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) override {
    std::unique_lock own(mutex_);
    if (MonoTime(elapsed_) >= deadline) return;
    const std::uint64_t id = ++last_id_;
    waiters_[id] = &cv;
    changed_.notify_all();
    Both both{lock, own};
    cv.wait(both);
    waiters_.erase(id);
  }

  void Advance(Duration d) {
    std::scoped_lock lock(mutex_);
    elapsed_ += d;
    const auto waiters = std::exchange(waiters_, {});
    for (const auto& [id, cv] : waiters) cv->notify_all();
  }
  // Blocks (real time) until `n` threads wait that have looked at the time since the last Advance.
  void AwaitWaiters(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiters_.size() >= n; });
  }

 private:
  // The caller's mutex and this clock's, let go of together while waiting.
  struct Both {
    std::unique_lock<std::mutex>& callers;
    std::unique_lock<std::mutex>& own;
    void lock() {
      callers.lock();
      own.lock();
    }
    void unlock() {
      own.unlock();
      callers.unlock();
    }
  };
  mutable std::mutex mutex_;  // taken after the mutex of whoever waits
  std::condition_variable changed_;
  Duration elapsed_{0};
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::condition_variable_any*> waiters_;
};

}  // namespace rempart::kube::test
