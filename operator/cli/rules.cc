#include "operator/cli/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "operator/cli/judged_objects.h"
#include "operator/perimeter/rules/cel.h"
#include "operator/perimeter/rules/judge.h"
#include "operator/perimeter/rules/message.h"
#include "operator/perimeter/rules/rule.h"

namespace rempart::cli {
namespace {

// One that asks for every rule, so that all can be explained without a cluster. What a real region names is in <> here.
api::SovereignRegion Everything() {
  api::SovereignRegion region;
  region.meta.key.name = "<region>";
  auto& rules = region.rules;
  rules.images.emplace();
  rules.images->registries = {"<registry>"};
  rules.images->require_release = true;
  rules.storage = {{"<class>"}};
  rules.storage->snapshot_classes = std::vector<std::string>{"<class>"};
  rules.network.emplace();
  rules.network->load_balancer_classes = {"<class>"};
  rules.network->ranges = {"<range>"};
  rules.network->egress.emplace();
  rules.network->ingress_classes = rules.network->gateway_classes = std::vector<std::string>{"<class>"};
  rules.storage->provisioners = {"<provisioner>"};
  region.locations = {{"<location>", {"<zone>"}, region.country, ""}};
  rules.keys.emplace();
  rules.keys->allowed_stores = {"<store>"};
  rules.access = {{"<admins>"}, {"<exec>"}, {"<nodeIdentity>"}};
  return region;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return upper;
}

struct Judged {
  std::string_view group, kind;
  rules::Gate gate;
};
constexpr std::array kJudged = {
    Judged{"", "Pod", rules::Gate::kPods},
    Judged{"", "Binding", rules::Gate::kBindings},
    Judged{"", "Service", rules::Gate::kServices},
    Judged{"", "Endpoints", rules::Gate::kEndpoints},
    Judged{"discovery.k8s.io", "EndpointSlice", rules::Gate::kEndpoints},
    Judged{"", "PersistentVolumeClaim", rules::Gate::kClaims},
    Judged{"networking.k8s.io", "NetworkPolicy", rules::Gate::kPolicies},
    Judged{"cilium.io", "CiliumNetworkPolicy", rules::Gate::kPolicies},
    Judged{"crd.projectcalico.org", "NetworkPolicy", rules::Gate::kPolicies},
    Judged{"projectcalico.org", "NetworkPolicy", rules::Gate::kPolicies},
    Judged{"crd.antrea.io", "NetworkPolicy", rules::Gate::kPolicies},
    Judged{"networking.k8s.io", "Ingress", rules::Gate::kIngresses},
    Judged{"gateway.networking.k8s.io", "Gateway", rules::Gate::kGateways},
    Judged{"storage.k8s.io", "StorageClass", rules::Gate::kClasses},
    Judged{"", "PersistentVolume", rules::Gate::kVolumes},
    Judged{"external-secrets.io", "SecretStore", rules::Gate::kStores},
    Judged{"external-secrets.io", "ExternalSecret", rules::Gate::kStores},
    Judged{"external-secrets.io", "PushSecret", rules::Gate::kStores},
    Judged{"snapshot.storage.k8s.io", "VolumeSnapshot", rules::Gate::kSnapshots},
};

std::optional<rules::Gate> GateOf(std::string_view api_version, std::string_view kind) {
  const auto slash = api_version.find('/');
  const std::string_view group = slash == api_version.npos ? std::string_view() : api_version.substr(0, slash);
  const auto found = std::ranges::find_if(kJudged, [&](const Judged& j) { return j.group == group && j.kind == kind; });
  return found == kJudged.end() ? std::nullopt : std::optional(found->gate);
}

// Whether a pod's node selector names a region; what cannot be read is taken to.
bool Selects(const Json& pod) {
  const auto spec = pod.find("spec");
  if (spec == pod.end() || !spec->is_object()) return true;
  const auto selector = spec->find("nodeSelector");
  if (selector == spec->end()) return false;
  return !selector->is_object() || selector->contains(api::kNodeRegionLabel);
}

}  // namespace

Result<Judge> JudgeBy(const api::SovereignRegion& region, bool mutates) {
  if (!region.Usable())
    return Fail(
        Error::Invalid(fmt::format("SovereignRegion {} cannot be used: {}", region.meta.key.name, region.invalid)));
  struct Known {
    std::vector<rules::Rule> all, of_placed_pods;  // those that are given the region's node selector
    Json parameters;
    bool selector_is_added = false;
  };
  auto known = std::make_shared<Known>();
  known->all = rules::RulesOf(region, {});
  known->parameters = rules::ParametersOf(region, {});
  std::ranges::copy_if(known->all, std::back_inserter(known->of_placed_pods),
                       [](const rules::Rule& rule) { return rule.id != "RP-103"; });
  known->selector_is_added = mutates && rules::MutationOf(region, {}).has_value();
  const auto language = region.rules.language;
  return [known = std::shared_ptr<const Known>(std::move(known)), language](const Json& object) {
    const std::string api_version = object.value("apiVersion", ""), kind = object.value("kind", "");
    const bool of_workload = api_version == kPlacedPods && kind == "Pod";
    const auto gate = of_workload ? rules::Gate::kPods : GateOf(api_version, kind);
    std::vector<Violation> violations;
    if (!gate) return violations;
    const bool placed = of_workload || (known->selector_is_added && *gate == rules::Gate::kPods && !Selects(object));
    for (auto& [rule, field, message] : rules::Judge(placed ? known->of_placed_pods : known->all, language,
                                                     known->parameters, {*gate, &object, nullptr, nullptr}))
      violations.push_back({std::move(rule), std::move(field), std::move(message)});
    return violations;
  };
}

std::vector<RuleText> RuleTexts() {
  std::vector<RuleText> texts;
  for (const auto& rule : rules::RulesOf(Everything(), {"<operator>"}))
    texts.push_back({rule.id, rule.wrong.en, fmt::format("{} ({})", rule.fix.en, rule.clauses)});
  return texts;
}

Result<std::string> ExplainRule(std::string_view id) {
  const auto all = rules::RulesOf(Everything(), {"<operator>"});
  const auto found = std::ranges::find(all, Upper(id), &rules::Rule::id);
  if (found == all.end()) {
    std::string ids;
    for (const auto& rule : all) ids += (ids.empty() ? "" : ", ") + rule.id;
    return Fail(Error::NotFound(fmt::format("there is no rule \"{}\": name one of {}", id, ids)));
  }
  const auto& requests = rules::RequestsOf(found->gate);
  std::string resources, fields;
  for (const auto& [group, versions, names] : requests.resources)
    for (const auto& name : names)
      resources += fmt::format("{}{}{}{}", resources.empty() ? "" : ", ", name, group.empty() ? "" : ".", group);
  for (const auto& subject : found->subjects) fields += (fields.empty() ? "" : ", ") + subject.ToString();
  using Language = api::RegionRules::Language;
  return fmt::format(
      "{}\n  asked of   {} ({})\n  fields     {}\n  en         {}\n  fr         {}\n  expression {}\n", found->id,
      resources,
      found->audit_only ? "by the audit of what runs alone" : fmt::format("{}", fmt::join(requests.operations, ", ")),
      fields.empty() ? "(the request)" : fields, rules::MessageOf(*found, Language::kEnglish, "", ""),
      rules::MessageOf(*found, Language::kFrench, "", ""), rules::ToCel(found->holds));
}

std::vector<std::string> NodesIn(const Json& parameters) {
  std::vector<std::string> names;
  const auto spec = parameters.is_object() ? parameters.find("spec") : parameters.end();
  if (!parameters.is_object() || spec == parameters.end() || !spec->is_object()) return names;
  const auto nodes = spec->find("nodes");
  if (nodes == spec->end() || !nodes->is_object()) return names;
  for (const auto& [name, qualifies] : nodes->items())
    if (qualifies == true) names.push_back(name);
  return names;
}

std::string PrintPolicies(const std::vector<api::SovereignRegion>& regions, const QualifiedNodes& nodes,
                          const rules::PolicyContext& context, bool mutates) {
  Json items = Json::array();
  for (api::SovereignRegion region : regions) {
    region.meta.uid.clear();  // an owner reference would name it
    if (const auto its = nodes.find(region.meta.key.name); its != nodes.end())
      items.push_back(rules::ParametersOf(region, its->second));
    for (auto& [name, policy, binding] : rules::PoliciesOf(region, context)) {
      items.push_back(std::move(policy));
      items.push_back(std::move(binding));
    }
    if (!mutates) continue;
    for (auto& [name, policy, binding] : rules::MutationsOf(region, context)) {
      items.push_back(std::move(policy));
      items.push_back(std::move(binding));
    }
  }
  const Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
  return list.dump(2) + "\n";
}

}  // namespace rempart::cli
