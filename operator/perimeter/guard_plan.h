// What the operator keeps in a namespace of a region besides the gate: the labels of Kubernetes' Pod Security admission
// (KEP-2579), and a NetworkPolicy that lets pods send to nowhere but where the region declares. Pure; any thread.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/api/network_guard.h"
#include "operator/perimeter/namespaces.h"
#include "operator/perimeter/qualification.h"
#include "src/base/json.h"

namespace rempart::perimeter {

using NetworkGuardPtr = std::shared_ptr<const api::NetworkGuard>;

// Whose guards a namespace has: the oldest region's that governs it, so that two do not undo each other's.
struct Governor {
  RegionPtr region;     // null: none
  bool unsure = false;  // a region cannot be read that governs it, or might: everything stays as it is
};
Governor GovernorOf(const NamespacePtr& ns, const std::vector<RegionPtr>& by_age, const rules::PolicyContext& context);

// What was last written, and what the server made of it, as GateMemory.
struct GuardMemory {
  std::string wanted_digest, stored_digest;
};

struct GuardPlan {
  Json namespace_patch;          // a JSON merge patch; null: nothing to do
  bool labels_restored = false;  // what the operator had set was changed by hand

  std::string policy;  // the whole NetworkPolicy, with the resourceVersion that it replaces; "" for nothing to write
  std::string wanted_digest;
  bool create = false;
  bool policy_restored = false;
  bool remove_policy = false;
};

// `policy`: that of our name in the namespace, null for none.
GuardPlan PlanGuards(const NamespacePtr& ns, const Governor& governor, const NetworkGuardPtr& policy,
                     const GuardMemory& memory);

// What PlanGuards wants of a region that declares spec.network.egress.
Json NetworkPolicyOf(const api::SovereignRegion& region, const std::string& ns);

}  // namespace rempart::perimeter
