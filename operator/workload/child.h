// The child that a TenantWorkload asks for, as the object to apply. Pure.
#pragma once

#include "operator/api/sovereign_region.h"
#include "operator/api/tenant_workload.h"
#include "src/base/json.h"
#include "src/base/result.h"

namespace rempart::workload {

// The whole desired object: apiVersion, kind, metadata (name, namespace, labels, ownerReferences), spec. kInvalid when template or child spec cannot be read.
Result<Json> RenderChild(const api::TenantWorkload& workload, const api::SovereignRegion& region);

}  // namespace rempart::workload
