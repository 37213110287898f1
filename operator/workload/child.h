// The child that a TenantWorkload asks for, as the object to apply. Pure; nothing here throws.
#pragma once

#include <string>
#include <string_view>

#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::workload {

// The whole desired object: apiVersion, kind, metadata (name, namespace, labels, ownerReferences), spec. kInvalid when
// template or child spec cannot be read, or says what is said elsewhere (replicas, the template). Whether the region
// allows the template is CheckPlacement's business.
Result<Json> RenderChild(const api::TenantWorkload& workload, const api::SovereignRegion& region);
// The same, for a template that was parsed already.
Result<Json> RenderChild(const api::TenantWorkload& workload, const Json& pod_template,
                         const api::SovereignRegion& region);

// What selects the workload's pods, as text for the scale subresource: the tenant's own selector where the child spec
// gives one, else "rempart.dev/workload=<name>". Where theirs cannot be read, ours.
std::string PodSelectorText(const api::TenantWorkload& workload);

// Whether this object is the workload's child: controlled by it, or, where its owner reference was taken off by hand,
// the one whose uid was written down in status.child.
bool IsChildOf(const api::Child& child, const api::TenantWorkload& workload);

// status.child.applied: see workload_plan.h.
struct AppliedText {
  std::string desired_digest, child_digest, ended;  // ended: "", "complete" or "failed"
  std::string ToString() const;                     // "" where a digest is missing
};
AppliedText ReadAppliedText(const std::string& status_json);  // all empty where it cannot be read

// Whether a rendered Job is removed by Kubernetes some time after it ended (spec.ttlSecondsAfterFinished).
bool RemovedAfterEnd(const Json& desired);

// "deployment", "statefulSet", …: the field of spec that holds the child's own part.
std::string_view ChildField(api::ChildKind kind);

}  // namespace rempart::workload
