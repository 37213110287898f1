// What is said where a rule does not hold: "RP-301 spec.containers[0].image: docker.io/evil comes from a registry that
// the region does not allow; use one of: registry.example (SecNumCloud 3.2: 12.10.c)".
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "operator/perimeter/rules/rule.h"

namespace rempart::rules {

// What was found, why it cannot be, what to do, and which clause asks for it. `shown` may be "".
std::string FindingOf(const Rule& rule, api::RegionRules::Language language, std::string_view shown);

// The same with the rule's id and the field in front. `field` may be "" too.
std::string MessageOf(const Rule& rule, api::RegionRules::Language language, std::string_view field,
                      std::string_view shown);

// What of that stands before and behind what is shown.
std::pair<std::string, std::string> MessageParts(const Rule& rule, api::RegionRules::Language language,
                                                 std::string_view fields);

}  // namespace rempart::rules
