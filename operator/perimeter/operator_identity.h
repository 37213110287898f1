// Who the operator is to the API server: rules exempt it, and its own namespace.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace rempart::perimeter {

// Asked once, when it is first needed; asked again after a failure. Thread-safe.
class OperatorIdentity {
 public:
  using WhoAmI = std::function<Result<std::string>(std::stop_token)>;  // see kube::WhoAmI
  explicit OperatorIdentity(WhoAmI who_am_i) : who_am_i_(std::move(who_am_i)) {}
  Result<rules::PolicyContext> Get(std::stop_token stop);

 private:
  const WhoAmI who_am_i_;
  std::mutex mutex_;
  std::optional<rules::PolicyContext> context_;
};

}  // namespace rempart::perimeter
