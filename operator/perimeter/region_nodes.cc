#include "operator/perimeter/region_nodes.h"

#include <algorithm>
#include <utility>

#include "operator/perimeter/attestation_check.h"
#include "operator/perimeter/qualification.h"

namespace rempart::perimeter {

bool RegionNodes::AnyOf(const std::string& region) {
  if (caches_.AnyNodeWithLabel(region)) return true;
  std::scoped_lock lock(mutex_);
  const WallTime now = clock_.Now();
  ForgetWhatIsOld(now);
  const auto [entry, unknown] = known_.try_emplace(region, false);
  if (unknown) entry->second = Search(region, now);
  return entry->second;
}

bool RegionNodes::Search(const std::string& region, WallTime now) {
  const auto regions = caches_.RegionsByAge();
  const auto nodes = caches_.nodes.List();
  Evidence evidence{caches_.ProfilesOf(regions), now};
  for (const auto& profile : evidence.profiles)
    if (profile->expires && *profile->expires > now) until_ = std::min(until_, *profile->expires);
  if (AnyTakesWord(regions)) {
    evidence.attestations = Attestations(caches_.attestations.List(), &book_);
    for (const auto& node : nodes) until_ = std::min(until_, NextChange(*node, regions, evidence).value_or(until_));
  }
  return ClaimsAny(region, Claimants(regions, leaving_), nodes, evidence);
}

void RegionNodes::ForgetWhatIsOld(WallTime now) {
  // Read before the search: what changes during it makes the next question search again.
  const std::uint64_t nodes_seen = caches_.nodes.seen(), regions_seen = caches_.regions.seen(),
                      profiles_seen = caches_.profiles.seen(), attestations_seen = caches_.attestations.seen();
  auto leaving = caches_.RegionsLeaving();
  if (nodes_seen != nodes_seen_ || regions_seen != regions_seen_ || profiles_seen != profiles_seen_ ||
      attestations_seen != attestations_seen_ || leaving != leaving_ || now >= until_) {
    known_.clear();
    until_ = WallTime::max();
  }
  nodes_seen_ = nodes_seen;
  regions_seen_ = regions_seen;
  profiles_seen_ = profiles_seen;
  attestations_seen_ = attestations_seen;
  leaving_ = std::move(leaving);
}

}  // namespace rempart::perimeter
