// Node -> our labels, taint and cordon; evictions from a node that lost its qualification. Observes the caches, calls
// PlanNode, carries the plan out. Evictions do not depend on whether the node's own change is accepted (an admission
// webhook or missing rights may refuse it for ever), nor on each other.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/bare_pods.h"
#include "operator/perimeter/node_plan.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/events.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// Thread-safe.
class NodeReconciler {
 public:
  // `bare_pods` may be null: then only pods that are held by what they carry are moved.
  NodeReconciler(cache::Caches& caches, kube::Api& api, kube::EventRecorder& events, Clock& clock, Metrics& metrics,
                 AttestationBook& book, BarePods* bare_pods = nullptr);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  NodeObservation Observe(cache::NodePtr node);
  Result<kube::Outcome> CarryOut(const api::Node& node, NodePlan plan, kube::ReconcileContext& context);
  // When to look again; nothing where a change tells.
  std::optional<Duration> MoveBarePods(const NodeObservation& observed, kube::ReconcileContext& context);
  Status WriteNode(const NodePlan& plan, kube::ReconcileContext& context);
  void TellRefused(const api::Node& node, const Error& error);
  void MeasureExpiry(const std::string& node, std::optional<WallTime> until);
  void KeepInMind(const std::string& node, std::optional<Loss> loss);
  Result<kube::Outcome> EvictAll(const NodePlan& plan, kube::ReconcileContext& context);
  Status Evict(const Eviction& eviction, kube::ReconcileContext& context);

  cache::Caches& caches_;
  kube::Api& api_;
  kube::EventRecorder& events_;
  Clock& clock_;
  Metrics& metrics_;
  AttestationBook& book_;
  BarePods* bare_pods_;
  Counter evicted_, forced_, refused_, failed_;
  std::mutex mutex_;
  // By node; lost with the process: the grace, or the deadline, then begins anew.
  std::unordered_map<std::string, Loss> unrecorded_;
  std::unordered_map<std::string, WallTime> bare_since_;  // when bare pods were first found there
};

}  // namespace rempart::perimeter
