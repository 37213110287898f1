// Where a region's nodes can be. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/sovereign_region.h"

namespace rempart::api {

// One zone of a location of the region's own country. Views into the region or profile.
struct Place {
  std::string_view region, zone;
  auto operator<=>(const Place&) const = default;
};

// Sorted, each once. Of a region that names a profile those that both have, or, where it lists none, those that are
// confirmed in the profile; less what that refuses. `profile`: that which the region names, null for none.
std::vector<Place> PlacesOf(const SovereignRegion& region, const HostingProfile* profile);

}  // namespace rempart::api
