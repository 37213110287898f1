#include "operator/api/places.h"

#include <algorithm>

namespace rempart::api {

std::vector<Place> PlacesOf(const SovereignRegion& region, const HostingProfile* profile) {
  const auto places_in = [&](const std::vector<Location>& locations, bool unconfirmed_too) {
    std::vector<Place> places;
    for (const auto& location : locations) {
      if (location.country != region.country || !(location.confirmed || unconfirmed_too)) continue;
      for (const auto& zone : location.zones) places.push_back({location.region, zone});
    }
    std::ranges::sort(places);
    places.erase(std::unique(places.begin(), places.end()), places.end());
    return places;
  };
  std::vector<Place> places = places_in(region.locations, true);
  if (profile == nullptr) return places;
  const bool declares = !region.locations.empty();
  std::vector<Place> known = places_in(profile->locations, declares);
  if (declares) std::erase_if(known, [&](const Place& place) { return !std::ranges::binary_search(places, place); });
  std::erase_if(known, [&](const Place& place) {
    return std::ranges::find(profile->refused, place.region, &HostingProfile::Refused::region) !=
           profile->refused.end();
  });
  return known;
}

}  // namespace rempart::api
