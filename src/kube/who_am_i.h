// Who we are to the API server (authentication.k8s.io/v1 SelfSubjectReview, KEP-3325).
#pragma once

#include <stop_token>
#include <string>

#include "src/base/result.h"
#include "src/kube/api.h"

namespace rempart::kube {

// The user name that the server knows us by: "system:serviceaccount:rempart-system:rempart". Everybody who is
// authenticated may ask. kInternal where the answer names nobody.
Result<std::string> WhoAmI(Api& api, std::stop_token stop);

}  // namespace rempart::kube
