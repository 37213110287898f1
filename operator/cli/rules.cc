#include "operator/cli/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "operator/cli/judged_objects.h"
#include "operator/perimeter/rules/cel.h"
#include "operator/perimeter/rules/judge.h"
#include "operator/perimeter/rules/message.h"
#include "operator/perimeter/rules/rule.h"
#include "src/kube/label_selector.h"

namespace rempart::cli {
namespace {

constexpr char kOperator[] = "<operator>";  // nobody's name

// One that asks for every rule, so that all can be explained without a cluster. What a real region names is in <> here,
// but for a provider, of which the rules know the address.
api::SovereignRegion Everything() {
  api::SovereignRegion region;
  region.meta.key.name = "<region>";
  auto& rules = region.rules;
  rules.images = api::RegionRules::Images{};
  rules.images->registries = {"<registry>"};
  rules.images->require_release = true;
  rules.storage = {{"<class>"}};
  rules.storage->snapshot_classes = std::vector<std::string>{"<class>"};
  rules.network = api::RegionRules::Network{};
  rules.network->load_balancer_classes = {"<class>"};
  rules.network->ranges = {"<range>"};
  rules.network->egress.emplace();
  rules.network->ingress_classes = rules.network->gateway_classes = std::vector<std::string>{"<class>"};
  rules.storage->provisioners = {"<provisioner>"};
  region.locations = {{"<location>", {"<zone>"}, region.country, ""}};
  rules.keys = api::RegionRules::Keys{};
  rules.keys->allowed_stores = {"<store>"};
  rules.keys->providers = {{"vault", {"<address>"}}};
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
    Judged{"crd.projectcalico.org", "NetworkSet", rules::Gate::kPolicies},
    Judged{"projectcalico.org", "NetworkSet", rules::Gate::kPolicies},
    Judged{"networking.k8s.io", "Ingress", rules::Gate::kIngresses},
    Judged{"gateway.networking.k8s.io", "Gateway", rules::Gate::kGateways},
    Judged{"gateway.networking.k8s.io", "HTTPRoute", rules::Gate::kRoutes},
    Judged{"gateway.networking.k8s.io", "GRPCRoute", rules::Gate::kRoutes},
    Judged{"gateway.networking.k8s.io", "TLSRoute", rules::Gate::kRoutes},
    Judged{"gateway.networking.k8s.io", "TCPRoute", rules::Gate::kRoutes},
    Judged{"gateway.networking.k8s.io", "UDPRoute", rules::Gate::kRoutes},
    Judged{"storage.k8s.io", "StorageClass", rules::Gate::kClasses},
    Judged{"", "PersistentVolume", rules::Gate::kVolumes},
    Judged{"external-secrets.io", "SecretStore", rules::Gate::kStores},
    Judged{"external-secrets.io", "ClusterSecretStore", rules::Gate::kClusterStores},
    Judged{"external-secrets.io", "ExternalSecret", rules::Gate::kStores},
    Judged{"external-secrets.io", "PushSecret", rules::Gate::kStores},
    Judged{"snapshot.storage.k8s.io", "VolumeSnapshot", rules::Gate::kSnapshots},
};

// Rules that pass the operator or the cluster's own controllers alone, so that it does not matter who else asks. The
// others ask whom the region lists.
struct Operators {
  std::string_view group, kind;
  rules::Gate gate;
  std::string_view rule, field;
};
constexpr std::array kOperators = {
    Operators{"", "Node", rules::Gate::kNodes, "RP-201",
              "metadata.labels[rempart.node-restriction.kubernetes.io/region]"},
    Operators{"", "PersistentVolumeClaim", rules::Gate::kClaims, "RP-405",
              "metadata.annotations[pv.kubernetes.io/bind-completed]"},
    Operators{"networking.k8s.io", "NetworkPolicy", rules::Gate::kGuards, "RP-507", "metadata.name"},
    Operators{"", "Namespace", rules::Gate::kNamespace, "RP-705", "metadata.labels"},
};

std::string_view GroupOf(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == api_version.npos ? std::string_view() : api_version.substr(0, slash);
}

// The entry of a table for this kind; null for none.
template <class Table>
const typename Table::value_type* Entry(const Table& table, std::string_view group, std::string_view kind) {
  const auto found = std::ranges::find_if(table, [&](const auto& of) { return of.group == group && of.kind == kind; });
  return found == table.end() ? nullptr : &*found;
}

rules::RuleContext As(const char* user, rules::RuleContext context) {
  context.operator_user = user;
  return context;
}

// A region's rules, made ready to judge many objects.
class RegionJudge {
 public:
  static Result<std::shared_ptr<const RegionJudge>> Of(const api::SovereignRegion& region,
                                                       const JudgeSettings& settings) {
    auto namespaces = kube::LabelSelector::Of(rules::NamespaceSelectorOf(region, settings.context));
    if (!namespaces) return Fail(std::move(namespaces.error()).While("spec.namespaceSelector"));
    return std::shared_ptr<const RegionJudge>(new RegionJudge(region, settings, *std::move(namespaces)));
  }

