// The work queue: each key at most once in line, never two workers on one key, a key added while it is worked on comes
// back afterwards; per-key exponential back-off and an overall rate for retries; delayed adds. Same guarantees as
// client-go's workqueue.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <stop_token>
#include <unordered_map>
#include <vector>

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

// Thread-safe.
class Queue {
 public:
  Queue(Clock& clock, Random& random, Metrics& metrics, QueueOptions options = {});
  void Add(const WorkKey& key);                      // now (an earlier delayed add of the key is dropped)
  void AddAfter(const WorkKey& key, Duration delay);  // the earliest of several wins
  void AddRateLimited(const WorkKey& key);           // after its back-off
  void Forget(const WorkKey& key);                   // it succeeded: back-off starts anew
  int Failures(const WorkKey& key) const;
  // Blocks until a key is due; nullopt after ShutDown or stop. The caller must call Done(key).
  std::optional<WorkKey> Take(std::stop_token stop);
  void Done(const WorkKey& key);
  void ShutDown();  // Take returns nullopt from now on
  std::size_t depth() const;       // keys ready, not those delayed
  bool Idle() const;               // nothing ready, nothing being worked on (delayed ones may be)

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
