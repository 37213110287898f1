// A gate's rules as the CEL of its policy: what is asked of a request, and what is said where it is refused.
//
// What a policy costs is mostly that the API server converts the object anew for its match conditions, validations,
// messages, and audit annotations; all but the first it leaves where a match condition is false (k8s.io/apiserver 1.36,
// plugin/policy/validating). So what a gate asks is one match condition, that a rule be broken: all its rules in one
// conjunction that goes through each list once. The one validation of a request that matches is false, and its message,
// worked out for the refused alone, names every rule that is broken; of several validations the server would pass on
// the first one's alone. There are no variables: each costs something, whether it is looked at or not.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"

namespace rempart::rules {

// The `matchConditions` and `validations` of a ValidatingAdmissionPolicy's spec: of rules of one gate, of which `free`
// requests are asked nothing. Without a condition where the server could not answer it: rules that ask of the
// namespace, or too long. A validation a rule where one expression of them all would be too long. Pure; any thread.
Json ValidationsOf(const std::vector<const Rule*>& rules, const Bool& free, const api::SovereignRegion& region);

}  // namespace rempart::rules
