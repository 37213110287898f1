// What verdicts on nodes rest on besides nodes and regions.
#pragma once

#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/sovereign_region.h"
#include "operator/perimeter/attestation_book.h"
#include "src/base/clock.h"

namespace rempart::perimeter {

using api::AttestationPtr;
using api::ProfilePtr;

struct Evidence {
  std::vector<ProfilePtr> profiles;  // those that exist, of those that regions name
  WallTime now{};                    // profiles and attestations expire
  Attestations attestations = {};    // those that exist of the nodes that are judged

  // The one that the region names; null where it names none, or there is none of that name.
  const api::HostingProfile* ProfileOf(const api::SovereignRegion& region) const;
};

}  // namespace rempart::perimeter
