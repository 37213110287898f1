// How a workload fares: whether its pods sit where they may, and whether its child is ready. Pure.
#pragma once

#include <map>
#include <string>

#include "operator/workload/workload_plan.h"

namespace rempart::workload {

// A condition without its type and times.
struct Verdict {
  enum Status { kTrue, kFalse, kUnknown } status = kUnknown;
  std::string reason, message;
};

// Placed. `child`: ours, or null for none. Pods that have finished no longer sit anywhere; pods that are being deleted
// still do.
Verdict JudgePlaced(const WorkloadObservation& observed, const api::Child* child);

// Ready, as far as the child itself goes.
Verdict JudgeReady(const api::TenantWorkload& workload, const api::Child& child, api::Language language);

// status.nodes: pods that sit on qualified nodes and stay there, by zone ("unknown" where the node has none).
std::map<std::string, int> CountByZone(const WorkloadObservation& observed);

}  // namespace rempart::workload
