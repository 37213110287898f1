// What `kubectl rempart explain rule` and `kubectl rempart policies` print. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "operator/cli/check.h"
#include "operator/cli/check_output.h"
#include "operator/cli/region_places.h"
#include "operator/perimeter/rules/policies.h"
#include "src/base/result.h"

namespace rempart::cli {

// A rule: what it is asked of, what it says where it does not hold in both languages, the clauses, and the expression
// that the API server evaluates. Upper or lower case; kNotFound, with the ids that there are, for any other. With a
// final newline.
Result<std::string> ExplainRule(std::string_view id);

// Those that a PerimeterParameters object names.
std::vector<std::string> NodesIn(const Json& parameters);

// The policies, bindings and parameters that the operator keeps for these regions, as one List that kubectl takes,
// without what only the server knows (uids). The parameters of a region whose nodes are not known are left out: without
// nodes, they would let nothing be bound. `mutates`: the server serves MutatingAdmissionPolicy in v1.
std::string PrintPolicies(const std::vector<api::SovereignRegion>& regions, const QualifiedNodes& nodes,
                          const RegionPlaces& places, const rules::PolicyContext& context, bool mutates);

// What a judge knows besides the region's spec.
struct JudgeSettings {
  bool mutates = false;  // the server serves MutatingAdmissionPolicy in v1, by which a pod without the region's
                         // selector gets it
  std::vector<std::string> nodes{};  // those that qualify: a pod that names another is against RP-101
  rules::PolicyContext context{};    // whose own namespace is exempt, with the region's places where they are known
};

// Judges manifests by a region's rules, as the API server would judge their creation by somebody who is in no list and
// not the operator; rules that pass whom the region lists are left out. Nodes and namespaces are judged where their
// labels make them the region's. Errors: kInvalid, where the region cannot be used.
Result<Judge> JudgeBy(const api::SovereignRegion& region, const JudgeSettings& settings);

// The rules, for reports that describe them: of one region, those that it asks for, with its own values and in its
// language. Of none or several, all that there are, in the language that the regions share.
std::vector<RuleText> RuleTexts(const std::vector<api::SovereignRegion>& regions = {}, const RegionPlaces& places = {});

}  // namespace rempart::cli
