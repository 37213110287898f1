// A document judged by a region's rules, as the API server's policies would: for manifests before they are applied, and
// for what already runs. Pure; nothing throws; any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"

namespace rempart::rules {

struct Violation {
  std::string rule;     // "RP-301"
  std::string field;    // "spec.containers[0].image"; "" for the request as a whole
  std::string message;  // what was found, why it cannot be, what to do, and which clause asks for it; one line
};

// What is judged. Pointers may be null: an object that is deleted has no `object`, a new one no `old_object`. Without a
// request, it is judged as one that creates the object, and rules that ask who does it are left out.
struct Case {
  Gate gate;
  const Json* object = nullptr;
  const Json* old_object = nullptr;
  const Json* request = nullptr;  // of admission.k8s.io: {operation, subResource, name, userInfo: {username, groups}}
};

// All violations, in the order of the rules, one for each value that a rule is against. `parameters`: see ParametersOf.
// What cannot be read (a text where a list must be) is a violation of the rule that reads it.
std::vector<Violation> Judge(const std::vector<Rule>& rules, api::RegionRules::Language language,
                             const Json& parameters, const Case& judged);

// Whether the mutation of MutationOf gives a pod the region's node selector, where there is one: it is of no workload,
// and its selector names no region. What cannot be read is left.
bool IsGivenSelector(const Json& pod);

}  // namespace rempart::rules
