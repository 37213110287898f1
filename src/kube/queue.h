// The work queue: each key at most once in line, never two workers on one key, a key added while it is worked on comes
// back afterwards; per-key exponential back-off and an overall rate for retries; delayed adds. Same guarantees as
// client-go's workqueue.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/kube/object.h"

namespace rempart::kube {

// Which controller, and which object of its kind.
struct WorkKey {
  std::uint8_t controller = 0;
  ObjectKey object;
  auto operator<=>(const WorkKey&) const = default;
};
struct WorkKeyHash {
  std::size_t operator()(const WorkKey& k) const { return ObjectKeyHash{}(k.object) * 31 + k.controller; }
};

struct QueueOptions {
  Duration base_delay = std::chrono::milliseconds(5);
  Duration max_delay = std::chrono::seconds(60);  // of one key's back-off
  double retries_per_second = 50;                 // over all keys, bucket below
  double retry_burst = 500;
};

// Keys that are due are served in the order in which they fell due, but that those of controllers with many keys wait
// for the others: see SetLowPriority. Memory is bounded by the number of keys that are in line, worked on, delayed (one
// time a key) or backing off. Thread-safe.
//
// Metrics, with name="rempart": workqueue_depth, workqueue_adds_total, workqueue_retries_total,
// workqueue_queue_duration_seconds, workqueue_work_duration_seconds, workqueue_unfinished_work_seconds,
// workqueue_longest_running_processor_seconds.
class Queue {
 public:
  Queue(Clock& clock, Random& random, Metrics& metrics, QueueOptions options = {});
  // Keys of that controller that fall due from now on give way to all others, but for one in four, so that they come up
  // whatever the others do. To be called before workers take keys.
  void SetLowPriority(std::uint8_t controller);
  void Add(const WorkKey& key);  // now (an earlier delayed add of the key is dropped)
  void AddAfter(const WorkKey& key,
                Duration delay);  // the earliest of several wins; nothing if the key is in line already
  // After its back-off: base_delay · 2^failures, at most max_delay, of which half to all is taken at random; not before
  // `at_least`, nor before the overall rate allows it.
  void AddRateLimited(const WorkKey& key, Duration at_least = Duration::zero());
  void Forget(const WorkKey& key);         // it succeeded: back-off starts anew
  int Failures(const WorkKey& key) const;  // AddRateLimited since the last Forget
  // Blocks until a key is due; nullopt after ShutDown or stop, even if keys are due. The caller must call Done(key).
  std::optional<WorkKey> Take(std::stop_token stop);
  void Done(const WorkKey& key);
  void ShutDown();                             // Take returns nullopt from now on, and adds do nothing
  std::size_t depth() const;                   // keys that are due and in line, not those delayed
  bool Idle() const;                           // nothing due, nothing being worked on (delayed ones may be)
  bool AwaitIdle(std::stop_token stop) const;  // blocks until Idle; false when stopped before

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
