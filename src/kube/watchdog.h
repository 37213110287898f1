// Requests a stop when a deadline passes, whatever the guarded thread is doing meanwhile: a blocking call cannot be
// trusted to come back in time. Internal to src/kube.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

#include "src/base/clock.h"

namespace rempart::kube {

// Has a thread of its own from construction to destruction. Thread-safe.
class Watchdog {
 public:
  explicit Watchdog(Clock& clock);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Moves the deadline (at first there is none). Nothing comes back once it has passed.
  void Arm(MonoTime deadline);
  // Stopped from the deadline on. Callbacks run on the watchdog's thread.
  std::stop_token token() const { return source_.get_token(); }

 private:
  void Run();

  Clock& clock_;
  std::stop_source source_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  MonoTime deadline_ = MonoTime::max();
  bool done_ = false;
  std::thread thread_;
};

}  // namespace rempart::kube
