#include "src/kube/discovery.h"

#include <fmt/format.h>

#include <utility>

#include "src/kube/decode.h"

namespace rempart::kube {

Result<bool> IsServed(Api& api, const Resource& resource, std::stop_token stop) {
  const std::string version = resource.ApiVersion();
  const Api::Call call{.method = "GET",
                       .target = (resource.group.empty() ? "/api/" : "/apis/") + version,
                       .doing = "ask what is served of " + version};
  const auto reply = api.Do(call, std::move(stop));
  if (!reply && reply.error().kind == ErrorKind::kNotFound) return false;
  if (!reply) return Fail(Error(reply.error()));
  const auto list = ParseOnThread(reply->body);
  if (!list) return Fail(Error(list.error()).While(call.doing));
  if (!(*list)["resources"].IsArray()) return Fail(Error::Internal(call.doing + ": the answer lists no resources"));
  bool served = false;
  (*list)["resources"].ForEachElement([&](View one) { served = served || one["name"].Str() == resource.plural; });
  return served;
}

}  // namespace rempart::kube
