#include "operator/perimeter/region_nodes.h"

#include <algorithm>

#include "operator/perimeter/qualification.h"

namespace rempart::perimeter {

bool RegionNodes::AnyOf(const std::string& region) {
  if (!caches_.NodesWithLabel(region).empty()) return true;
  std::scoped_lock lock(mutex_);
  // Read before the search: what changes during it makes the next question search again.
  const std::uint64_t nodes_seen = caches_.nodes.seen(), regions_seen = caches_.regions.seen();
  if (nodes_seen != nodes_seen_ || regions_seen != regions_seen_) known_.clear();
  nodes_seen_ = nodes_seen;
  regions_seen_ = regions_seen;
  const auto [entry, unknown] = known_.try_emplace(region, false);
  if (unknown) entry->second = Search(region);
  return entry->second;
}

bool RegionNodes::Search(const std::string& region) const {
  const auto claimants = Claimants(caches_.RegionsByAge(), caches_.RegionsLeaving());
  const auto nodes = caches_.nodes.List();
  return std::ranges::any_of(nodes, [&](const NodePtr& node) {
    const RegionPtr owner = Claim(*node, claimants);
    return owner && owner->meta.key.name == region;
  });
}

}  // namespace rempart::perimeter
