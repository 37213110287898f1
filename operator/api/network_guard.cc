#include "operator/api/network_guard.h"

#include <utility>

#include "operator/api/governed.h"

namespace rempart::api {

Result<NetworkGuard> DecodeNetworkGuard(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode NetworkPolicy"));
  if (meta->key.name != kDefaultDenyName) return Fail(Error::NotFound("none of ours"));
  NetworkGuard guard;
  guard.meta = std::move(*meta);
  guard.ours = object["metadata"]["labels"][kManagedByLabel].Str() == "rempart";
  guard.digest = DigestOfGoverned(object);
  return guard;
}

}  // namespace rempart::api
