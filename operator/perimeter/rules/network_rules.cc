// RP-5xx: nothing in a region's namespaces leads out of it.
#include <fmt/format.h>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

constexpr char kClauses[] = "SecNumCloud 3.2: 12.14.a";

}  // namespace

void AddNetworkRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.network) return;
  const auto& network = *region.rules.network;
  const Text it = It().AsText();
  if (!network.allow_external_name) {
    table.push_back({.id = "RP-501",
                     .gate = Gate::kServices,
                     .variable = "serviceType",
                     .subjects = {{{"spec", "type"}}},
                     .holds = it != "ExternalName",
                     .shown = it,
                     .wrong = {"leads to a name outside the cluster", "mène à un nom hors de la grappe"},
                     .fix = {"use a Service with a selector", "utilisez un Service avec un sélecteur"},
                     .clauses = kClauses});
  }
  table.push_back({.id = "RP-502",
                   .gate = Gate::kServices,
                   .variable = "externalIPs",
                   .subjects = {{{"spec", "externalIPs", "*"}}},
                   .holds = Truth(false),
                   .shown = it,
                   .wrong = {"is an address that the Service takes for itself, wherever it belongs",
                             "est une adresse que le Service s'attribue, où qu'elle soit"},
                   .fix = {"take spec.externalIPs out", "retirez spec.externalIPs"},
                   .clauses = kClauses});
  const Text balancer = It()["loadBalancerClass"].AsText();
  const std::string classes =
      network.load_balancer_classes.empty() ? "-" : fmt::format("{}", fmt::join(network.load_balancer_classes, ", "));
  table.push_back(
      {.id = "RP-503",
       .gate = Gate::kServices,
       .variable = "service",
       .subjects = {{{"spec"}}},
       .texts = false,
       .holds = It()["type"].AsText() != "LoadBalancer" || In(balancer, Literal(network.load_balancer_classes)),
       .shown = balancer,
       .wrong = {"is no load balancer class of the region",
                 "n'est pas une classe de répartiteur de charge de la région"},
       .fix = {"set spec.loadBalancerClass to one of: " + classes,
               "donnez à spec.loadBalancerClass l'une de : " + classes},
       .clauses = kClauses});
  if (network.ranges.empty()) return;
  const List ranges = Literal(network.ranges);
  const Sentence outside = {"is outside the region's ranges", "est hors des plages de la région"};
  const Sentence inside = {fmt::format("use addresses within {}", fmt::join(network.ranges, ", ")),
                           fmt::format("utilisez des adresses dans {}", fmt::join(network.ranges, ", "))};
  const auto in_range = [&](const Text& address) { return IsClusterController() || InRange(address, ranges); };
  table.push_back(
      {.id = "RP-505",
       .gate = Gate::kEndpoints,
       .variable = "endpoints",
       .subjects = {{{"endpoints", "*"}}},
       .texts = false,
       .holds = All(It()["addresses"].AsList(), [&](const Item& address) { return in_range(address.AsText()); }),
       .shown = Join(It()["addresses"].AsList(), ", "),
       .wrong = outside,
       .fix = inside,
       .clauses = kClauses});
  const auto all_in_range = [&](std::string_view list) {
    return All(It()[list].AsList(), [&](const Item& address) { return in_range(address["ip"].AsText()); });
  };
  table.push_back({.id = "RP-506",
                   .gate = Gate::kEndpoints,
                   .variable = "subsets",
                   .subjects = {{{"subsets", "*"}}},
                   .texts = false,
                   .holds = all_in_range("addresses") && all_in_range("notReadyAddresses"),
                   .shown = Join(MapEach(It()["addresses"].AsList() + It()["notReadyAddresses"].AsList(),
                                         [](const Item& address) { return address["ip"].AsText(); }),
                                 ", "),
                   .wrong = outside,
                   .fix = inside,
                   .clauses = kClauses});
}

}  // namespace rempart::rules
