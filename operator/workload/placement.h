// What a region refuses in a tenant's pod template. Pure; nothing here throws, whatever the template.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/base/json.h"

namespace rempart::workload {

struct Refusal {
  std::string field;    // "spec.template.spec.nodeName"
  std::string message;  // what was found, why it cannot be, what to do
};

// All that the region excludes in this template and placement, in the order of the fields; empty: nothing.
// Refused: nodeName; nodeSelector or required node affinity (every term) that names, under the region, zone or our own
// label keys, only values the region does not have, each alone or together; the same for an own label of another region
// or workload; placement.zones not of the region; minZones above the zones that are left; and whatever of these fields
// has a type or an operator that Kubernetes does not know. Bounded: at most kMaxRefusals, then how many more there are
// is not said.
inline constexpr std::size_t kMaxRefusals = 20;
// `profile`: that which the region names, null for none.
std::vector<Refusal> CheckPlacement(const api::TenantWorkload& workload, const Json& pod_template,
                                    const api::SovereignRegion& region, const api::HostingProfile* profile);

}  // namespace rempart::workload
