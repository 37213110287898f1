// Where the nodes of regions can be, as rules on storage want to know it (RP-403, RP-404), without the operator's own
// caches. Pure; any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/rules/policies.h"

namespace rempart::cli {

// By a region's name, of those that name a profile which is at hand and can be used.
using RegionPlaces = std::map<std::string, rules::RuleContext::Places, std::less<>>;

RegionPlaces PlacesOfRegions(const std::vector<api::SovereignRegion>& regions,
                             const std::vector<api::HostingProfile>& profiles);

// The context with the places of this region, where it has any there.
rules::PolicyContext ContextOf(const api::SovereignRegion& region, const RegionPlaces& places,
                               rules::PolicyContext context);

// A line for each region that names a profile which is not among `places`: what is not asked because of that.
std::vector<std::string> UnknownPlaces(const std::vector<api::SovereignRegion>& regions, const RegionPlaces& places);

}  // namespace rempart::cli
