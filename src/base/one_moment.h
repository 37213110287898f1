// One moment of another clock's wall time, the first that somebody asks for; all else is as there. For what is judged
// once and as a whole (a dry run), so that the same looked at twice gives the same, to the second.
#pragma once

#include <mutex>

#include "src/base/clock.h"

namespace rempart {

// Thread-safe. `clock` must outlive it.
class OneMoment final : public Clock {
 public:
  explicit OneMoment(Clock& clock) : clock_(clock) {}
  WallTime Now() const override {
    std::call_once(asked_, [this] { now_ = clock_.Now(); });
    return now_;
  }
  MonoTime Mono() const override { return clock_.Mono(); }
  void WaitUntil(std::condition_variable_any& cv, std::unique_lock<std::mutex>& lock, MonoTime deadline) override {
    clock_.WaitUntil(cv, lock, deadline);
  }

 private:
  Clock& clock_;
  mutable std::once_flag asked_;
  mutable WallTime now_{};
};

}  // namespace rempart
