// RP-7xx: who may change the perimeter itself, and who may step into a pod. Each only where the region lists who: an
// empty list leaves the matter to RBAC.
#include <nlohmann/json.hpp>
#include <set>

#include "operator/perimeter/rules/table.h"
#include "src/base/json.h"

namespace rempart::rules {
namespace {

constexpr char kAdministrators[] = "SecNumCloud 3.2: 9.7.d";

// The labels that say whether a namespace is the region's.
std::set<std::string> SelectorKeys(const api::SovereignRegion& region) {
  std::set<std::string> keys;
  const auto selector = ParseJson(region.rules.namespace_selector.empty() ? "{}" : region.rules.namespace_selector);
  if (selector && selector->is_object()) {
    if (const auto labels = selector->find("matchLabels"); labels != selector->end() && labels->is_object())
      for (const auto& [key, value] : labels->items()) keys.insert(key);
    if (const auto list = selector->find("matchExpressions"); list != selector->end() && list->is_array())
      for (const Json& expression : *list)
        if (expression.is_object() && expression.contains("key") && expression["key"].is_string())
          keys.insert(expression["key"].get<std::string>());
  }
  if (keys.empty()) keys.insert(std::string(api::kRegionLabel));
  return keys;
}

// An update that leaves the labels alone that say whether a namespace is the region's.
Bool KeepsItsPlace(const api::SovereignRegion& region) {
  Bool keeps = Request()["operation"].AsText() == "UPDATE";
  for (const std::string& key : SelectorKeys(region)) {  // one that is there and empty is not one that is absent
    const Item now = Object()["metadata"]["labels"][std::string_view(key)];
    const Item before = OldObject()["metadata"]["labels"][std::string_view(key)];
    keeps = keeps && now.AsText() == before.AsText() &&
            ((now.Present() && before.Present()) || (!now.Present() && !before.Present()));
  }
  return keeps;
}

// Between a weaker label and the operator that puts it back, a pod could get in.
void AddPodSecurityRule(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  using PodSecurity = api::RegionRules::PodSecurity;
  if (region.rules.pod_security == PodSecurity::kUnmanaged) return;
  const bool baseline = region.rules.pod_security == PodSecurity::kBaseline;
  const auto label = [](const Item& of, std::string_view key) { return of["metadata"]["labels"][key].AsText(); };
  constexpr std::string_view kLevel = "pod-security.kubernetes.io/enforce";
  constexpr std::string_view kVersion = "pod-security.kubernetes.io/enforce-version";
  const Text operation = Request()["operation"].AsText();
  const auto untouched = [&](std::string_view key) {
    return operation == "UPDATE" && label(Object(), key) == label(OldObject(), key);
  };
  std::vector<std::string> levels = {"restricted"};
  if (baseline) levels.emplace_back("baseline");
  const Text level = label(Object(), kLevel), version = label(Object(), kVersion);
  table.push_back({.id = "RP-705",
                   .gate = Gate::kNamespace,
                   .holds = IsUser(context.operator_user) ||
                            ((untouched(kLevel) || In(level, Literal(levels)) ||
                              // Where the server has no mutation that sets it, the operator does in a moment.
                              (operation == "CREATE" && level == "")) &&
                             (untouched(kVersion) || version == "" || version == "latest")),
                   .wrong = {"would let pods do more than the region's level of Pod Security",
                             "laisserait les pods faire plus que le niveau de Pod Security de la région"},
                   .fix = {baseline ? "set pod-security.kubernetes.io/enforce to baseline or restricted"
                                    : "set pod-security.kubernetes.io/enforce to restricted",
                           baseline ? "donnez à pod-security.kubernetes.io/enforce la valeur baseline ou restricted"
                                    : "donnez à pod-security.kubernetes.io/enforce la valeur restricted"},
                   .clauses = kAdministrators,
                   .needs_request = true});
}

// An update of a node that concerns the region: it is one of its own, or its labels say so before or after. Which
// places a region has that goes by a profile is not known here: all nodes concern it.
Bool Concerns(const api::SovereignRegion& region) {
  std::vector<std::string> places;
  places.reserve(region.locations.size());
  for (const auto& location : region.locations) places.push_back(location.region);
  if (places.empty()) return Truth(true);
  Bool concerns = Truth(false);
  for (const Item& node : {Object(), OldObject()}) {
    const Item labels = node["metadata"]["labels"];
    concerns = concerns || labels[api::kNodeRegionLabel].AsText() == std::string_view(region.meta.key.name) ||
               In(labels[api::kTopologyRegion].AsText(), Literal(places)) ||
               In(labels[api::kLegacyTopologyRegion].AsText(), Literal(places));
  }
  return concerns;
}

// Its own SovereignRegion and PerimeterParameters, and the profile that says where its nodes may be.
Bool IsOfThePerimeter(const api::SovereignRegion& region) {
  const Text kind = If(IsDeletion(), OldObject()["kind"].AsText(), Object()["kind"].AsText());
  return NameOfTheObject() == If(kind == "HostingProfile", Literal(region.profile), Literal(region.meta.key.name));
}

}  // namespace

void AddControlRules(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  const auto& access = region.rules.access;
  const Text operation = Request()["operation"].AsText();
  const Text user = Request()["userInfo"]["username"].AsText();
  if (!access.admins.empty()) {
    const Bool is_trusted = IsUser(context.operator_user) || IsClusterAdmin() || IsOneOf(access.admins);
    table.push_back({.id = "RP-701",
                     .gate = Gate::kNamespace,
                     .holds = is_trusted || KeepsItsPlace(region),
                     .wrong = {"only the region's admins move a namespace in or out",
                               "seuls les administrateurs de la région y font entrer ou sortir un espace de noms"},
                     .fix = AskOneOf(access.admins),
                     .clauses = kAdministrators,
                     .needs_request = true});
    table.push_back({.id = "RP-702",
                     .gate = Gate::kRempart,
                     .holds = !IsOfThePerimeter(region) || is_trusted || IsClusterController() || IsControllerManager(),
                     .wrong = {"only the region's admins change what makes the perimeter",
                               "seuls les administrateurs de la région changent ce qui fait le périmètre"},
                     .fix = AskOneOf(access.admins),
                     .clauses = kAdministrators,
                     .needs_request = true});
  }
  AddPodSecurityRule(region, context, table);
  if (!access.exec.empty()) {
    const Bool may_exec = IsOneOf(access.exec);
    const Sentence wrong = {"only those whom the region lists step into a pod",
                            "seuls ceux que la région désigne entrent dans un pod"};
    table.push_back({.id = "RP-703",
                     .gate = Gate::kAccess,
                     .holds = may_exec,
                     .wrong = wrong,
                     .fix = AskOneOf(access.exec),
                     .clauses = kAdministrators,
                     .needs_request = true});
    table.push_back({.id = "RP-704",
                     .gate = Gate::kPods,
                     .holds = Request()["subResource"].AsText() != "ephemeralcontainers" || may_exec,
                     .wrong = wrong,
                     .fix = AskOneOf(access.exec),
                     .clauses = kAdministrators,
                     .needs_request = true});
  }
  if (!access.node_identity.empty()) {
    const auto same = [](std::string_view label) {
      return Object()["metadata"]["labels"][label].AsText() == OldObject()["metadata"]["labels"][label].AsText();
    };
    Bool stays = same(api::kTopologyRegion) && same(api::kTopologyZone) && same(api::kLegacyTopologyRegion) &&
                 same(api::kLegacyTopologyZone) &&
                 Object()["spec"]["providerID"].AsText() == OldObject()["spec"]["providerID"].AsText();
    if (context.places)
      for (const std::string& label : context.places->labels) stays = stays && same(label);
    table.push_back(
        {.id = "RP-202",
         .gate = Gate::kNodes,
         .holds = operation == "CREATE" || stays || IsOneOf(access.node_identity) || !Concerns(region),
         .wrong =
             {"a node's location, provider id and the labels that its profile requires are changed only by those "
              "whom the region lists",
              "l'emplacement, l'identifiant et les étiquettes requises par le profil d'un nœud ne sont changés que "
              "par ceux que la région désigne"},
         .fix = AskOneOf(access.node_identity),
         .clauses = "SecNumCloud 3.2: 19.2.b",
         .needs_request = true});
  }
}

}  // namespace rempart::rules
