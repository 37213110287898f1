#include "operator/perimeter/operator_identity.h"

#include <algorithm>
#include <utility>

#include "operator/perimeter/profile_check.h"

namespace rempart::perimeter {
namespace {

constexpr std::size_t kRegionsKept = 1'000;  // far above what a cluster has

}  // namespace

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

Result<rules::PolicyContext> OperatorIdentity::Get(const api::SovereignRegion& region, const cache::Caches& caches,
                                                   std::stop_token stop) {
  auto context = Get(std::move(stop));
  if (!context) return context;
  context->rules.other_regions = std::ranges::any_of(caches.regions.List(), [&](const auto& other) {
    return other->meta.key.name != region.meta.key.name && !caches.NodesWithLabel(other->meta.key.name).empty();
  });
  const auto profile = caches.ProfileOf(region);
  std::scoped_lock lock(mutex_);
  const auto known = places_.find(region.meta.uid);
  const bool usable = region.profile.empty() || (profile && ProfileProblem(*profile).empty());
  if (!usable && known != places_.end()) {
    context->rules.places = known->second;
    return context;
  }
  context->rules.places = rules::RulePlacesOf(region, usable ? profile.get() : nullptr);
  if (usable && !region.profile.empty()) {
    if (places_.size() >= kRegionsKept) places_.clear();
    places_[region.meta.uid] = *context->rules.places;
  }
  return context;
}

}  // namespace rempart::perimeter
