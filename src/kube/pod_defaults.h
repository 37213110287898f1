// What the API server writes into a pod before admission policies see it, as far as they ask for it. Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "src/base/json.h"

namespace rempart::kube {

// A volume that names no source is an emptyDir (pkg/apis/core/v1, SetDefaults_Volume). `pod` may be any JSON.
void DefaultVolumes(Json& pod);

}  // namespace rempart::kube