  std::optional<std::vector<Violation>> Judge(const Json& object) const {
    const std::string api_version = object.value("apiVersion", ""), kind = object.value("kind", "");
    const std::string_view group = GroupOf(api_version);
    std::optional<std::vector<Violation>> violations;
    const bool of_workload = api_version == kPlacedPods && kind == "Pod";
    const Judged* judged = Entry(kJudged, of_workload ? "" : group, kind);
    if (judged != nullptr && Has(judged->gate)) {
      violations.emplace();
      const bool placed =
          of_workload || (selector_is_added_ && judged->gate == rules::Gate::kPods && rules::IsGivenSelector(object));
      for (auto& [rule, field, message] : rules::Judge(placed ? of_placed_pods_ : all_, language_, parameters_,
                                                       {judged->gate, &object, nullptr, nullptr}))
        violations->push_back({std::move(rule), std::move(field), std::move(message)});
    }
    const Operators* operators = Entry(kOperators, group, kind);
    if (operators == nullptr) return violations;
    const auto its = of_operators_.find(operators->rule);
    if (its == of_operators_.end()) return violations;
    if (!violations) violations.emplace();
    if (!IsOurs(operators->gate, object)) return violations;
    static const Json kByNobody = {{"operation", "CREATE"},
                                   {"userInfo", {{"username", ""}, {"groups", Json::array()}}}};
    for (auto& [rule, field, message] :
         rules::Judge(its->second, language_, parameters_, {operators->gate, &object, nullptr, &kByNobody}))
      violations->push_back({std::move(rule), std::string(operators->field), std::move(message)});
    return violations;
  }

 private:
  RegionJudge(const api::SovereignRegion& region, const JudgeSettings& settings, kube::LabelSelector namespaces)
      : region_(region.meta.key.name),
        language_(region.rules.language),
        all_(rules::RulesOf(region, As(kOperator, settings.context.rules))),
        parameters_(rules::ParametersOf(region, settings.nodes)),
        selector_is_added_(settings.mutates && rules::MutationOf(region, settings.context).has_value()),
        namespaces_(std::move(namespaces)) {
    std::ranges::copy_if(all_, std::back_inserter(of_placed_pods_),
                         [](const rules::Rule& rule) { return rule.id != rules::kSelectorRule; });
    for (const rules::Rule& rule : all_)
      if (std::ranges::find(kOperators, rule.id, &Operators::rule) != kOperators.end())
        of_operators_[rule.id].push_back(rule);
  }

  // Whether a rule is there that a manifest alone can be judged by.
  bool Has(rules::Gate gate) const {
    return std::ranges::any_of(all_, [gate](const auto& rule) { return rule.gate == gate && !rule.needs_request; });
  }

  // What a policy's binding selects by the labels of the object itself.
  bool IsOurs(rules::Gate gate, const Json& object) const {
    kube::Labels labels = LabelsOf(object);
    if (gate == rules::Gate::kNodes) {
      const auto at = labels.find(api::kNodeRegionLabel);
      return at != labels.end() && at->second == region_;
    }
    if (gate != rules::Gate::kNamespace) return true;
    const auto name = object.value("/metadata/name"_json_pointer, Json());
    if (name.is_string()) labels[rules::kNamespaceName] = name.get<std::string>();  // as the server does
    return namespaces_.Matches(labels);
  }

