// A tenant's pod template: taken apart, held to its region, put together again. Only what says where pods may go
// becomes a document; containers, volumes and the rest are carried as the text that they are. Pure; nothing here
// throws.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::workload {

struct PodTemplate {
  Json judged;       // all of it but `rest`: what CheckPlacement looks at and RenderTemplate changes
  std::string rest;  // the members of spec that neither of them knows: "containers":[…],"volumes":[…]

  std::string ToText() const;  // compact
};

// kInvalid where the text is no JSON. A template, or a spec in it, that is no object is kept as it is, to be refused.
Result<PodTemplate> ReadPodTemplate(std::string_view text);

// The template as the child carries it: labels, nodeSelector with the region's label, zones ANDed into each affinity
// term, topology spread. Without nodeName in any case. Rendering what was rendered changes nothing.
Json RenderTemplate(const api::TenantWorkload& workload, Json pod_template, const api::SovereignRegion& region);

}  // namespace rempart::workload
