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
#include "src/base/clock.h"

namespace rempart::perimeter {

// Thread-safe. An answer is kept until nodes, regions or hosting profiles change, until one of these expires, or until
// a region that is being deleted falls out of use or into it: while none is being deleted, workloads, namespaces and
// pods do not matter and are not looked at.
class RegionNodes {
 public:
  RegionNodes(const cache::Caches& caches, const Clock& clock) : caches_(caches), clock_(clock) {}
  bool AnyOf(const std::string& region);

 private:
  void ForgetWhatIsOld(WallTime now);

  const cache::Caches& caches_;
  const Clock& clock_;
  std::mutex mutex_;
  // What `known_` was found in.
  std::uint64_t nodes_seen_ = 0, regions_seen_ = 0, profiles_seen_ = 0;
  std::set<std::string, std::less<>> leaving_;  // see Caches::RegionsLeaving
  WallTime until_ = WallTime::max();            // a profile expires then
  std::unordered_map<std::string, bool> known_;
};

}  // namespace rempart::perimeter
