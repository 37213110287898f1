// Whether a node is in a region: pure decisions. Unknown means outside. Everything here may be called from any thread.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/evidence.h"
#include "operator/perimeter/verdict.h"

namespace rempart::perimeter {

using RegionPtr = std::shared_ptr<const api::SovereignRegion>;
using NodePtr = std::shared_ptr<const api::Node>;
using RegionNames = std::set<std::string, std::less<>>;

// A node is qualified when its topology region and zone labels equal a declared location (exactly: no prefix, no case
// folding), that location's country is the region's, and spec.providerID matches where the location gives a pattern.
// Declared is what the region lists; where it names a profile, the node has to agree with that too (CheckProfile), and
// with it alone where the region lists nothing. A list is narrower than the profile or confirms what that leaves open;
// it never adds to it, so that a place of which the profile knows nothing stays outside. Where the region asks for
// attestations, one that holds must say so too (CheckAttestation).
//
// Sources that disagree mean outside: old failure-domain labels that differ from the new ones, a node that matches,
// provider id included, a location of the region's country and one of another, a region and its profile that have
// different countries for a place, an attestation that holds and names another country. Whether the region is being
// deleted does not matter here: it keeps its nodes as long as it has users (see Claimants).
Verdict Qualify(const api::Node& node, const api::SovereignRegion& region, const Evidence& evidence);

// Why the region's own spec cannot be used: field and fix; "" when it can. region.invalid, and what only this module
// can tell: a pattern that does not compile, a name that is no label value.
std::string SpecProblem(const api::SovereignRegion& region);

// Why nothing can be said of any node: the region's own spec (SpecProblem), or the profile that it names is not there
// or cannot be used. `profile`: see Evidence::ProfileOf.
//
// Such a region qualifies nothing new, but it lets nothing loose either, since a typo of an admin must not be an
// outage: a node that carries its label keeps it (and stays claimed by it), and no pod is evicted on its account. A
// profile that is defunct or has expired is another matter: it can be read, and says that no node is in.
struct Trouble {
  Outside outside = Outside::kNone;  // kRegionUnusable, kProfileMissing or kProfileUnusable
  std::string message;               // field and fix
  explicit operator bool() const { return outside != Outside::kNone; }
};
Trouble TroubleOf(const api::SovereignRegion& region, const api::HostingProfile* profile);

// A region that is being deleted and that nobody uses any more (no workload, no pod): it gives its nodes up. `leaving`
// names such regions; one that is not being deleted is never leaving, even when named there.
bool IsLeaving(const api::SovereignRegion& region, const RegionNames& leaving);
// The regions that may claim nodes: all but those that are leaving. The order is kept.
std::vector<RegionPtr> Claimants(const std::vector<RegionPtr>& regions, const RegionNames& leaving);

// The region that the node belongs to: the oldest that qualifies it, or that is in Trouble and whose label it carries;
// null for none. `contenders` (optional) gets the others that would have qualified it, oldest first. `claimants` is
// sorted by age.
RegionPtr Claim(const api::Node& node, const std::vector<RegionPtr>& claimants, const Evidence& evidence,
                std::vector<RegionPtr>* contenders = nullptr);

// Why the node is not the region's, in its language: its verdict, or that `claim` has the node, or, where none has,
// that the region gives its nodes up.
std::string WhyNot(const api::Node& node, const api::SovereignRegion& region, const RegionPtr& claim,
                   const Evidence& evidence);

// Whether any of the nodes is the region's, as Claim has it. For many nodes: trouble is looked for once.
bool ClaimsAny(std::string_view region, const std::vector<RegionPtr>& claimants, const std::vector<NodePtr>& nodes,
               const Evidence& evidence);

// For a region's point of view: its verdict, or that an older region has the node. `claimants` is sorted by age.
struct RegionView {
  std::vector<NodePtr> qualified;  // by name
  struct OutsideNode {
    std::string node;
    std::string reason;
    std::string message;
    std::string owner;  // for ClaimedByOlderRegion: the region that has the node
  };
  std::vector<OutsideNode> outside;           // all of them, by name; a message has at most 512 bytes
  std::vector<OutsideNode> claimed_by_older;  // subset of outside: reason "ClaimedByOlderRegion"
};
RegionView ViewOf(const api::SovereignRegion& region, const std::vector<RegionPtr>& claimants,
                  const std::vector<NodePtr>& nodes, const Evidence& evidence);

}  // namespace rempart::perimeter
