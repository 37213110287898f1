#include "operator/perimeter/operator_identity.h"

#include <utility>

namespace rempart::perimeter {

Result<rules::PolicyContext> OperatorIdentity::Get(std::stop_token stop) {
  {
    std::scoped_lock lock(mutex_);
    if (context_) return *context_;
  }
  auto user = who_am_i_(std::move(stop));  // unlocked: two that ask at once get the same answer
  if (!user) return Fail(std::move(user.error()));
  std::scoped_lock lock(mutex_);
  context_ = rules::PolicyContext::Of(*user);
  return *context_;
}

}  // namespace rempart::perimeter
