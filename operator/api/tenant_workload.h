// TenantWorkload (rempart.dev/v1alpha1), namespaced: a pod template that runs on a region's nodes only, as a
// Deployment, StatefulSet, DaemonSet, Job or CronJob of the same name. See crds/tenantworkload.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "operator/api/names.h"
#include "src/base/result.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"

namespace rempart::api {

enum class ChildKind : std::uint8_t { kDeployment, kStatefulSet, kDaemonSet, kJob, kCronJob };
inline constexpr int kChildKinds = 5;
const kube::Resource& ResourceOf(ChildKind kind);

struct Placement {
  enum class Spread : std::uint8_t { kZone, kNode, kNone };
  Spread spread = Spread::kZone;
  std::vector<std::string> zones;  // only these zones of the region; empty: all
  int min_zones = 1;               // pods wait rather than sit in fewer zones
};

struct TenantWorkload {
  kube::Meta meta;
  std::string region;  // spec.region; empty: the namespace's label rempart.dev/region
  std::int32_t replicas = 1;
  Placement placement;
  ChildKind kind = ChildKind::kDeployment;
  std::string template_json;  // spec.template, compact JSON of at most 1 MiB
  std::string child_json;     // spec.deployment (or statefulSet, …), the same; "" where not given
  std::string invalid;        // as in SovereignRegion
  std::string status_json;    // status as it stands, compact; "" for none
};

// Any legal JSON gives a workload, perhaps an invalid one; only unreadable metadata is an error. What the schema would
// have refused is `invalid`, except inside template and child spec, which the API server judges when the child is
// applied.
Result<TenantWorkload> DecodeTenantWorkload(kube::View object);

}  // namespace rempart::api
