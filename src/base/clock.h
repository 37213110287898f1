// Time, passed in. Only operator/main names SystemClock; tests use SimClock, whose time moves when the test says so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace rempart {

using Duration = std::chrono::nanoseconds;
// Wall time in UTC, as Kubernetes objects carry it.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
// Monotonic time, for time-outs, back-off and measuring.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;
  virtual MonoTime Mono() const = 0;
  // Waits on `cv` (whose mutex `lock` holds) until `deadline`, a notification, or a spurious wake: callers loop on
  // their predicate. MonoTime::max() waits without limit.
  virtual void WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) = 0;

  // Sleeps for `d`, or until stop is requested. True when it slept the whole time; false when stop was requested.
  bool SleepFor(Duration d, std::stop_token stop);
};

// Thread-safe.
class SystemClock final : public Clock {
 public:
  WallTime Now() const override;
  MonoTime Mono() const override;
  void WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) override;
};

// Simulated time for tests: starts at 2026-01-01T00:00:00Z and moves only by Advance, which wakes whoever waits in
// WaitUntil. Thread-safe.
class SimClock final : public Clock {
 public:
  WallTime Now() const override;
  MonoTime Mono() const override;
  void WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) override;
  void Advance(Duration d);
  // Blocks (in real time) until at least `n` threads wait in WaitUntil: what a test does before it advances.
  void AwaitWaiters(std::size_t n);

 private:
  mutable std::mutex mutex_;  // taken after the mutex of whoever waits, never before
  std::condition_variable waiting_;
  Duration elapsed_{0};
  std::multiset<std::condition_variable_any*> waiters_;
};

// RFC 3339 in UTC with seconds ("2026-11-22T10:23:00Z"): metav1.Time. Micros: metav1.MicroTime.
std::string FormatTime(WallTime t);
std::string FormatMicroTime(WallTime t);
Result<WallTime> ParseTime(std::string_view text);  // either form, any offset

// Go's duration syntax as Kubernetes users write it ("30s", "10m", "1h30m", "1.5h", "500ms"); negative is refused.
Result<Duration> ParseDuration(std::string_view text);
std::string FormatDuration(Duration d);  // "1h30m0s" as Go prints it

}  // namespace rempart
