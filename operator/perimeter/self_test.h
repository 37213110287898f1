// The gate shows that it is shut: for each region that enforces its rules, the operator sends to the API server, as
// dry runs, an object for each rule that must be refused by it and one for each resource that must get in. After each
// change of the gate, and every minute. What came of it is in GateProofs, for the region's status, and in metrics:
//   rempart_gate_probe_failed{region,rule}                  1 while a probe does not do as it should
//   rempart_gate_self_test_held_timestamp_seconds{region}   when all last did
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "operator/cache/caches.h"
#include "operator/perimeter/gate_proof.h"
#include "operator/perimeter/operator_identity.h"
#include "operator/perimeter/rules/probes.h"
#include "operator/perimeter/self_test_plan.h"
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

// What the answer to a probe shows; none: it did as it should. Pure.
std::optional<ProbeProblem> JudgeAnswer(const rules::Probe& probe, const api::SovereignRegion& region,
                                        const Result<kube::Reply>& answer);

// Thread-safe: one key is never on two threads, what is shared between keys is locked.
class SelfTest {
 public:
  // `wake_region`: called when what the region's status says of its gate may have changed.
  SelfTest(cache::Caches& caches, kube::Api& api, Clock& clock, Metrics& metrics, OperatorIdentity& identity,
           GateProofs& proofs, std::function<void(const std::string& region)> wake_region);
  Result<kube::Outcome> Reconcile(kube::ReconcileContext& context);

 private:
  Result<kube::Outcome> NothingToTest(const std::string& region);
  Result<GateProof> Send(const api::SovereignRegion& region, const rules::PolicyContext& identity,
                         const SelfTestPlan& how, std::stop_token stop);
  void Publish(const std::string& region, GateProof proof);

  cache::Caches& caches_;
  kube::Api& api_;
  Clock& clock_;
  Metrics& metrics_;
  OperatorIdentity& identity_;
  GateProofs& proofs_;
  const std::function<void(const std::string& region)> wake_region_;
  void Remember(const std::string& region, const SelfTestMemory& memory);
  struct Memory {
    SelfTestMemory tests;
    std::set<std::string> failed_rules;  // that have a gauge
  };
  std::mutex mutex_;
  std::map<std::string, Memory> memory_;
};

}  // namespace rempart::perimeter
