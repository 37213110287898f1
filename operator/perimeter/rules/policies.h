// A region's rules as objects for the API server: one ValidatingAdmissionPolicy and one binding a gate (KEP-3488), and
// the parameters that they look things up in. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "operator/perimeter/rules/rule.h"
#include "src/base/json.h"

namespace rempart::rules {

inline constexpr char kNamespaceName[] = "kubernetes.io/metadata.name";  // set by the API server on every namespace

struct Policy {
  std::string name;  // of both, see api::GateObjectName
  Json policy, binding;
};

// Where the operator itself runs; its namespace is exempt.
struct PolicyContext {
  RuleContext rules;
  std::string own_namespace;

  // For the operator that the server knows by this name; a service account tells the namespace, any other user none.
  static PolicyContext Of(const std::string& operator_user);
};

// Which namespaces the region governs: a label selector, without those that are exempt.
Json NamespaceSelectorOf(const api::SovereignRegion& region, const PolicyContext& context);

// In the order of the gates; a gate without rules has no policy.
std::vector<Policy> PoliciesOf(const api::SovereignRegion& region, const PolicyContext& context);
// The same of some of the rules: what the gate would be without one.
std::vector<Policy> PoliciesOf(const std::vector<Rule>& rules, const api::SovereignRegion& region,
                               const PolicyContext& context);

// What gives pods the region's node label in their nodeSelector (KEP-3962), so that whoever applies a pod need not know
// of it: in a region that enforces, and whose pods need it (NeedsSelector); else none. A selector that names something
// else is left, and refused by RP-103. With failurePolicy Ignore: what it does not mend is refused. Not of the pods of
// TenantWorkloads, told by their label: they come with the selector, and what mutates costs three times what judges.
std::optional<Policy> MutationOf(const api::SovereignRegion& region, const PolicyContext& context);
// What gives a node that joins the taint of those outside, in a region that taints them: until the operator has looked
// at it, nothing is placed there, also where no operator runs. In every mode, as the taint itself.
std::optional<Policy> NodeMutationOf(const api::SovereignRegion& region);
// What gives a namespace that is made in a region that enforces the region's level of Pod Security, where it has none,
// and the record that it is the operator's, who takes it off one day: pods are held to it also where no operator runs.
std::optional<Policy> NamespaceMutationOf(const api::SovereignRegion& region, const PolicyContext& context);
std::vector<Policy> MutationsOf(const api::SovereignRegion& region, const PolicyContext& context);

// What changes often, for lookups by key: spec {nodes: {<name>: true}, registries: {<host>: true}, released: {<digest>:
// true}}. The object has the region's name and goes with it.
Json ParametersOf(const api::SovereignRegion& region, const std::vector<std::string>& qualified_nodes);

}  // namespace rempart::rules
