// A SovereignRegion from a manifest, for judging without a cluster.
#pragma once

#include <string>
#include <string_view>

#include "operator/api/sovereign_region.h"
#include "src/base/result.h"

namespace rempart::cli {

// The one SovereignRegion among the documents of `content`, which may hold others. It is decoded as the operator does;
// the API server's defaults are not filled in, and what the server sets (uid, resourceVersion) may be missing. A field
// that the definition does not have is refused: no server looks at the file, and what is dropped would judge nothing.
// `file` is for errors. kInvalid: none, more than one, or one that cannot be used, with field and fix.
Result<api::SovereignRegion> ReadRegion(std::string content, const std::string& file);

}  // namespace rempart::cli
