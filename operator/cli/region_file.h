// A SovereignRegion from a manifest, with the profiles beside it, for judging without a cluster.
#pragma once

#include <string>
#include <vector>

#include "operator/api/hosting_profile.h"
#include "operator/api/sovereign_region.h"
#include "src/base/result.h"

namespace rempart::cli {

struct RegionFile {
  api::SovereignRegion region;
  std::vector<api::HostingProfile> profiles;
};

// The one SovereignRegion among the documents of `content`, which may hold others, and all HostingProfiles. They are
// decoded as the operator does; the API server's defaults are not filled in, and what the server sets (uid,
// resourceVersion) may be missing. A field that the definition does not have is refused: no server looks at the file,
// and what is dropped would judge nothing. `file` is for errors. kInvalid: no region, more than one, or an object that
// cannot be used, with field and fix.
Result<RegionFile> ReadRegion(std::string content, const std::string& file);

}  // namespace rempart::cli
