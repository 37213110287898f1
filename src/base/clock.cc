#include "src/base/clock.h"

namespace rempart {

namespace {

constexpr WallTime kSimulationStart{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};

// A deadline so far away that it cannot be counted is none at all.
MonoTime After(MonoTime now, Duration d) {
  if (d > Duration::zero() && d >= MonoTime::max() - now) return MonoTime::max();
  return now + d;
}

// What SimClock's waiters let go of while they wait: the caller's mutex and the clock's own, as one. The clock's is
// taken second, as it is when a caller asks for the time under its own mutex.
struct BothLocks {
  std::unique_lock<std::mutex>& callers;
  std::unique_lock<std::mutex>& clocks;

  void lock() {
    callers.lock();
    clocks.lock();
  }
  void unlock() {
    clocks.unlock();
    callers.unlock();
  }
};

}  // namespace

bool Clock::SleepFor(Duration d, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any cv;
  std::stop_callback wake(stop, [&] {
    std::scoped_lock lock(mutex);  // so that it cannot come between the check below and the wait
    cv.notify_all();
  });
  std::unique_lock lock(mutex);
  const MonoTime deadline = After(Mono(), d);
  while (!stop.stop_requested() && Mono() < deadline) WaitUntil(cv, lock, deadline);
  return !stop.stop_requested();
}

WallTime SystemClock::Now() const {
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
}

MonoTime SystemClock::Mono() const {
  return std::chrono::time_point_cast<MonoTime::duration>(std::chrono::steady_clock::now());
}

void SystemClock::WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) {
  if (deadline == MonoTime::max()) {
    cv.wait(lock);
  } else {
    cv.wait_until(lock, deadline);
  }
}

WallTime SimClock::Now() const {
  std::scoped_lock lock(mutex_);
  return kSimulationStart + elapsed_;
}

MonoTime SimClock::Mono() const {
  std::scoped_lock lock(mutex_);
  return MonoTime(elapsed_);
}

void SimClock::WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) {
  std::unique_lock own(mutex_);
  if (MonoTime(elapsed_) >= deadline) return;
  const auto waiter = waiters_.insert(&cv);
  waiting_.notify_all();
  // Advance needs mutex_, which is let go of only once this thread is in the wait: no wake-up can be lost.
  BothLocks both{lock, own};
  cv.wait(both);
  waiters_.erase(waiter);
}

void SimClock::Advance(Duration d) {
  std::scoped_lock lock(mutex_);
  elapsed_ += d;
  for (std::condition_variable_any* cv : waiters_) cv->notify_all();
}

void SimClock::AwaitWaiters(std::size_t n) {
  std::unique_lock lock(mutex_);
  waiting_.wait(lock, [&] { return waiters_.size() >= n; });
}

}  // namespace rempart
