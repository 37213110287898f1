// Runs reconcilers: N workers take keys from the queue, call the reconciler of the key's controller, and turn its
// outcome into what follows. The kind of an error decides here, in one place:
//   kTransient, kConflict, kGone   back off and retry (see Queue), not before the error's retry_after
//   kInvalid, kDenied, kNotFound   retry slowly, every 45 to 75 s: the same input would fail again, a change of the
//   object
//                                  wakes the key anyway, and the reconciler has written a condition
//   kInternal (or an exception)    logged as a bug, then as kTransient
//   kCancelled                     dropped: we are stopping
// A key waits until the stores have seen the operator's own last writes for it (ReconcileContext::Wrote).
//
// Metrics: controller_runtime_reconcile_total{controller,result=success|requeue_after|requeue|error} (requeue: somebody
// else wrote first), controller_runtime_reconcile_errors_total{controller},
// controller_runtime_reconcile_time_seconds{controller}, controller_runtime_active_workers{controller},
// controller_runtime_max_concurrent_reconciles{controller}, rempart_await_timeouts_total{controller}. Each line logged
// within a reconcile carries controller, object and reconcile_id.
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
#include "src/base/result.h"
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
  // Any thread, until the reconciler returns. The store outlives the runner, and its watch shows the written object.
  virtual void Wrote(const StoreProgress& store, std::uint64_t resource_version) = 0;
};

struct Controller {
  std::string name;                                             // metric and log label: "workload"
  std::function<Result<Outcome>(ReconcileContext&)> reconcile;  // any worker thread; one key never on two threads
};

class Runner {
 public:
  Runner(Queue& queue, Clock& clock, Random& random, Metrics& metrics);
  std::uint8_t AddController(Controller controller);  // before Run; gives WorkKey::controller
  // Blocks: starts `workers` threads, returns when stop was requested (or the queue was shut down) and every worker has
  // finished its key. Keys that are in line are left there.
  void Run(int workers, std::stop_token stop);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace rempart::kube
