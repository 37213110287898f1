#include "operator/perimeter/region_nodes.h"

#include <utility>

#include "operator/perimeter/qualification.h"

namespace rempart::perimeter {

bool RegionNodes::AnyOf(const std::string& region) {
  if (caches_.AnyNodeWithLabel(region)) return true;
  std::scoped_lock lock(mutex_);
  ForgetWhatIsOld();
  const auto [entry, unknown] = known_.try_emplace(region, false);
  if (unknown) entry->second = ClaimsAny(region, Claimants(caches_.RegionsByAge(), leaving_), caches_.nodes.List());
  return entry->second;
}

void RegionNodes::ForgetWhatIsOld() {
  // Read before the search: what changes during it makes the next question search again.
  const std::uint64_t nodes_seen = caches_.nodes.seen(), regions_seen = caches_.regions.seen();
  auto leaving = caches_.RegionsLeaving();
  if (nodes_seen != nodes_seen_ || regions_seen != regions_seen_ || leaving != leaving_) known_.clear();
  nodes_seen_ = nodes_seen;
  regions_seen_ = regions_seen;
  leaving_ = std::move(leaving);
}

}  // namespace rempart::perimeter
