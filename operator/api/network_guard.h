// The NetworkPolicy that the operator keeps in each namespace of a region, as far as it is looked at.
#pragma once

#include <string>

#include "operator/api/names.h"
#include "src/base/result.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"

namespace rempart::api {

struct NetworkGuard {
  kube::Meta meta;
  bool ours = false;   // label managed-by: rempart; another's of the name is replaced where ours is wanted, else left
  std::string digest;  // DigestOfGoverned
};

// kNotFound for policies of another name than kDefaultDenyName.
Result<NetworkGuard> DecodeNetworkGuard(kube::View object);

}  // namespace rempart::api
