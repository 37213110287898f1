#include "src/kube/watchdog.h"

namespace rempart::kube {

Watchdog::Watchdog(Clock& clock) : clock_(clock), thread_([this] { Run(); }) {}

Watchdog::~Watchdog() {
  {
    std::scoped_lock lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Watchdog::Arm(MonoTime deadline) {
  std::scoped_lock lock(mutex_);
  deadline_ = deadline;
  changed_.notify_all();
}

void Watchdog::Run() {
  {
    std::unique_lock lock(mutex_);
    while (!done_ && clock_.Mono() < deadline_) clock_.WaitUntil(changed_, lock, deadline_);
    if (done_) return;
  }
  source_.request_stop();  // without the lock: callbacks may take their own
}

}  // namespace rempart::kube
