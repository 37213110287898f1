// What a hosting profile says of a region that names it, and of a node. Pure. Unknown means outside. May be called from
// any thread.
#pragma once

#include <string>

#include "operator/api/hosting_profile.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/verdict.h"
#include "src/base/clock.h"

namespace rempart::perimeter {

// Why the profile's spec cannot be used: field and fix; "" when it can.
std::string ProfileProblem(const api::HostingProfile& profile);

// kProfileDefunct or kProfileExpired, with since when and why; else qualified, as far as this goes.
Verdict CheckTime(const api::HostingProfile& profile, WallTime now, api::Language language);

// kRefusedByProfile where the profile refuses the node's region, whatever is declared elsewhere.
Verdict CheckRefused(const api::Node& node, const api::HostingProfile& profile, api::Language language);

// Whether the profile, which can be used, knows the node's place as one of the region's country, and the node has the
// labels that it asks for. A place that is not confirmed counts once the region declares it: `declared` says that
// spec.hosting.locations has it, country included. Naming it there is the admin's own word, in the words that he would
// use without a profile, so that there is one list of places to read and no second one of things confirmed.
Verdict CheckProfile(const api::Node& node, const api::SovereignRegion& region, const api::HostingProfile& profile,
                     bool declared);

}  // namespace rempart::perimeter
