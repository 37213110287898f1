// What is to be done about one SovereignRegion: finalizer and status. Pure. May be called from any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/perimeter/audit_summary.h"
#include "operator/perimeter/gate_proof.h"
#include "operator/perimeter/namespaces.h"
#include "operator/perimeter/node_plan.h"
#include "operator/perimeter/qualification.h"
#include "operator/perimeter/write_failures.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/kube/events.h"

namespace rempart::perimeter {

struct RegionObservation {
  RegionPtr region;
  std::vector<RegionPtr> regions;  // all, oldest first
  RegionNames leaving;  // those being deleted that nobody uses, see IsLeaving; the region itself is told by InUse
  std::vector<NodePtr> nodes;
  std::vector<ProfilePtr> profiles;         // those that exist, of those that the regions name
  std::vector<std::string> users;           // workloads that name it, "ns/name", sorted, at most 100
  std::size_t user_count = 0;               // how many there are in all
  std::vector<std::string> pods;            // that it holds and that have not ended, "ns/name", sorted, at most 100
  std::size_t pod_count = 0;                // how many there are in all
  std::size_t pods_outside = 0;             // its pods that sit on nodes outside it
  std::size_t labelled_nodes = 0;           // nodes that still carry its label
  std::optional<NamespaceView> namespaces;  // none where they, or who the operator is, are not known
  std::optional<AuditSummary> audit;        // none: not audited since this process began; what was said stays
  std::optional<GateProof> proof;           // of its gate; none: not tested since this process began
  WriteFailures::View unwritten = {};       // of its gate, and of the guards of its namespaces
  Attestations attestations = {};           // of all nodes, where any region takes anybody's word

  bool InUse() const { return user_count > 0 || pod_count > 0; }
};

struct RegionPlan {
  std::optional<bool>
      finalizer;  // true: add it; false: take it off (being deleted and nobody uses it and no node carries its label)
  // kube::StatusPatch from the observed status to the desired one; null also when the finalizer is taken off (the
  // object goes).
  Json status_patch;
  std::vector<kube::Event> events;  // on the region, when Ready's status or reason changed
  // Its profile has expired, and nodes still carry its label: no change of an object tells them of that.
  bool wake_nodes = false;
  // Before the region's profile expires, an attestation of one of its nodes ends (or soon will), or the proof of its
  // gate is too old; every other input is watched.
  std::optional<Duration> look_again;
};
// How long ahead Ready's message tells that the profile expires.
inline constexpr Duration kExpirySoon = std::chrono::days(30);

// status: {observedGeneration, nodes: {qualified, outside, zones: {<zone>: n}}, outside: [{node, reason, message}],
// outsideOmitted: n, workloads, namespaces: {governed, inNoRegion, namesInNoRegion: [name], unguarded,
// firstUnguarded}, gate (see ViewGate), audit: {objects, violations}, violations: [{rule, count}], conditions [Ready,
// Reconciling, Stalled, SelfTested, FullyDeclared; AttestationsExpiring where the region takes somebody's word]}.
// `outside` has at most 50 nodes and 16 KiB, by name, outsideOmitted counts the rest; `zones` has at most 64, by name,
// namesInNoRegion 50; empty ones are left out. The whole stays below 40 KiB.
RegionPlan PlanRegion(const RegionObservation& observed, WallTime now);

}  // namespace rempart::perimeter
