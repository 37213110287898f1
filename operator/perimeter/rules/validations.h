// A gate's rules as the CEL of its policy: what is asked of a request, and what is said where it is refused.
//
// The API server evaluates the message of each validation for every request, also for those that it admits, and every
// expression, a variable's too, costs it some microseconds before its first step; of several validations that are
// broken it passes on the first one's message alone (k8s.io/apiserver 1.36, plugin/policy/validating). So a gate is one
// validation: all its rules in one conjunction that goes through each list once, and a message that is empty for what
// is admitted and names every rule that is broken. What it takes to say so is worked out for the refused alone. There
// are no variables: each costs something, three times a request, whether it is looked at or not.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"

namespace rempart::rules {

// The `validations` of a ValidatingAdmissionPolicy's spec: of rules of one gate, of which `free` requests are asked
// nothing. Where one expression of them all would be too long for the server, a validation a rule. Pure; any thread.
Json ValidationsOf(const std::vector<const Rule*>& rules, const Bool& free, const api::SovereignRegion& region);

}  // namespace rempart::rules
