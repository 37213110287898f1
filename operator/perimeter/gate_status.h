// What a region's status says of its gate: the condition SelfTested and status.gate. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "operator/api/conditions.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/gate_proof.h"
#include "src/base/clock.h"
#include "src/base/json.h"

namespace rempart::perimeter {

// How long a proof counts. The gate is tested each minute (self_test.h); a test may fail for want of an API server.
inline constexpr Duration kProofHolds = std::chrono::minutes(5);

struct GateView {
  api::Condition self_tested;
  enum class State : std::uint8_t {
    kNothingToProve,  // Audit and Warn refuse nothing; no namespace is in the region
    kPending,         // under way, or the last proof is too old
    kProven,
    kFailed,  // or not as the spec asks, see `unwritten` below
  } state = State::kNothingToProve;
  Json status;                         // {lastHeld, refused, admitted, notProbed: [rule]}; null for nothing
  std::optional<Duration> look_again;  // when the proof ceases to count
};

// `unwritten`: why a part of the gate cannot be written, "" for nothing, see WriteFailures. It is told in every mode: a
// gate that is not there finds nothing to audit either. `before`: the status as it stands; null for none. What an
// operator that is gone has proven within the last minutes, of the same generation, still counts.
GateView ViewGate(const api::SovereignRegion& region, const std::optional<GateProof>& proof,
                  const std::string& unwritten, const Json& before, WallTime now);

}  // namespace rempart::perimeter
