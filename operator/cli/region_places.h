// Where the nodes of regions are and can be, as rules on placement and storage want to know it (RP-103, RP-403,
// RP-404), without the operator's own caches. Pure; any thread.
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

// By a region's name, of those whose parameters can be read: the names of its nodes.
using QualifiedNodes = std::map<std::string, std::vector<std::string>, std::less<>>;

// The context with the places of this region, where it has any there.
rules::PolicyContext ContextOf(const api::SovereignRegion& region, const RegionPlaces& places,
                               rules::PolicyContext context);

// Whether another of the regions has nodes (RuleContext::other_regions). One of which that is not known may have some.
bool OthersHaveNodes(const api::SovereignRegion& region, const std::vector<api::SovereignRegion>& regions,
                     const QualifiedNodes& nodes);

// A line for each region that names a profile which is not among `places`: what is not asked because of that.
std::vector<std::string> UnknownPlaces(const std::vector<api::SovereignRegion>& regions, const RegionPlaces& places);

}  // namespace rempart::cli
