#include "operator/perimeter/eviction.h"

#include <algorithm>
#include <utility>

namespace rempart::perimeter {

Eviction EvictionOf(PodPtr pod, std::string region, bool force, std::string why) {
  // At least a second: 0 would take the object away without the kubelet's word that the pod has ended.
  const std::int64_t grace = std::clamp<std::int64_t>(pod->grace_seconds, 1, kForcedGraceSeconds);
  return {std::move(pod), std::move(region), force, grace, std::move(why)};
}

bool EndsSoon(const api::Pod& pod) { return pod.meta.deleting && pod.grace_seconds <= kForcedGraceSeconds; }

}  // namespace rempart::perimeter
