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
#include "src/base/clock.h"
#include "src/base/metrics.h"
#include "src/kube/api.h"
#include "src/kube/runner.h"

namespace rempart::perimeter {

inline constexpr Duration kSelfTestPeriod = std::chrono::minutes(1);
inline constexpr Duration kSelfTestFailedPeriod = std::chrono::seconds(5);
// How long the API server may take to see what was written (its own informers; seconds on a loaded one). A probe that
// does not do as it should within it is sent again before anything is said.
inline constexpr Duration kGateSettles = std::chrono::seconds(15);
inline constexpr Duration kSettlingPeriod = std::chrono::milliseconds(500);
// For how long a gate that is written again and again, or a probe that gets no answer (of a webhook that is dead: 5xx),
// is given the benefit of the doubt. Then the rules concerned are named.
inline constexpr Duration kDoubtEnds = std::chrono::minutes(1);

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
  struct Sending {
    bool until_first = false;       // ends early, with the first problem
    bool unanswered_tells = false;  // a probe without an answer is a problem like another, and no error
  };
  Result<GateProof> Send(const api::SovereignRegion& region, const rules::PolicyContext& identity,
                         const std::string& ns, Sending how, std::stop_token stop);
  void Publish(const std::string& region, GateProof proof);

  cache::Caches& caches_;
  kube::Api& api_;
  Clock& clock_;
  Metrics& metrics_;
  OperatorIdentity& identity_;
  GateProofs& proofs_;
  const std::function<void(const std::string& region)> wake_region_;
  struct Memory {
    MonoTime tested{};           // when the last test that was published began
    std::size_t namespaces = 0;  // that were used so far: each test takes the next one
    std::set<std::string> failed_rules;
    std::optional<MonoTime> doubt_since;  // tests have come to nothing since then
  };
  std::mutex mutex_;
  std::map<std::string, Memory> memory_;
};

}  // namespace rempart::perimeter
