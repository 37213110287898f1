// Whether a region has any node, by what is declared, whether the node is labelled already or not. Between the two lie
// the moments in which a new region's nodes get their labels; a workload that is looked at then need not say that there
// is no node for it, only to say otherwise a moment later.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "operator/cache/caches.h"

namespace rempart::perimeter {

// Thread-safe. An answer is kept until nodes or regions change.
class RegionNodes {
 public:
  explicit RegionNodes(const cache::Caches& caches) : caches_(caches) {}
  bool AnyOf(const std::string& region);

 private:
  bool Search(const std::string& region) const;

  const cache::Caches& caches_;
  std::mutex mutex_;
  std::uint64_t nodes_seen_ = 0, regions_seen_ = 0;  // what `known_` was found in
  std::unordered_map<std::string, bool> known_;
};

}  // namespace rempart::perimeter
