// What is to be said about one NodeAttestation: its status. Pure. May be called from any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "operator/perimeter/evidence.h"
#include "operator/perimeter/qualification.h"
#include "src/base/json.h"
#include "src/kube/events.h"

namespace rempart::perimeter {

struct AttestationObservation {
  AttestationPtr attestation;
  NodePtr node;                    // the one that it names; null where there is none
  std::vector<RegionPtr> regions;  // all, oldest first
  Attestations attestations;       // of that node, this one too
};

struct AttestationPlan {
  Json status_patch;                   // as kube::StatusPatch gives it
  std::vector<kube::Event> events;     // on attestation and node, when the status or reason of Valid changed
  std::optional<Duration> look_again;  // when time alone changes the status
};

// status: {observedGeneration, country, site, host, issuedAt, expiresAt, validUntil, authorities, conditions [Valid]}.
// What is signed is told only once enough authorities are known to have signed it for this very node.
//
// One status for all regions: by the policy of the region whose label the node carries, else of the one that it is
// nearest to holding for, of equals the oldest. Valid's message names the region. Reasons: those of Attested, and
// NoSuchNode, NoAuthorities (no region takes anybody's word), both False.
AttestationPlan PlanAttestation(const AttestationObservation& observed, WallTime now);

}  // namespace rempart::perimeter
