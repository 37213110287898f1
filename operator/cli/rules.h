// What `kubectl rempart explain rule` and `kubectl rempart policies` print. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace rempart::cli {

// A rule: what it is asked of, what it says where it does not hold in both languages, the clauses, and the expression
// that the API server evaluates. Upper or lower case; kNotFound, with the ids that there are, for any other. With a
// final newline.
Result<std::string> ExplainRule(std::string_view id);

// The policies, bindings and parameters that the operator keeps for these regions, as one List that kubectl takes,
// without what only the server knows (uids). Parameters name no node: which ones qualify is told by the cluster.
std::string PrintPolicies(const std::vector<api::SovereignRegion>& regions, const rules::PolicyContext& context);

}  // namespace rempart::cli
