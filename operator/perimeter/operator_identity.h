// Who the operator is to the API server: rules exempt it, and its own namespace.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "operator/cache/caches.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace rempart::perimeter {

// Asked once, when it is first needed; asked again after a failure. Thread-safe.
class OperatorIdentity {
 public:
  using WhoAmI = std::function<Result<std::string>(std::stop_token)>;  // see kube::WhoAmI
  explicit OperatorIdentity(WhoAmI who_am_i) : who_am_i_(std::move(who_am_i)) {}
  Result<rules::PolicyContext> Get(std::stop_token stop);
  // The same with what the cluster has beside a region: whether there are others, and its places, as `caches` have the
  // profile that it names. Where that is gone, or cannot be used, those that were known last stand; where none were,
  // those that the region lists itself, if any.
  Result<rules::PolicyContext> Get(const api::SovereignRegion& region, const cache::Caches& caches,
                                   std::stop_token stop);

 private:
  const WhoAmI who_am_i_;
  std::mutex mutex_;
  std::optional<rules::PolicyContext> context_;
  std::map<std::string, rules::RuleContext::Places> places_;  // by a region's uid, of those that name a profile
};

}  // namespace rempart::perimeter
