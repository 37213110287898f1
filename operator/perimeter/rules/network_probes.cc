#include "operator/perimeter/rules/network_probes.h"

#include <optional>

#include "operator/api/names.h"
#include "operator/perimeter/rules/evaluate.h"
#include "operator/perimeter/rules/probes.h"

namespace rempart::rules::probe {
namespace {

using Region = api::SovereignRegion;
using Ranges = std::vector<std::string>;

// Within one of the ranges, or outside all.
std::optional<std::string> Address(const Ranges& ranges, bool inside) {
  const List list = Literal(ranges);
  for (const std::string& address : Addresses()) {
    Bindings none;
    if (Evaluate(InRange(Literal(address), list), none).IsTrue() == inside) return address;
  }
  if (inside && !ranges.empty()) return ranges.front().substr(0, ranges.front().find('/'));
  return std::nullopt;
}

// `make` with an address outside the ranges.
CreatedOr Outside(const Ranges& ranges, const std::function<Created(const std::string& address)>& make) {
  if (const auto address = Address(ranges, false)) return make(*address);
  return std::unexpected("the region's ranges hold every address that a probe could have");
}

std::string FirstOf(const std::vector<std::string>& names, const std::string& none) {
  return names.empty() ? none : names.front();
}

Created ServiceWith(const Json& spec) {
  Json service = Service();
  service["spec"].merge_patch(spec);
  return {kServices, std::move(service)};
}
Created BalancerWith(const Region& region, const Json& spec) {
  Created service = ServiceWith({{"type", "LoadBalancer"}});
  service.object["spec"]["loadBalancerClass"] = region.rules.network->load_balancer_classes.front();
  service.object["spec"].merge_patch(spec);
  return service;
}
Created IngressWith(const Region& region, const Json& patch) {
  Json ingress = Ingress(FirstOf(*region.rules.network->ingress_classes, ""));
  ingress.merge_patch(patch);
  return {kIngresses, std::move(ingress)};
}
Created GatewayWith(const Region& region, const Json& spec) {
  Json gateway = Gateway(FirstOf(*region.rules.network->gateway_classes, "none"));
  gateway["spec"].merge_patch(spec);
  return {kGateways, std::move(gateway)};
}
Json BalancerAnnotation(const Region& region) {
  const std::string stem = "service.beta.kubernetes.io/" + std::string(kProbeName);
  return {{NoneOf(region.rules.network->load_balancer_annotations, stem), "x"}};
}

// --- one a rule
CreatedOr ExternalName(const Region&, const Json&) {
  return ServiceWith({{"type", "ExternalName"}, {"externalName", "rempart-probe.invalid"}, {"selector", nullptr}});
}
CreatedOr ExternalIps(const Region&, const Json&) { return ServiceWith({{"externalIPs", {"192.0.2.1"}}}); }
CreatedOr UnknownBalancer(const Region& region, const Json&) {
  return ServiceWith({{"type", "LoadBalancer"},
                      {"loadBalancerClass", NoneOf(region.rules.network->load_balancer_classes, "rempart.dev/probe")}});
}
CreatedOr BalancerAnnotated(const Region& region, const Json&) {
  Created service = BalancerWith(region, Json::object());
  service.object["metadata"]["annotations"] = BalancerAnnotation(region);
  return service;
}
CreatedOr BalancerOutside(const Region& region, const Json&) {
  return Outside(region.rules.network->ranges, [&](const std::string& address) {
    return BalancerWith(region, {{"loadBalancerIP", address}});
  });
}
CreatedOr SliceOutside(const Region& region, const Json&) {
  return Outside(region.rules.network->ranges, [](const std::string& address) {
    return Created{kSlices, Slice(address)};
  });
}
CreatedOr EndpointsOutside(const Region& region, const Json&) {
  return Outside(region.rules.network->ranges, [](const std::string& address) {
    return Created{kEndpoints, Endpoints(address)};
  });
}
CreatedOr DefaultDenyTaken(const Region&, const Json&) {
  Json policy = NetworkPolicy();
  policy["metadata"]["name"] = api::kDefaultDenyName;
  return Created{api::kNetworkPolicies, std::move(policy)};
}
CreatedOr EgressWidened(const Region&, const Json&) {
  Json policy = NetworkPolicy();
  policy["spec"]["egress"] = Json::array({Json::object()});
  return Created{api::kNetworkPolicies, std::move(policy)};
}
CreatedOr SetWidened(const Region& region, const Json&) {
  Ranges open;
  for (const auto& egress : *region.rules.network->egress)
    if (egress.ports.empty()) open.push_back(egress.cidr);
  return Outside(open, [](const std::string& address) {
    return Created{kNetworkSets, NetworkSet(address + (address.contains(':') ? "/128" : "/32"))};
  });
}
CreatedOr UnknownIngressClass(const Region& region, const Json&) {
  return Created{kIngresses, Ingress(NoneOf(*region.rules.network->ingress_classes))};
}
CreatedOr IngressLeadsAway(const Region& region, const Json&) {
  const std::string key = NoneOf(region.rules.network->ingress_annotations,
                                 "nginx.ingress.kubernetes.io/mirror-" + std::string(kProbeName));
  return IngressWith(region, {{"metadata", {{"annotations", {{key, "x"}}}}}});
}
CreatedOr IngressToResource(const Region& region, const Json&) {
  const Json resource = {{"apiGroup", "probe.rempart.dev"}, {"kind", "Probe"}, {"name", kProbeName}};
  return IngressWith(region, {{"spec", {{"defaultBackend", {{"service", nullptr}, {"resource", resource}}}}}});
}
CreatedOr UnknownGatewayClass(const Region& region, const Json&) {
  return Created{kGateways, Gateway(NoneOf(*region.rules.network->gateway_classes))};
}
CreatedOr GatewayWithAddress(const Region& region, const Json&) {
  return GatewayWith(region, {{"addresses", Json::array({{{"type", "IPAddress"}, {"value", "192.0.2.1"}}})}});
}
CreatedOr GatewayAnnotated(const Region& region, const Json&) {
  // Its own annotations: not every version of the definition has those of spec.infrastructure.
  Created gateway = GatewayWith(region, Json::object());
  gateway.object["metadata"]["annotations"] = BalancerAnnotation(region);
  return gateway;
}
CreatedOr RouteToOther(const Region&, const Json&) {
  return Created{kHttpRoutes,
                 HttpRoute({{"group", "probe.rempart.dev"}, {"kind", "Probe"}, {"name", kProbeName}, {"port", 80}})};
}
CreatedOr OtherNetwork(const Region& region, const Json& pod) {
  Json attached = pod;
  attached["metadata"]["annotations"][std::string(kPodNetworks)] = NoneOf(region.rules.network->pod_networks);
  return Created{api::kPods, std::move(attached)};
}

}  // namespace

const std::map<std::string, MakeCreated>& AgainstNetworkRules() {
  static const std::map<std::string, MakeCreated> table = {
      {"RP-501", ExternalName},        {"RP-502", ExternalIps},         {"RP-503", UnknownBalancer},
      {"RP-504", BalancerAnnotated},   {"RP-505", SliceOutside},        {"RP-506", EndpointsOutside},
      {"RP-507", DefaultDenyTaken},    {"RP-508", EgressWidened},       {"RP-509", SetWidened},
      {"RP-510", UnknownIngressClass}, {"RP-511", UnknownGatewayClass}, {"RP-512", GatewayWithAddress},
      {"RP-513", GatewayAnnotated},    {"RP-514", IngressLeadsAway},    {"RP-515", IngressToResource},
      {"RP-516", RouteToOther},        {"RP-517", OtherNetwork},        {"RP-518", BalancerOutside},
  };
  return table;
}

const std::map<Gate, MakeCreated>& LetInByNetworkGates() {
  const auto policy = [](const Region&, const Json&) -> CreatedOr {
    return Created{api::kNetworkPolicies, NetworkPolicy()};
  };
  static const std::map<Gate, MakeCreated> table = {
      {Gate::kServices, [](const Region&, const Json&) { return ServiceWith(Json::object()); }},
      {Gate::kEndpoints,
       [](const Region& region, const Json&) {
         return Created{kSlices, Slice(Address(region.rules.network->ranges, true).value_or("192.0.2.1"))};
       }},
      {Gate::kGuards, policy},
      {Gate::kPolicies, policy},
      {Gate::kIngresses, [](const Region& region, const Json&) { return IngressWith(region, Json::object()); }},
      {Gate::kGateways, [](const Region& region, const Json&) { return GatewayWith(region, Json::object()); }},
      {Gate::kRoutes,
       [](const Region&, const Json&) {
         return Created{kHttpRoutes, HttpRoute({{"name", kProbeName}, {"port", 80}})};
       }},
  };
  return table;
}

}  // namespace rempart::rules::probe
