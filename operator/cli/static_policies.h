// A region's gate as files that API servers load at start (manifest-based admission control, KEP-5793: Kubernetes 1.36
// alpha, 1.37 beta). Such policies hold before the first request, without etcd, and nobody can delete them through the
// API. They may have no parameters, and their names end in ".static.k8s.io". Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/cli/region_places.h"
#include "operator/perimeter/rules/policies.h"

namespace rempart::cli {

struct StaticPolicies {
  std::string manifests;              // YAML documents, each policy followed by its binding; "" where there is none
  std::vector<std::string> left_out;  // a rule of a region that cannot be had so, and why
};

// What the region's spec and its profile list (registries, released images, places) stands in the expressions; a change
// needs new files. What only the cluster knows, which nodes are qualified, cannot be had so. A region whose spec cannot
// be used has no policies, and is among what is left out.
StaticPolicies StaticPoliciesOf(const std::vector<api::SovereignRegion>& regions, const RegionPlaces& places,
                                const QualifiedNodes& nodes, const rules::PolicyContext& context);

}  // namespace rempart::cli
