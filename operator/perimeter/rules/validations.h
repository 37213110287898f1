// A gate's rules as the CEL of its policy: what is asked of a request, and what is said where it is refused.
//
// What a policy costs is mostly that the API server converts the object anew: for its match conditions, where it has
// some, and for validations, messages and audit annotations, which it leaves where a match condition is false
// (k8s.io/apiserver 1.36, plugin/policy/validating). So what a gate asks is one match condition, that a rule be broken:
// all its rules in one conjunction that goes through each list once. The one validation of a request that matches is
// false, and its message, worked out for the refused alone, names every rule that is broken; of several validations the
// server would pass on the first one's alone. There are no variables: each costs something, whether it is looked at or
// not.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"

namespace rempart::rules {

// The `matchConditions` and `validations` of a ValidatingAdmissionPolicy's spec: of rules of one gate, of which `free`
// requests are asked nothing. A validation a rule, and no condition, where one expression of them all would be too long
// for the server, or asks of the namespace, which a condition is not told of. Pure; any thread.
Json ValidationsOf(const std::vector<const Rule*>& rules, const Bool& free, const api::SovereignRegion& region);

}  // namespace rempart::rules
