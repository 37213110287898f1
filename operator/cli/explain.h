// What `kubectl rempart explain` prints. Pure.
#pragma once

#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/node_attestation.h"
#include "operator/api/observed.h"
#include "operator/api/sovereign_region.h"
#include "src/base/clock.h"

namespace rempart::cli {

// Each source of the node's location and what it says, then each region's verdict, the older first, as the operator
// comes to it: whether the node is in it, why not, and which region claims it; under it what the hosting profile says
// that the region names, and each attestation of the node where the region takes somebody's word. With a final newline.
struct Known {
  std::vector<api::SovereignRegion> regions;
  std::vector<api::HostingProfile> profiles;            // those that exist, of those that regions name
  std::vector<api::NodeAttestation> attestations = {};  // of the node
};
std::string ExplainNode(const api::Node& node, Known known, WallTime now);

}  // namespace rempart::cli
