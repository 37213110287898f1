// SovereignRegion (rempart.dev/v1alpha1), cluster-scoped: which nodes are in the region, and what happens when one is
// no longer. See crds/sovereignregion.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "operator/api/attestation_policy.h"
#include "operator/api/location.h"
#include "operator/api/names.h"
#include "operator/api/region_rules.h"
#include "src/base/result.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"

namespace rempart::api {

struct SovereignRegion {
  enum class OnLoss { kEvict, kCordon };

  kube::Meta meta;
  bool has_finalizer = false;                  // ours
  std::vector<std::string> others_finalizers;  // in their order
  std::string country;
  std::string profile;              // the HostingProfile that nodes have to agree with; "" for none
  std::vector<Location> locations;  // empty only beside a profile, whose locations then count by themselves
  AttestationPolicy attestation;
  OnLoss on_loss = OnLoss::kEvict;
  Duration grace_period = std::chrono::seconds(30);
  Duration deadline = std::chrono::minutes(10);
  bool taint_outside_nodes = false;
  RegionRules rules;  // for what tenants apply
  // Not empty: the spec cannot be used (unknown enum value, unreadable duration, bad pattern, …): field and fix. Such a
  // region qualifies nothing.
  std::string invalid;
  std::string status_json;  // status as it stands, compact; "" for none

  bool Usable() const { return invalid.empty(); }
};

// Any legal JSON gives a region, perhaps an invalid one; only unreadable metadata is an error. What the schema would
// have refused is `invalid`. At most 100 locations of 100 zones each.
Result<SovereignRegion> DecodeSovereignRegion(kube::View object);

// Older first (creationTimestamp, then name): the order in which regions claim nodes.
void SortByAge(std::vector<std::shared_ptr<const SovereignRegion>>& regions);

}  // namespace rempart::api
