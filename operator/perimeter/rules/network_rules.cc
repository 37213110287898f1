// RP-50x: nothing in a region's namespaces leads out of it.
#include <fmt/format.h>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

constexpr char kClauses[] = "SecNumCloud 3.2: 12.14.a";

// Annotations by which clouds and balancers in the cluster are told which address, network, zone or account to take.
// service.kubernetes.io has others beside them, which mean nothing to a cloud.
constexpr char kBalancerAnnotation[] =
    R"(^service\.beta\.kubernetes\.io/|load-?balancer|^cloud\.google\.com/|^networking\.gke\.io/|^metallb\.|)"
    R"(^purelb\.io/|^kube-vip\.io/|^(io\.cilium/|lbipam\.cilium\.io/)|oraclecloud\.com/)";

// "a, b" of what may be named; "-" for nothing.
std::string ListOfNames(const std::vector<std::string>& names) {
  return names.empty() ? "-" : fmt::format("{}", fmt::join(names, ", "));
}

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
  const std::string classes = ListOfNames(network.load_balancer_classes);
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
  if (!network.load_balancer_classes.empty()) {  // without one there is no Service that could have such annotations
    const List allowed = Literal(network.load_balancer_annotations);
    const auto asks = [&](const Item& key) {
      return Matches(Lower(key.AsText()), kBalancerAnnotation) && !In(key.AsText(), allowed);
    };
    // Not by It(): what is not there is null to a variable, and has no keys.
    const List keys = KeysOf(Object()["metadata"]["annotations"].AsMap());
    table.push_back({.id = "RP-504",
                     .gate = Gate::kServices,
                     .variable = "annotations",
                     .subjects = {{{"metadata", "annotations"}}},
                     .texts = false,
                     .holds = Object()["spec"]["type"].AsText() != "LoadBalancer" || !Any(keys, asks),
                     .shown = Join(Filter(keys, asks), ", "),
                     .wrong = {"asks a load balancer for what the region does not name",
                               "demande à un répartiteur de charge ce que la région ne nomme pas"},
                     .fix = {"take it out, or have it named in spec.network.loadBalancerAnnotations of the region",
                             "retirez-la, ou faites-la nommer dans spec.network.loadBalancerAnnotations de la région"},
                     .clauses = kClauses});
  }
  if (network.ranges.empty()) return;
  const List ranges = Literal(network.ranges);
  const Sentence outside = {"is outside the region's ranges", "est hors des plages de la région"};
  const Sentence inside = {fmt::format("use addresses within {}", fmt::join(network.ranges, ", ")),
                           fmt::format("utilisez des adresses dans {}", fmt::join(network.ranges, ", "))};
  const auto in_range = [&](const Text& address) {
    return IsClusterController() || IsControllerManager() || InRange(address, ranges);
  };
  if (!network.load_balancer_classes.empty()) {
    table.push_back({.id = "RP-518",
                     .gate = Gate::kServices,
                     .variable = "loadBalancerIP",
                     .subjects = {{{"spec", "loadBalancerIP"}}},
                     .holds = it == "" || Object()["spec"]["type"].AsText() != "LoadBalancer" || InRange(it, ranges),
                     .shown = it,
                     .wrong = outside,
                     .fix = inside,
                     .clauses = kClauses});
  }
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

void AddEntryRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.network) return;
  const auto& network = *region.rules.network;
  const Text it = It().AsText();
  if (network.ingress_classes) {
    // The annotation is what named a class before the field was there, and controllers still read it. Both at once are
    // refused by the server when an Ingress is made, and not later on.
    const List classes = Literal(*network.ingress_classes);
    const Text old_name = Object()["metadata"]["annotations"]["kubernetes.io/ingress.class"].AsText();
    const std::string names = ListOfNames(*network.ingress_classes);
    table.push_back(
        {.id = "RP-510",
         .gate = Gate::kIngresses,
         .variable = "ingressClass",
         .subjects = {{{"spec", "ingressClassName"}}},
         .holds = (In(it, classes) || (it == "" && old_name != "")) && (old_name == "" || In(old_name, classes)),
         .shown = If(it == "", old_name, it),
         .wrong = {"is no ingress class of the region", "n'est pas une classe d'entrée de la région"},
         .fix = {"set spec.ingressClassName to one of: " + names, "donnez à spec.ingressClassName l'une de : " + names},
         .clauses = kClauses});
  }
  if (network.gateway_classes) {
    const std::string names = ListOfNames(*network.gateway_classes);
    table.push_back(
        {.id = "RP-511",
         .gate = Gate::kGateways,
         .variable = "gatewayClass",
         .subjects = {{{"spec", "gatewayClassName"}}},
         .holds = In(it, Literal(*network.gateway_classes)),
         .shown = it,
         .wrong = {"is no gateway class of the region", "n'est pas une classe de passerelle de la région"},
         .fix = {"set spec.gatewayClassName to one of: " + names, "donnez à spec.gatewayClassName l'une de : " + names},
         .clauses = kClauses});
  }
}

}  // namespace rempart::rules
