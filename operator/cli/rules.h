// What `kubectl rempart explain rule` and `kubectl rempart policies` print. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/cli/check.h"
#include "operator/cli/check_output.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace rempart::cli {

// A rule: what it is asked of, what it says where it does not hold in both languages, the clauses, and the expression
// that the API server evaluates. Upper or lower case; kNotFound, with the ids that there are, for any other. With a
// final newline.
Result<std::string> ExplainRule(std::string_view id);

// The policies, bindings and parameters that the operator keeps for these regions, as one List that kubectl takes,
// without what only the server knows (uids). Parameters name no node: which ones qualify is told by the cluster.
// `mutates`: the server serves MutatingAdmissionPolicy in v1.
std::string PrintPolicies(const std::vector<api::SovereignRegion>& regions, const rules::PolicyContext& context,
                          bool mutates);

// Judges manifests by a region's rules, as the API server would judge their creation. Rules that ask who does it are
// left out, and no node is known: a pod that names one is against RP-101. Errors: kInvalid, where the region cannot be
// used. `mutates`: the server serves MutatingAdmissionPolicy in v1, by which a pod without a selector of the region
// gets it.
Result<Judge> JudgeBy(const api::SovereignRegion& region, bool mutates);

// All rules, for reports that describe them.
std::vector<RuleText> RuleTexts();

}  // namespace rempart::cli
