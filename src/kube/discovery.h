// What the API server serves.
#pragma once

#include <stop_token>

#include "src/base/result.h"
#include "src/kube/api.h"
#include "src/kube/object.h"

namespace rempart::kube {

// Whether the server serves the resource in this version (discovery of the group's version, which everybody who is
// authenticated may read).
Result<bool> IsServed(Api& api, const Resource& resource, std::stop_token stop);

}  // namespace rempart::kube
