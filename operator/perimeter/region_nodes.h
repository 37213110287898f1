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

namespace rempart::perimeter {

// Thread-safe. An answer is kept until nodes or regions change, or until a region that is being deleted falls out of
// use or into it: while none is being deleted, workloads, namespaces and pods do not matter and are not looked at.
class RegionNodes {
 public:
  explicit RegionNodes(const cache::Caches& caches) : caches_(caches) {}
  bool AnyOf(const std::string& region);

 private:
  void ForgetWhatIsOld();

  const cache::Caches& caches_;
  std::mutex mutex_;
  std::uint64_t nodes_seen_ = 0, regions_seen_ = 0;  // what `known_` was found in
  std::set<std::string, std::less<>> leaving_;       // see Caches::RegionsLeaving
  std::unordered_map<std::string, bool> known_;
};

}  // namespace rempart::perimeter
