// Whether a node is in a region: pure decisions. Unknown means outside. Everything here may be called from any thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"

namespace rempart::perimeter {

// Machine-readable reasons, in the order in which they are looked for.
enum class Outside {
  kNone,              // qualified
  kRegionUnusable,    // the region's own spec cannot be used
  kNoLocation,        // region or zone label missing
  kLabelsDisagree,    // topology.kubernetes.io/* and failure-domain.beta.kubernetes.io/* differ
  kUnknownLocation,   // no declared location has this region and zone
  kOtherCountry,      // a declared location, of another country than the region's
  kProviderMissing,   // a pattern is given, spec.providerID is empty
  kProviderMismatch,  // the provider id does not match
};
const char* ToString(Outside outside);

struct Verdict {
  Outside outside = Outside::kNone;
  std::string message;  // "zone de-fra-1 of region de-fra is not declared; …": what was found and what would be needed
  bool qualified() const { return outside == Outside::kNone; }
};
// The node is qualified when its topology region and zone labels equal a declared location (exactly: no prefix, no case
// folding), that location's country is the region's, and spec.providerID matches where the location gives a pattern
// (RE2, searched:
// "^" and "$" are the user's). Sources that disagree mean outside: old failure-domain labels that differ from the new
// ones, and a node that matches, provider id included, a location of the region's country and one of another.
// Whether the region is being deleted does not matter here: it keeps its nodes as long as it has users (see Claimants).
Verdict Qualify(const api::Node& node, const api::SovereignRegion& region);

// Why the region's spec cannot be used: field and fix; "" when it can. region.invalid, and what only this module can
// tell: a pattern that does not compile, a name that is no label value.
//
// Such a region qualifies nothing new, but it lets nothing loose either, since a typo of an admin must not be an
// outage: a node that carries its label keeps it (and stays claimed by it), and no pod is evicted on its account.
std::string SpecProblem(const api::SovereignRegion& region);

using RegionPtr = std::shared_ptr<const api::SovereignRegion>;
using NodePtr = std::shared_ptr<const api::Node>;
using RegionNames = std::set<std::string, std::less<>>;

// A region that is being deleted and that nobody uses any more (no workload, no pod): it gives its nodes up. `leaving`
// names such regions; one that is not being deleted is never leaving, even when named there.
bool IsLeaving(const api::SovereignRegion& region, const RegionNames& leaving);
// The regions that may claim nodes: all but those that are leaving. The order is kept.
std::vector<RegionPtr> Claimants(const std::vector<RegionPtr>& regions, const RegionNames& leaving);

// The region that the node belongs to: the oldest that qualifies it, or that is unusable and whose label it carries;
// null for none. `contenders` (optional) gets the others that would have qualified it, oldest first. `claimants` is
// sorted by age.
RegionPtr Claim(const api::Node& node, const std::vector<RegionPtr>& claimants,
                std::vector<RegionPtr>* contenders = nullptr);

// Whether any of the nodes is the region's, as Claim has it. For many nodes: problems of specs are looked for once.
bool ClaimsAny(std::string_view region, const std::vector<RegionPtr>& claimants, const std::vector<NodePtr>& nodes);

// For a region's point of view: its verdict, or that an older region has the node. `claimants` is sorted by age.
struct RegionView {
  std::vector<NodePtr> qualified;  // by name
  struct OutsideNode {
    std::string node;
    std::string reason;
    std::string message;
    std::string owner;  // for ClaimedByOlderRegion: the region that has the node
  };
  std::vector<OutsideNode> outside;           // all of them, by name; a message has at most 400 bytes
  std::vector<OutsideNode> claimed_by_older;  // subset of outside: reason "ClaimedByOlderRegion"
};
RegionView ViewOf(const api::SovereignRegion& region, const std::vector<RegionPtr>& claimants,
                  const std::vector<NodePtr>& nodes);

}  // namespace rempart::perimeter
