// A place where nodes may be, as regions and hosting profiles declare it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "operator/api/spec_reader.h"

namespace rempart::api {

inline constexpr std::size_t kMaxLocations = 100;  // a list
inline constexpr std::size_t kMaxZones = 100;      // a location

struct Location {
  std::string region;               // exact value of topology.kubernetes.io/region
  std::vector<std::string> zones;   // exact values of topology.kubernetes.io/zone; at least one
  std::string country;              // ISO 3166-1 alpha-2
  std::string provider_id_pattern;  // RE2, known to compile, searched in spec.providerID; empty: not asked for
  // Of a hosting profile's only: whether the provider itself says so, where that is from, and what else is to be known.
  // What a region declares is confirmed by being declared.
  bool confirmed = true;
  std::string source{}, note{};
};

// `region`, `zones`, `country` and `providerIDPattern`. What is missing or wrong is refused.
Location ReadLocation(const Field& at, SpecReader& reader);

}  // namespace rempart::api
