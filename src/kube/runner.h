// Runs reconcilers: N workers take keys from the queue, call the reconciler of the key's controller, and turn its
// outcome into what follows. The kind of an error decides here, in one place: kTransient and kConflict back off and retry; kInvalid, kDenied,
// kNotFound retry slowly (the reconciler has written a condition); kCancelled is dropped; kInternal is logged as a bug.
// A key waits until the stores have seen the operator's own last writes for it (Awaits).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/base/random.h"
#include "src/kube/queue.h"
#include "src/kube/store.h"

namespace rempart::kube {

// Success is one of two: nothing until something changes, or look again after a while.
struct Outcome {
  std::optional<Duration> requeue_after;  // empty: await change
  static Outcome AwaitChange() { return {}; }
  static Outcome Requeue(Duration after) { return {after}; }
};

// Passed to a reconciler with each key.
class ReconcileContext {
 public:
  virtual ~ReconcileContext() = default;
  virtual const ObjectKey& key() const = 0;
  virtual std::stop_token stop() const = 0;
  // Tells that a write for this key gave `resource_version` in `store`'s resource type: the key is not reconciled
  // again until that store has seen it (or 10 s have passed: then the cache is what it is, and a metric counts it).
  virtual void Wrote(const StoreProgress& store, std::uint64_t resource_version) = 0;
};

struct Controller {
  std::string name;  // metric and log label: "workload"
  std::function<Result<Outcome>(ReconcileContext&)> reconcile;  // any worker thread; one key never on two threads
};

class Runner {
 public:
  Runner(Queue& queue, Clock& clock, Random& random, Metrics& metrics);
  std::uint8_t AddController(Controller controller);  // before Run; gives WorkKey::controller
  // Blocks: starts `workers` threads, returns when stop was requested and every worker has finished its key.
  void Run(int workers, std::stop_token stop);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
