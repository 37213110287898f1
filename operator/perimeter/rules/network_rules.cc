// RP-50x: nothing in a region's namespaces leads out of it.
#include <fmt/format.h>

#include <functional>

#include "operator/perimeter/rules/table.h"

namespace rempart::rules {
namespace {

constexpr char kClauses[] = "SecNumCloud 3.2: 12.14.a";

// Annotations by which clouds and balancers in the cluster are told which address, network, zone or account to take.
// service.kubernetes.io has others beside them, which mean nothing to a cloud.
constexpr char kBalancerAnnotation[] =
    R"(^service\.beta\.kubernetes\.io/|load-?balancer|^cloud\.google\.com/|^networking\.gke\.io/|^metallb\.|)"
    R"(^purelb\.io/|^kube-vip\.io/|^(io\.cilium/|lbipam\.cilium\.io/)|oraclecloud\.com/)";

// Annotations by which an ingress controller is told to send requests, copies of them, their headers or its log to
// somewhere else than the backends, to ask somebody else about them, or to take configuration as it is: those of
// ingress-nginx, NGINX, HAProxy's two, Traefik, Kong, APISIX, Skipper, Emissary, Azure's and AWS's controllers, and
// external-dns. A redirection to the same host by https is none of them.
constexpr char kIngressAnnotation[] =
    R"(snippet|/(mirror-|auth-(url|uri|signin$)|oauth|proxy-redirect-|config-(backend|frontend|tcp)|)"
    R"(router\.middlewares|actions\.|conditions\.)|/((permanent|temporal|request|http)-redirect|)"
    R"(redirect-(to|regex|replacement)|upstream-vhost|set-host|backend-hostname|host-header|auth-tls-error-page|)"
    R"(svc-namespace|plugin-config-name)$|login-url$|log-destination|^external-dns\.[^/]*/target$|)"
    R"(^(konghq\.com/(plugins|override)|getambassador\.io/config|zalando\.org/skipper-(filter|routes)|)"
    R"(alb\.ingress\.kubernetes\.io/auth-))";

const Sentence kAsksBalancer = {"asks a load balancer for what the region does not name",
                                "demande à un répartiteur de charge ce que la région ne nomme pas"};
const Sentence kNameAnnotation = {
    "take it out, or have it named in spec.network.loadBalancerAnnotations of the region",
    "retirez-la, ou faites-la nommer dans spec.network.loadBalancerAnnotations de la région"};
const Sentence kNoService = {"is a backend that is no Service", "est une destination qui n'est pas un Service"};

// Of the key of an annotation: whether the pattern finds it, in any case of letters, and it is not allowed.
std::function<Bool(const Item&)> Asks(std::string_view pattern, const std::vector<std::string>& allowed) {
  return [pattern, list = Literal(allowed)](const Item& key) {
    return Matches(Lower(key.AsText()), pattern) && !In(key.AsText(), list);
  };
}

}  // namespace

void AddNetworkRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.network) return;
  const auto& network = *region.rules.network;
  const Text it = It().AsText();
  if (!network.allow_external_name) {
    table.push_back({.id = "RP-501",
                     .gate = Gate::kServices,
                     .subjects = {{{"spec", "type"}}},
                     .holds = it != "ExternalName",
                     .shown = it,
                     .wrong = {"leads to a name outside the cluster", "mène à un nom hors de la grappe"},
                     .fix = {"use a Service with a selector", "utilisez un Service avec un sélecteur"},
                     .clauses = kClauses});
  }
  table.push_back({.id = "RP-502",
                   .gate = Gate::kServices,
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
    const auto asks = Asks(kBalancerAnnotation, network.load_balancer_annotations);
    const List keys = KeysOf(It().AsMap());
    table.push_back({.id = "RP-504",
                     .gate = Gate::kServices,
                     .subjects = {{{"metadata", "annotations"}}},
                     .texts = false,
                     .holds = Object()["spec"]["type"].AsText() != "LoadBalancer" || !Any(keys, asks),
                     .shown = Join(Filter(keys, asks), ", "),
                     .wrong = kAsksBalancer,
                     .fix = kNameAnnotation,
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
       .subjects = {{.path = {"endpoints", "*"}, .nullable = true}},  // a Service without a pod has none
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

namespace {

void AddIngressRules(const api::RegionRules::Network& network, Table& table) {
  // The annotation is what named a class before the field was there, and controllers still read it. Both at once are
  // refused by the server when an Ingress is made, and not later on.
  const Text it = It().AsText();
  const List classes = Literal(*network.ingress_classes);
  const Text old_name = Object()["metadata"]["annotations"]["kubernetes.io/ingress.class"].AsText();
  const std::string names = ListOfNames(*network.ingress_classes);
  table.push_back(
      {.id = "RP-510",
       .gate = Gate::kIngresses,
       .subjects = {{{"spec", "ingressClassName"}}},
       .holds = (In(it, classes) || (it == "" && old_name != "")) && (old_name == "" || In(old_name, classes)),
       .shown = If(it == "", old_name, it),
       .wrong = {"is no ingress class of the region", "n'est pas une classe d'entrée de la région"},
       .fix = {"set spec.ingressClassName to one of: " + names, "donnez à spec.ingressClassName l'une de : " + names},
       .clauses = kClauses});
  if (network.ingress_classes->empty()) return;  // there is no Ingress that could have the following
  const auto leads_away = Asks(kIngressAnnotation, network.ingress_annotations);
  const auto asks_balancer = Asks(kBalancerAnnotation, network.ingress_annotations);
  const auto asks = [&](const Item& key) { return leads_away(key) || asks_balancer(key); };
  const List keys = KeysOf(It().AsMap());
  table.push_back({.id = "RP-514",
                   .gate = Gate::kIngresses,
                   .subjects = {{{"metadata", "annotations"}}},
                   .texts = false,
                   .holds = !Any(keys, asks),
                   .shown = Join(Filter(keys, asks), ", "),
                   .wrong = {"may send traffic elsewhere, or let somebody else decide on it",
                             "peut envoyer du trafic ailleurs, ou en laisser décider un autre"},
                   .fix = {"take it out, or have it named in spec.network.ingressAnnotations of the region",
                           "retirez-la, ou faites-la nommer dans spec.network.ingressAnnotations de la région"},
                   .clauses = kClauses});
  // A backend by itself, or a rule with paths, each of which has one.
  const auto is_resource = [](const Item& backend) { return backend["resource"].Present(); };
  const auto of_path = [&](const Item& path) { return is_resource(path["backend"]); };
  const List paths = It()["http"]["paths"].AsList();
  table.push_back(
      {.id = "RP-515",
       .gate = Gate::kIngresses,
       .subjects = {{{"spec", "defaultBackend"}}, {{"spec", "rules", "*"}}},
       .texts = false,
       .holds = !is_resource(It()) && !Any(paths, of_path),
       .shown = If(is_resource(It()), It()["resource"]["kind"].AsText(),
                   Join(MapEach(Filter(paths, of_path),
                                [](const Item& path) { return path["backend"]["resource"]["kind"].AsText(); }),
                        ", ")),
       .wrong = kNoService,
       .fix = {"name a Service under backend.service", "désignez un Service sous backend.service"},
       .clauses = kClauses});
}

void AddGatewayRules(const api::RegionRules::Network& network, Table& table) {
  const Text it = It().AsText();
  const std::string names = ListOfNames(*network.gateway_classes);
  table.push_back(
      {.id = "RP-511",
       .gate = Gate::kGateways,
       .subjects = {{{"spec", "gatewayClassName"}}},
       .holds = In(it, Literal(*network.gateway_classes)),
       .shown = it,
       .wrong = {"is no gateway class of the region", "n'est pas une classe de passerelle de la région"},
       .fix = {"set spec.gatewayClassName to one of: " + names, "donnez à spec.gatewayClassName l'une de : " + names},
       .clauses = kClauses});
  if (network.gateway_classes->empty()) return;  // there is no Gateway that could have the following
  const Bool has_parameters = It()["infrastructure"]["parametersRef"].Present();
  table.push_back(
      {.id = "RP-512",
       .gate = Gate::kGateways,
       .subjects = {{{"spec"}}},
       .texts = false,
       .holds = !has_parameters && IsEmpty(It()["addresses"].AsList()),
       .shown = If(has_parameters, Literal("infrastructure.parametersRef"), Literal("addresses")),
       .wrong = {"chooses a proxy or addresses that the region does not know",
                 "choisit un mandataire ou des adresses que la région ne connaît pas"},
       .fix = {"take spec.infrastructure.parametersRef and spec.addresses out: the gateway class says what they are",
               "retirez spec.infrastructure.parametersRef et spec.addresses : la classe de passerelle les fixe"},
       .clauses = kClauses});
  // Some controllers take the Gateway's own annotations along to what they make of it.
  const auto asks = Asks(kBalancerAnnotation, network.load_balancer_annotations);
  const List keys = KeysOf(It()["annotations"].AsMap());
  table.push_back({.id = "RP-513",
                   .gate = Gate::kGateways,
                   .subjects = {{{"metadata"}}, {{"spec", "infrastructure"}}},
                   .texts = false,
                   .holds = !Any(keys, asks),
                   .shown = Join(Filter(keys, asks), ", "),
                   .wrong = kAsksBalancer,
                   .fix = kNameAnnotation,
                   .clauses = kClauses});
}

// What a route's rule sends to, and what its filters, and those of each of these, send copies and questions to.
void AddRouteRule(Table& table) {
  const auto named_by_filters = [](const Item& of) {
    const auto backends = [&](std::string_view filter) {
      return MapEach(of["filters"].AsList(), [&](const Item& one) { return one[filter]["backendRef"]; });
    };
    return backends("requestMirror") + backends("externalAuth");
  };
  const auto is_service = [](const Item& backend) {  // one that is absent is what a filter of another type has
    return backend["group"].AsText() == "" && (backend["kind"].AsText() == "" || backend["kind"].AsText() == "Service");
  };
  const List backends = It()["backendRefs"].AsList() + named_by_filters(It());
  table.push_back(
      {.id = "RP-516",
       .gate = Gate::kRoutes,
       .subjects = {{{"spec", "rules", "*"}}},
       .texts = false,
       .holds =
           All(backends, [&](const Item& one) { return is_service(one) && All(named_by_filters(one), is_service); }),
       .shown = Join(MapEach(Filter(backends, [&](const Item& one) { return !is_service(one); }),
                             [](const Item& one) { return one["kind"].AsText(); }),
                     ", "),
       .wrong = kNoService,
       .fix = {"name Services in backendRefs, and in the backendRef of filters",
               "désignez des Services dans backendRefs, et dans le backendRef des filtres"},
       .clauses = kClauses});
}

}  // namespace

void AddEntryRules(const api::SovereignRegion& region, Table& table) {
  if (!region.rules.network) return;
  const auto& network = *region.rules.network;
  if (network.ingress_classes) AddIngressRules(network, table);
  if (network.gateway_classes) AddGatewayRules(network, table);
  AddRouteRule(table);
}

}  // namespace rempart::rules
