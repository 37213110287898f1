#include "operator/cli/region_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "operator/perimeter/profile_check.h"
#include "src/kube/text.h"

namespace rempart::cli {

RegionPlaces PlacesOfRegions(const std::vector<api::SovereignRegion>& regions,
                             const std::vector<api::HostingProfile>& profiles) {
  RegionPlaces places;
  for (const auto& region : regions) {
    if (region.profile.empty()) continue;
    const auto profile = std::ranges::find_if(profiles, [&](const auto& p) {
      return p.meta.key.name == region.profile && perimeter::ProfileProblem(p).empty();
    });
    if (profile != profiles.end()) places.emplace(region.meta.key.name, rules::RulePlacesOf(region, &*profile));
  }
  return places;
}

rules::PolicyContext ContextOf(const api::SovereignRegion& region, const RegionPlaces& places,
                               rules::PolicyContext context) {
  if (const auto its = places.find(region.meta.key.name); its != places.end()) context.rules.places = its->second;
  return context;
}

bool OthersHaveNodes(const api::SovereignRegion& region, const std::vector<api::SovereignRegion>& regions,
                     const QualifiedNodes& nodes) {
  return std::ranges::any_of(regions, [&](const api::SovereignRegion& other) {
    if (other.meta.key.name == region.meta.key.name) return false;
    const auto its = nodes.find(other.meta.key.name);
    return its == nodes.end() || !its->second.empty();
  });
}

std::vector<std::string> UnknownPlaces(const std::vector<api::SovereignRegion>& regions, const RegionPlaces& places) {
  std::vector<std::string> unknown;
  for (const auto& region : regions) {
    if (region.profile.empty() || places.contains(region.meta.key.name) || !region.rules.storage) continue;
    unknown.push_back(fmt::format("region {}: HostingProfile {} is not at hand, or cannot be used: {}",
                                  kube::Printable(region.meta.key.name, 100), kube::Printable(region.profile, 100),
                                  region.locations.empty()
                                      ? "topologies of storage are not asked for (RP-403, RP-404)"
                                      : "topologies of storage go by spec.hosting.locations alone (RP-403, RP-404)"));
  }
  return unknown;
}

}  // namespace rempart::cli
