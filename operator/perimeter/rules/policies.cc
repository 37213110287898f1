#include "operator/perimeter/rules/policies.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/cel.h"
#include "operator/perimeter/rules/validations.h"

namespace rempart::rules {
namespace {

Json ResourceRules(const GateRequests& requests) {
  Json rules = Json::array();
  for (const auto& [group, versions, resources] : requests.resources)
    rules.push_back({{"apiGroups", Json::array({group})},
                     {"apiVersions", versions},
                     {"operations", requests.operations},
                     {"resources", resources}});
  return rules;
}

Json MatchResources(const GateRequests& requests, const api::SovereignRegion& region, const PolicyContext& context) {
  using Scope = GateRequests::Scope;
  switch (requests.scope) {
    case Scope::kNamespaces:
      return {{"namespaceSelector", NamespaceSelectorOf(region, context)}};
    case Scope::kNamespaceObjects:  // as it was or as it is to be
      return {{"objectSelector", NamespaceSelectorOf(region, context)}};
    case Scope::kCluster:
      break;
  }
  return nullptr;
}

Json Actions(api::RegionRules::Enforcement enforcement) {
  switch (enforcement) {
    case api::RegionRules::Enforcement::kAudit:
      return Json::array({"Audit"});
    case api::RegionRules::Enforcement::kWarn:
      return Json::array({"Warn", "Audit"});
    case api::RegionRules::Enforcement::kEnforce:
      break;
  }
  return Json::array({"Deny", "Audit"});
}

Json Metadata(const std::string& name, const api::SovereignRegion& region) {
  Json metadata = {{"name", name},
                   {"labels", {{api::kManagedByLabel, "rempart"}, {api::kRegionLabel, region.meta.key.name}}}};
  if (!region.meta.uid.empty()) {
    metadata["ownerReferences"] = Json::array({{{"apiVersion", api::kRegions.ApiVersion()},
                                                {"kind", api::kRegions.kind},
                                                {"name", region.meta.key.name},
                                                {"uid", region.meta.uid},
                                                {"controller", true},
                                                {"blockOwnerDeletion", true}}});
  }
  return metadata;
}

Policy PolicyOf(Gate gate, const std::vector<const Rule*>& rules, const api::SovereignRegion& region,
                const PolicyContext& context) {
  const GateRequests& requests = RequestsOf(gate);
  const std::string name = api::GateObjectName(region.meta.key.name, requests.name);
  const bool with_parameters = std::ranges::any_of(rules, [](const Rule* rule) { return Uses(rule->holds, "params"); });

  // A cluster that is only looked at, or warned, must not come to harm by the gate: what is amiss with the policy
  // itself (parameters that are missing, their definition gone) would otherwise be refused in every mode.
  const bool enforces = region.rules.enforcement == api::RegionRules::Enforcement::kEnforce;
  Json spec = {{"failurePolicy", enforces ? "Fail" : "Ignore"},
               {"matchConstraints", {{"resourceRules", ResourceRules(requests)}}}};
  spec.update(ValidationsOf(rules, requests.free, region));
  Json binding = {{"policyName", name}, {"validationActions", Actions(region.rules.enforcement)}};
  if (Json match = MatchResources(requests, region, context); !match.is_null()) binding["matchResources"] = match;
  if (with_parameters) {
    spec["paramKind"] = {{"apiVersion", api::kPerimeterParameters.ApiVersion()},
                         {"kind", api::kPerimeterParameters.kind}};
    binding["paramRef"] = {{"name", region.meta.key.name}, {"parameterNotFoundAction", enforces ? "Deny" : "Allow"}};
  }
  const auto object = [&](const kube::Resource& resource, Json of) {
    return Json{{"apiVersion", resource.ApiVersion()},
                {"kind", resource.kind},
                {"metadata", Metadata(name, region)},
                {"spec", std::move(of)}};
  };
  return {name, object(api::kAdmissionPolicies, std::move(spec)),
          object(api::kAdmissionPolicyBindings, std::move(binding))};
}

// A policy that changes what is written of a core resource, and its binding, which `binding_spec` narrows.
Policy Mutation(const api::SovereignRegion& region, const std::string& name, std::string_view resource,
                const Json& operations, const std::string& expression, Json binding_spec) {
  const Json policy = {
      {"failurePolicy", "Ignore"},
      {"reinvocationPolicy", "Never"},
      {"matchConstraints",
       {{"resourceRules", Json::array({{{"apiGroups", Json::array({""})},
                                        {"apiVersions", Json::array({"v1"})},
                                        {"operations", operations},
                                        {"resources", Json::array({resource})}}})}}},
      {"mutations", Json::array({{{"patchType", "JSONPatch"}, {"jsonPatch", {{"expression", expression}}}}})}};
  binding_spec["policyName"] = name;
  const auto object = [&](const kube::Resource& of, const Json& spec) {
    return Json{
        {"apiVersion", of.ApiVersion()}, {"kind", of.kind}, {"metadata", Metadata(name, region)}, {"spec", spec}};
  };
  return {name, object(api::kMutatingPolicies, policy), object(api::kMutatingPolicyBindings, binding_spec)};
}

Json Keys(const std::vector<std::string>& names) {
  Json map = Json::object();
  for (const std::string& name : names) map[name] = true;
  return map;
}

}  // namespace

PolicyContext PolicyContext::Of(const std::string& operator_user) {
  constexpr std::string_view kServiceAccount = "system:serviceaccount:";
  std::string_view rest = operator_user;
  std::string ns;
  if (rest.starts_with(kServiceAccount)) {
    rest.remove_prefix(kServiceAccount.size());
    ns = rest.substr(0, rest.find(':'));
  }
  return {{operator_user}, std::move(ns)};
}

Json NamespaceSelectorOf(const api::SovereignRegion& region, const PolicyContext& context) {
  Json selector = Json::object();
  if (auto given = ParseJson(region.rules.namespace_selector.empty() ? "{}" : region.rules.namespace_selector);
      given && given->is_object())
    selector = *std::move(given);
  if (selector.empty()) selector["matchLabels"][std::string(api::kRegionLabel)] = region.meta.key.name;
  std::set<std::string> exempt(region.rules.exempt_namespaces.begin(), region.rules.exempt_namespaces.end());
  exempt.insert("kube-system");
  if (!context.own_namespace.empty()) exempt.insert(context.own_namespace);
  Json& expressions = selector["matchExpressions"];
  if (!expressions.is_array()) expressions = Json::array();
  expressions.push_back({{"key", kNamespaceName}, {"operator", "NotIn"}, {"values", exempt}});
  return selector;
}

std::vector<Policy> PoliciesOf(const api::SovereignRegion& region, const PolicyContext& context) {
  return PoliciesOf(RulesOf(region, context.rules), region, context);
}

std::vector<Policy> PoliciesOf(const std::vector<Rule>& rules, const api::SovereignRegion& region,
                               const PolicyContext& context) {
  std::vector<Policy> policies;
  for (int k = 0; k < kGates; ++k) {
    std::vector<const Rule*> here;
    for (const Rule& rule : rules)
      if (rule.gate == static_cast<Gate>(k) && !rule.audit_only) here.push_back(&rule);
    if (!here.empty()) policies.push_back(PolicyOf(static_cast<Gate>(k), here, region, context));
  }
  return policies;
}

std::optional<Policy> MutationOf(const api::SovereignRegion& region, const PolicyContext& context) {
  if (region.rules.enforcement != api::RegionRules::Enforcement::kEnforce || !NeedsSelector(region, context.rules))
    return std::nullopt;
  const std::string name = api::GateObjectName(region.meta.key.name, "placement");
  const std::string label = CelText(api::kNodeRegionLabel), value = CelText(region.meta.key.name);
  // Not the mirror of a static pod: it runs as its file says. One expression, since a match condition
  // costs another conversion of the object, and spares none where it is true (docs/architecture.md). A label whose key
  // has a slash is ~1 in a JSON pointer (RFC 6901), which jsonpatch.escapeKey writes.
  const std::string expression = fmt::format(
      "has(object.metadata.annotations) && \"kubernetes.io/config.mirror\" in object.metadata.annotations ? [] : "
      "!has(object.spec.nodeSelector) ? "
      "[JSONPatch{{op: \"add\", path: \"/spec/nodeSelector\", value: {{{0}: {1}}}}}] : "
      "{0} in object.spec.nodeSelector ? [] : "
      "[JSONPatch{{op: \"add\", path: \"/spec/nodeSelector/\" + jsonpatch.escapeKey({0}), value: {1}}}]",
      label, value);
  const Json of_no_workload = {{"key", api::kWorkloadLabel}, {"operator", "DoesNotExist"}};
  return Mutation(region, name, "pods", {"CREATE"}, expression,
                  {{"matchResources",
                    {{"namespaceSelector", NamespaceSelectorOf(region, context)},
                     {"objectSelector", {{"matchExpressions", Json::array({of_no_workload})}}}}}});
}

std::optional<Policy> NodeMutationOf(const api::SovereignRegion& region) {
  if (!region.taint_outside_nodes) return std::nullopt;
  const std::string key = CelText(api::kOutsideTaint);
  const std::string taint = fmt::format("{{\"key\": {}, \"value\": \"true\", \"effect\": \"NoSchedule\"}}", key);
  const std::string expression = fmt::format(
      "!has(object.spec.taints) || object.spec.taints.size() == 0 ? "
      "[JSONPatch{{op: \"add\", path: \"/spec/taints\", value: [{0}]}}] : "
      "object.spec.taints.exists(taint, taint.key == {1}) ? [] : "
      "[JSONPatch{{op: \"add\", path: \"/spec/taints/-\", value: {0}}}]",
      taint, key);
  return Mutation(region, api::GateObjectName(region.meta.key.name, "taints"), "nodes", {"CREATE"}, expression,
                  Json::object());
}

std::optional<Policy> NamespaceMutationOf(const api::SovereignRegion& region, const PolicyContext& context) {
  const std::string_view level = api::LevelOf(region.rules.pod_security);
  if (region.rules.enforcement != api::RegionRules::Enforcement::kEnforce || level.empty()) return std::nullopt;
  const std::string label = CelText("pod-security.kubernetes.io/enforce");
  const std::string record = CelText(api::kPodSecurityAnnotation), recorded = CelText(fmt::format("enforce={}", level));
  // What the region's namespaces are is told by their labels, so that these are there. The operator itself knows. Not
  // of updates: one that is moved in may be another region's too, and the operator goes by the older of two.
  const std::string expression = fmt::format(
      "request.userInfo.username == {4} || {0} in object.metadata.labels ? [] : "
      "[JSONPatch{{op: \"add\", path: \"/metadata/labels/\" + jsonpatch.escapeKey({0}), value: {1}}}] + "
      "(!has(object.metadata.annotations) ? "
      "[JSONPatch{{op: \"add\", path: \"/metadata/annotations\", value: {{{2}: {3}}}}}] : "
      "[JSONPatch{{op: \"add\", path: \"/metadata/annotations/\" + jsonpatch.escapeKey({2}), "
      "value: {2} in object.metadata.annotations ? {3} + \",\" + object.metadata.annotations[{2}] : {3}}}])",
      label, CelText(level), record, recorded, CelText(context.rules.operator_user));
  return Mutation(region, api::GateObjectName(region.meta.key.name, "pod-security"), "namespaces", {"CREATE"},
                  expression, {{"matchResources", {{"objectSelector", NamespaceSelectorOf(region, context)}}}});
}

std::vector<Policy> MutationsOf(const api::SovereignRegion& region, const PolicyContext& context) {
  std::vector<Policy> mutations;
  if (auto mutation = MutationOf(region, context)) mutations.push_back(*std::move(mutation));
  if (auto mutation = NodeMutationOf(region)) mutations.push_back(*std::move(mutation));
  if (auto mutation = NamespaceMutationOf(region, context)) mutations.push_back(*std::move(mutation));
  return mutations;
}

Json ParametersOf(const api::SovereignRegion& region, const std::vector<std::string>& qualified_nodes) {
  std::vector<std::string> hosts, released;
  if (region.rules.images) {
    for (const std::string& registry : region.rules.images->registries)
      if (!registry.contains('/')) hosts.push_back(registry);
    released = region.rules.images->released;
  }
  return {{"apiVersion", api::kPerimeterParameters.ApiVersion()},
          {"kind", api::kPerimeterParameters.kind},
          {"metadata", Metadata(region.meta.key.name, region)},
          {"spec", {{"nodes", Keys(qualified_nodes)}, {"registries", Keys(hosts)}, {"released", Keys(released)}}}};
}

}  // namespace rempart::rules
