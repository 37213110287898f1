// RP-507 to RP-509, RP-517: what pods may send to. The operator keeps a default-deny NetworkPolicy in each namespace,
// see guard_plan.h. Policies of a namespace add up, so whoever may write a second one could open what the first one
// shuts.
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "operator/perimeter/rules/table.h"
#include "src/base/json.h"

namespace rempart::rules {
namespace {

constexpr char kClauses[] = "SecNumCloud 3.2: 12.14.a, 13.2";

// The labels that make a namespace the region's; nothing where its selector asks for more than equal labels.
std::optional<std::map<std::string, std::string>> LabelsOfNamespaces(const api::SovereignRegion& region) {
  std::map<std::string, std::string> labels;
  const auto selector = ParseJson(region.rules.namespace_selector.empty() ? "{}" : region.rules.namespace_selector);
  if (!selector || !selector->is_object()) return std::nullopt;
  if (const auto more = selector->find("matchExpressions"); more != selector->end() && !more->empty())
    return std::nullopt;
  if (const auto equal = selector->find("matchLabels"); equal != selector->end() && equal->is_object())
    for (const auto& [key, value] : equal->items())
      labels[key] = value.is_string() ? value.get<std::string>() : std::string();
  if (labels.empty()) labels[std::string(api::kRegionLabel)] = region.meta.key.name;
  return labels;
}

// The ranges that a tenant's policy may open: those that are open at any port.
List OpenRanges(const api::SovereignRegion& region) {
  std::vector<std::string> open;
  for (const auto& egress : *region.rules.network->egress)
    if (egress.ports.empty()) open.push_back(egress.cidr);
  return Literal(open);
}

// A member of a NetworkPolicy's `to` that stays within the region.
Bool StaysInside(const Item& peer, const api::SovereignRegion& region) {
  const Item pods = peer["podSelector"], namespaces = peer["namespaceSelector"], block = peer["ipBlock"];
  const auto named = [&](std::string_view key, std::string_view value) {
    const Item label = namespaces["matchLabels"][key];
    return label.Present() && label.AsText() == value;  // a value may be empty, which an absent one is not
  };
  Bool in_namespaces =
      named("kubernetes.io/metadata.name", "kube-system") && pods["matchLabels"]["k8s-app"].AsText() == "kube-dns";
  if (const auto labels = LabelsOfNamespaces(region)) {
    Bool of_region = Truth(true);
    for (const auto& [key, value] : *labels) of_region = of_region && named(key, value);
    in_namespaces = in_namespaces || of_region;
  }
  return (block.Present() && RangeWithin(block["cidr"].AsText(), OpenRanges(region))) ||
         (!block.Present() && namespaces.Present() && in_namespaces) ||
         (!block.Present() && !namespaces.Present() && pods.Present());
}

}  // namespace

void AddEgressRules(const api::SovereignRegion& region, const RuleContext& context, Table& table) {
  if (!region.rules.network || !region.rules.network->egress) return;
  // Who takes down what is in a namespace that goes: not every cluster gives its controllers accounts of their own, and
  // a namespace that they cannot empty would be there for ever. A tenant's pods may outlive its namespace's deletion
  // for as long as their grace period, so nobody else is let through. Only the server knows of the namespace: to the
  // evaluator it is an error, and so no.
  const Bool in_namespace_that_goes =
      IsDeletion() && IsClusterAdmin() && Variable("namespaceObject")["status"]["phase"].AsText() == "Terminating";
  table.push_back({.id = "RP-507",
                   .gate = Gate::kGuards,
                   .holds = NameOfTheObject() != api::kDefaultDenyName || IsUser(context.operator_user) ||
                            IsClusterController() || IsControllerManager() || in_namespace_that_goes,
                   .wrong = {"only the operator writes the network policy rempart-default-deny",
                             "seul l'opérateur écrit la règle réseau rempart-default-deny"},
                   .fix = {"declare what pods may send to in spec.network.egress of the region",
                           "déclarez ce que les pods peuvent joindre dans spec.network.egress de la région"},
                   .clauses = kClauses,
                   .needs_request = true});
  const List to = It()["to"].AsList();
  table.push_back(
      {.id = "RP-508",
       .gate = Gate::kPolicies,
       // `specs` are Cilium's, whose rules have no `to`, and so name nothing that could be looked at.
       .subjects = {{{"spec", "egress", "*"}}, {{"specs", "*"}}},
       .texts = false,
       // Of other policies nobody knows what a peer means where it has members of their own beside those that are
       // looked at. The first is the operator's own, which RP-507 keeps; other kinds have no such object.
       .holds = Object()["apiVersion"].AsText() == "networking.k8s.io/v1" &&
                (Object()["metadata"]["name"].AsText() == api::kDefaultDenyName ||
                 (!IsEmpty(to) && All(to, [&](const Item& peer) { return StaysInside(peer, region); }))),
       .shown = Join(MapEach(Filter(to, [](const Item& peer) { return peer["ipBlock"].Present(); }),
                             [](const Item& peer) { return peer["ipBlock"]["cidr"].AsText(); }),
                     ", "),
       .wrong = {"opens more than the region declares", "ouvre plus que la région ne déclare"},
       .fix = {"in a NetworkPolicy of Kubernetes, under `to`, name pods of the namespace, namespaces of the region by "
               "its label, kube-dns, or addresses within a range of spec.network.egress that is declared without ports",
               "dans une NetworkPolicy de Kubernetes, sous `to`, désignez des pods de l'espace de noms, des espaces de "
               "la région par son étiquette, kube-dns, ou des adresses d'une plage de spec.network.egress déclarée "
               "sans ports"},
       .clauses = kClauses});
  // Calico's selectors find sets by their labels as they find pods: one may be among the pods of the namespace, to
  // which the operator's own policy lets pods send.
  const Text it = It().AsText();
  const List open = OpenRanges(region);
  table.push_back(
      {.id = "RP-509",
       .gate = Gate::kPolicies,
       .subjects = {{{"spec", "nets", "*"}}, {{"spec", "allowedEgressDomains", "*"}}},
       .holds = RangeWithin(it, open) || InRange(it, open),
       .shown = it,
       .wrong = {"is not open to the region's pods, and policies would take it for one of them",
                 "n'est pas ouvert aux pods de la région, et les règles réseau le prendraient pour l'un d'eux"},
       .fix = {"name addresses within a range of spec.network.egress that is declared without ports",
               "désignez des adresses d'une plage de spec.network.egress déclarée sans ports"},
       .clauses = kClauses});
  table.push_back(
      {.id = "RP-517",
       .gate = Gate::kPods,
       .subjects = {{{"metadata", "annotations", std::string(kPodNetworks)}},
                    {{"metadata", "annotations", std::string(kPodDefaultNetwork)}}},
       .holds = it == "" || In(it, Literal(region.rules.network->pod_networks)),
       .shown = it,
       .wrong = {"is a network to which the region's network policies do not apply",
                 "est un réseau auquel les règles réseau de la région ne s'appliquent pas"},
       .fix = {"take the annotation out, or have its text named in spec.network.podNetworks of the region",
               "retirez l'annotation, ou faites nommer son texte dans spec.network.podNetworks de la région"},
       .clauses = kClauses});
}

}  // namespace rempart::rules
