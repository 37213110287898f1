// Whether a node is in a region: pure decisions. Unknown means outside.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"

namespace rempart::perimeter {

// Machine-readable reasons, in the order in which they are looked for.
enum class Outside {
  kNone,               // qualified
  kRegionUnusable,     // the region's own spec cannot be used
  kNoLocation,         // region or zone label missing
  kLabelsDisagree,     // topology.kubernetes.io/* and failure-domain.beta.kubernetes.io/* differ
  kUnknownLocation,    // no declared location has this region and zone
  kOtherCountry,       // a declared location, of another country than the region's
  kProviderMissing,    // a pattern is given, spec.providerID is empty
  kProviderMismatch,   // the provider id does not match
};
const char* ToString(Outside outside);

struct Verdict {
  Outside outside = Outside::kNone;
  std::string message;  // "zone de-fra-1 of region de-fra is not declared; …": what was found and what would be needed
  bool qualified() const { return outside == Outside::kNone; }
};
Verdict Qualify(const api::Node& node, const api::SovereignRegion& region);

using RegionPtr = std::shared_ptr<const api::SovereignRegion>;
using NodePtr = std::shared_ptr<const api::Node>;

// Older first (creationTimestamp, then name): the order in which regions claim nodes.
void SortByAge(std::vector<RegionPtr>& regions);

// The region that the node belongs to: the oldest that qualifies it; null for none. `contenders` (optional) gets the
// others that would have qualified it, oldest first. `regions` is sorted by age.
RegionPtr Claim(const api::Node& node, const std::vector<RegionPtr>& regions, std::vector<RegionPtr>* contenders = nullptr);

// For a region's point of view: its verdict, or that an older region has the node.
struct RegionView {
  std::vector<NodePtr> qualified;
  struct OutsideNode { std::string node; std::string reason; std::string message; };
  std::vector<OutsideNode> outside;          // all of them, by name
  std::vector<OutsideNode> claimed_by_older;  // subset of outside: reason "ClaimedByOlderRegion"
};
RegionView ViewOf(const api::SovereignRegion& region, const std::vector<RegionPtr>& by_age, const std::vector<NodePtr>& nodes);

}  // namespace rempart::perimeter
