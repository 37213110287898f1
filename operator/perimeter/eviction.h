// A pod that is to be moved off a node. Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "operator/api/observed.h"

namespace rempart::perimeter {

using PodPtr = std::shared_ptr<const api::Pod>;

// What a pod has to end once the deadline has passed, whatever its template asks for.
inline constexpr std::int64_t kForcedGraceSeconds = 30;

struct Eviction {
  PodPtr pod;
  std::string region;  // the region that the pod is held to
  bool force = false;  // the deadline has passed: delete, whatever disruption budgets say, with `grace_seconds`
  std::int64_t grace_seconds = kForcedGraceSeconds;  // how long the pod then has to end: at most that, its own if less
  std::string why;                                   // for the events: the verdict's message
};

Eviction EvictionOf(PodPtr pod, std::string region, bool force, std::string why);

// Being deleted already, and within the time that a forced deletion would give it.
bool EndsSoon(const api::Pod& pod);

}  // namespace rempart::perimeter