  const std::string region_;
  const api::RegionRules::Language language_;
  const std::vector<rules::Rule> all_;
  std::vector<rules::Rule> of_placed_pods_;  // those that are given the region's node selector
  std::map<std::string, std::vector<rules::Rule>, std::less<>> of_operators_;  // of kOperators, by id
  const Json parameters_;
  const bool selector_is_added_;
  const kube::LabelSelector namespaces_;
};

}  // namespace

Result<Judge> JudgeBy(const api::SovereignRegion& region, const JudgeSettings& settings) {
  const auto cannot = [&](const std::string& why) {
    return Fail(Error::Invalid(fmt::format("SovereignRegion {} cannot be used: {}", region.meta.key.name, why)));
  };
  if (!region.Usable()) return cannot(region.invalid);
  auto judge = RegionJudge::Of(region, settings);
  if (!judge) return cannot(judge.error().message);
  return [judge = *std::move(judge)](const Json& object) { return judge->Judge(object); };
}

std::vector<RuleText> RuleTexts(const std::vector<api::SovereignRegion>& regions, const RegionPlaces& places) {
  using Language = api::RegionRules::Language;
  const auto is_french = [](const auto& region) { return region.rules.language == Language::kFrench; };
  const bool french = !regions.empty() && std::ranges::all_of(regions, is_french);
  const api::SovereignRegion region = regions.size() == 1 ? regions.front() : Everything();
  const auto all = rules::RulesOf(region, ContextOf(region, places, {{kOperator}, ""}).rules);
  std::vector<RuleText> texts;
  for (const auto& rule : all) {
    const auto language = french ? Language::kFrench : Language::kEnglish;
    texts.push_back({rule.id, french ? rule.wrong.fr : rule.wrong.en,
                     fmt::format("{} ({})", french ? rule.fix.fr : rule.fix.en, rule.clauses),
                     rules::FindingOf(rule, language, "")});
  }
  return texts;
}

Result<std::string> ExplainRule(std::string_view id) {
  const auto all = rules::RulesOf(Everything(), {kOperator});
  const auto found = std::ranges::find(all, Upper(id), &rules::Rule::id);
  if (found == all.end()) {
    std::string ids;
    for (const auto& rule : all) ids += (ids.empty() ? "" : ", ") + rule.id;
    return Fail(Error::NotFound(fmt::format("there is no rule \"{}\": name one of {}", id, ids)));
  }
  const auto& requests = rules::RequestsOf(found->gate);
  std::string resources, fields;
  for (const auto& [group, versions, names] : requests.resources)
    for (const std::string_view name : names) {  // as kubectl has it: sovereignregions.rempart.dev/status
      const auto slash = std::min(name.find('/'), name.size());
      resources += fmt::format("{}{}{}{}{}", resources.empty() ? "" : ", ", name.substr(0, slash),
                               group.empty() ? "" : ".", group, name.substr(slash));
    }
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
                          const RegionPlaces& places, const rules::PolicyContext& context, bool mutates) {
  Json items = Json::array();
  for (api::SovereignRegion region : regions) {
    rules::PolicyContext its_context = ContextOf(region, places, context);
    its_context.rules.other_regions = OthersHaveNodes(region, regions, nodes);
    region.meta.uid.clear();  // an owner reference would name it
    if (const auto its = nodes.find(region.meta.key.name); its != nodes.end())
      items.push_back(rules::ParametersOf(region, its->second));
    for (auto& [name, policy, binding] : rules::PoliciesOf(region, its_context)) {
      items.push_back(std::move(policy));
      items.push_back(std::move(binding));
    }
    if (!mutates) continue;
    for (auto& [name, policy, binding] : rules::MutationsOf(region, its_context)) {
      items.push_back(std::move(policy));
      items.push_back(std::move(binding));
    }
  }
  const Json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
  return list.dump(2) + "\n";
}

}  // namespace rempart::cli
