#include "operator/perimeter/evidence.h"

#include <algorithm>

namespace rempart::perimeter {

const api::HostingProfile* Evidence::ProfileOf(const api::SovereignRegion& region) const {
  if (region.profile.empty()) return nullptr;
  const auto it = std::ranges::find_if(
      profiles, [&](const ProfilePtr& profile) { return profile->meta.key.name == region.profile; });
  return it == profiles.end() ? nullptr : it->get();
}

}  // namespace rempart::perimeter
