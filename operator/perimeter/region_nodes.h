// Whether a region has any node, by what is declared, whether the node is labelled already or not. Between the two lie
// the moments in which a new region's nodes get their labels; a workload that is looked at then need not say that there
// is no node for it, only to say otherwise a moment later.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"
#include "operator/perimeter/attestation_book.h"
#include "src/base/clock.h"

namespace rempart::perimeter {

// Thread-safe. An answer is kept until nodes, regions, hosting profiles or attestations change, until one of the last
// two expires (or an attestation begins to hold), or until a region that is being deleted falls out of use or into it:
// while none is being deleted, workloads, namespaces and pods do not matter and are not looked at.
class RegionNodes {
 public:
  RegionNodes(const cache::Caches& caches, const Clock& clock, AttestationBook& book)
      : caches_(caches), clock_(clock), book_(book) {}
  bool AnyOf(const std::string& region);

 private:
  void ForgetWhatIsOld(WallTime now);
  bool Search(const std::string& region, WallTime now);

  const cache::Caches& caches_;
  const Clock& clock_;
  AttestationBook& book_;
  std::mutex mutex_;
  // What `known_` was found in.
  std::uint64_t nodes_seen_ = 0, regions_seen_ = 0, profiles_seen_ = 0, attestations_seen_ = 0;
  std::set<std::string, std::less<>> leaving_;  // see Caches::RegionsLeaving
  WallTime until_ = WallTime::max();            // what was found may be otherwise from then on
  std::unordered_map<std::string, bool> known_;
};

}  // namespace rempart::perimeter
