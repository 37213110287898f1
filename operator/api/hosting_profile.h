// HostingProfile (rempart.dev/v1alpha1), cluster-scoped: what is known of one provider's system, for regions that name
// it. What follows from it for a node is in operator/perimeter/profile_check.h. See crds/hostingprofile.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "operator/api/location.h"
#include "operator/api/names.h"
#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/kube/decode.h"
#include "src/kube/object.h"

namespace rempart::api {

struct HostingProfile {
  enum class State { kLive, kOpening, kDefunct };
  struct Refused {
    std::string region;  // exact value of topology.kubernetes.io/region
    std::string why;
  };
  struct RequiredLabel {
    std::string key;                  // IsLocationLabel holds
    std::vector<std::string> values;  // exact ones; empty: any
  };

  kube::Meta meta;
  std::string system, provider;  // for people
  State state = State::kLive;
  std::string since;                // "2022", "2022-11" or "2022-11-30"; "" where it is not said
  std::string note;                 // "" for none
  std::optional<WallTime> expires;  // from then on it qualifies nothing
  std::vector<Location> locations;  // may be empty: a template, or a defunct system
  std::vector<Refused> refused;
  std::vector<RequiredLabel> required_labels;
  // Not empty: the spec cannot be used: field and fix. Such a profile qualifies nothing.
  std::string invalid;

  bool Usable() const { return invalid.empty(); }
};
const char* ToString(HostingProfile::State state);

// Any legal JSON gives a profile, perhaps an invalid one; only unreadable metadata is an error. What the schema would
// have refused is `invalid`. At most 100 locations of 100 zones each, 50 refused regions, 8 labels of 20 values; texts
// have at most 512 characters, names 128.
Result<HostingProfile> DecodeHostingProfile(kube::View object);

using ProfilePtr = std::shared_ptr<const HostingProfile>;

}  // namespace rempart::api
