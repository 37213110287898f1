#include "operator/perimeter/audit/tally.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/text.h"

namespace rempart::audit {
namespace {

std::string TextAt(const Json& object, const char* pointer) {
  const Json::json_pointer at(pointer);
  if (!object.contains(at)) return "";
  const Json& value = object.at(at);
  return value.is_string() ? value.get<std::string>() : "";
}

bool HasEnded(const Json& pod) {
  const std::string phase = TextAt(pod, "/status/phase");
  return phase == "Succeeded" || phase == "Failed";
}

// The labels of kube-controller-manager's own controllers. A tenant may write them: the gate asks who does.
bool IsKeptByACluster(const Json& endpoints) {
  const std::string slices = TextAt(endpoints, "/metadata/labels/endpointslice.kubernetes.io~1managed-by");
  return slices == "endpointslice-controller.k8s.io" || slices == "endpointslicemirroring-controller.k8s.io" ||
         TextAt(endpoints, "/metadata/labels/endpoints.kubernetes.io~1managed-by") == "endpoint-controller";
}

}  // namespace

Tally::Tally(const api::SovereignRegion& region, std::vector<rules::Rule> rules, Json parameters, Keep keep,
             bool selector_is_added)
    : language_(region.rules.language),
      rules_(std::move(rules)),
      parameters_(std::move(parameters)),
      keep_(keep),
      selector_is_added_(selector_is_added) {}

bool Tally::Asks(rules::Gate gate) const {
  return std::ranges::any_of(rules_,
                             [gate](const rules::Rule& rule) { return rule.gate == gate && !rule.needs_request; });
}

void Tally::Add(rules::Gate gate, const kube::Resource& resource, const Json& object, const std::string& prefix) {
  if (gate == rules::Gate::kPods && HasEnded(object)) return;
  if (gate == rules::Gate::kEndpoints && IsKeptByACluster(object)) return;
  const std::string ns = TextAt(object, "/metadata/namespace");
  NamespaceTally& tally = by_namespace_[ns];
  ++objects_, ++tally.objects;
  const bool kept = ns.empty() ? keep_.of_cluster : keep_.of_namespaces;
  auto violations = rules::Judge(rules_, language_, parameters_, {.gate = gate, .object = &object});
  if (selector_is_added_ && gate == rules::Gate::kPods && rules::IsGivenSelector(object))
    std::erase_if(violations, [](const rules::Violation& violation) { return violation.rule == rules::kSelectorRule; });
  if (violations.empty()) ++tally.clean;
  violations_ += violations.size(), tally.violations += violations.size();
  for (auto& violation : violations) {
    ++by_rule_[violation.rule];
    if (!kept || tally.findings.size() == kMaxFindings || findings_ == kMaxAllFindings) continue;
    ++findings_;
    tally.findings.push_back(Finding{.object = {resource.ApiVersion(), std::string(resource.kind), ns,
                                                TextAt(object, "/metadata/name"), TextAt(object, "/metadata/uid")},
                                     .rule = std::move(violation.rule),
                                     .field = prefix + violation.field,
                                     .message = CleanText(violation.message, kMaxMessage)});
  }
}

}  // namespace rempart::audit
