// The child that a TenantWorkload asks for, as the object to apply. Pure; nothing here throws.
#pragma once

#include <string>
#include <string_view>

#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "operator/workload/pod_template.h"
#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::workload {

// The whole desired object as compact JSON: apiVersion, kind, metadata (name, namespace, labels, ownerReferences),
// spec; the same text for the same wish. kInvalid when template or child spec cannot be read, or says what is said
// elsewhere (replicas, the template). Whether the region allows the template is CheckPlacement's business.
Result<std::string> RenderChild(const api::TenantWorkload& workload, const api::SovereignRegion& region);
// The same, for a template that was read already.
Result<std::string> RenderChild(const api::TenantWorkload& workload, PodTemplate pod_template,
                                const api::SovereignRegion& region);
// What RenderChild gave, to be applied only where there is no such object yet (kube::kOnlyCreate).
std::string OnlyCreate(std::string_view rendered);

// What selects the workload's pods, as text for the scale subresource: the tenant's own selector where the child spec
// gives one, else "rempart.dev/workload=<name>". Where theirs cannot be read, ours. "" where it is
// longer than 4 KiB.
std::string PodSelectorText(const api::TenantWorkload& workload);

// Whether this object is the workload's child: controlled by it, or, where its owner reference was taken off by hand,
// the one whose uid was written down in status.child.
bool IsChildOf(const api::Child& child, const api::TenantWorkload& workload);

// Whether status.child names this very object, whoever controls it now.
bool WasMadeFor(const api::Child& child, const api::TenantWorkload& workload);

// A JSON merge patch that holds a child's pods to a region, and changes nothing else: the region's label into the
// template's nodeSelector (left out for region ""), nodeName out of it. It names the child's uid, so that no other
// object of that name takes it.
Json HoldPatch(const api::Child& child, const std::string& region);

// status.child.applied, see workload_plan.h, and status.child.region.
struct AppliedText {
  std::string desired_digest, child_digest, ended;  // ended: "", "complete" or "failed"
  std::string region;                               // that the child was last applied for
  std::string ToString() const;                     // of all but the region; "" where a digest is missing
};
AppliedText ReadAppliedText(
    const std::string& status_json);  // empty where it cannot be read, each of the two by itself

// Whether it is a Job that Kubernetes removes some time after it ended (spec.job.ttlSecondsAfterFinished).
bool RemovedAfterEnd(const api::TenantWorkload& workload);

// "deployment", "statefulSet", …: the field of spec that holds the child's own part.
std::string_view ChildField(api::ChildKind kind);

}  // namespace rempart::workload
