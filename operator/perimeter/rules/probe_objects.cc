#include "operator/perimeter/rules/probe_objects.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/names.h"
#include "operator/perimeter/rules/probes.h"

namespace rempart::rules::probe {
namespace {

std::string Digest(const api::SovereignRegion& region) {
  const auto& images = region.rules.images;
  if (images && images->require_release && !images->released.empty()) return images->released.front();
  return "sha256:" + std::string(64, 'a');
}

}  // namespace

Json Bare(const kube::Resource& resource) {
  return {{"apiVersion", resource.ApiVersion()}, {"kind", resource.kind}, {"metadata", {{"name", kProbeName}}}};
}

Json Pod(const std::string& region, const std::string& image) {
  Json pod = Bare(api::kPods);
  pod["spec"] = {
      {"automountServiceAccountToken", false},
      {"nodeSelector", {{std::string(api::kNodeRegionLabel), region}}},
      {"securityContext",
       {{"runAsNonRoot", true}, {"runAsUser", 65534}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
      {"containers", Json::array({{{"name", "probe"},
                                   {"image", image},
                                   {"securityContext",
                                    {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", {"ALL"}}}}}}}})}};
  return pod;
}

Json Service() {
  Json service = Bare(kServices);
  service["spec"] = {{"type", "ClusterIP"},
                     {"selector", {{"app", kProbeName}}},
                     {"ports", Json::array({{{"port", 80}, {"protocol", "TCP"}}})}};
  return service;
}

Json Claim(const std::string& storage_class) {
  Json claim = Bare(kClaims);
  claim["spec"] = {{"accessModes", {"ReadWriteOnce"}}, {"resources", {{"requests", {{"storage", "1Mi"}}}}}};
  if (!storage_class.empty()) claim["spec"]["storageClassName"] = storage_class;
  return claim;
}

Json Binding(const std::string& node) {
  return {{"apiVersion", "v1"},
          {"kind", "Binding"},
          {"metadata", {{"name", kProbeName}}},
          {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
}

Json Slice(const std::string& address) {
  Json slice = Bare(kSlices);
  slice["addressType"] = address.contains(':') ? "IPv6" : "IPv4";
  slice["endpoints"] = Json::array({{{"addresses", Json::array({address})}}});
  slice["ports"] = Json::array();
  return slice;
}

Json Endpoints(const std::string& address) {
  Json endpoints = Bare(kEndpoints);
  endpoints["subsets"] =
      Json::array({{{"addresses", Json::array({{{"ip", address}}})}, {"ports", Json::array({{{"port", 80}}})}}});
  return endpoints;
}

Json SecretStore(const std::string& name) {
  Json store = Bare(kStores);
  store["metadata"]["name"] = name;
  store["spec"] = {{"provider", {{"fake", {{"data", Json::array({{{"key", "probe"}, {"value", "probe"}}})}}}}}};
  return store;
}

Json ExternalSecret(const std::string& store) {
  Json secret = Bare(kExternalSecrets);
  secret["spec"] = {{"target", {{"name", kProbeName}}}};
  if (!store.empty()) secret["spec"]["secretStoreRef"] = {{"kind", "SecretStore"}, {"name", store}};
  return secret;
}

Json PushSecret(const std::string& store) {
  Json push = Bare(kPushSecrets);
  push["spec"] = {{"secretStoreRefs", Json::array({{{"kind", "SecretStore"}, {"name", store}}})},
                  {"selector", {{"secret", {{"name", kProbeName}}}}}};
  return push;
}

Json Snapshot(const std::string& snapshot_class) {
  Json snapshot = Bare(kSnapshots);
  snapshot["spec"] = {{"volumeSnapshotClassName", snapshot_class},
                      {"source", {{"persistentVolumeClaimName", kProbeName}}}};
  return snapshot;
}

Json NetworkPolicy() {
  Json policy = Bare(api::kNetworkPolicies);
  policy["spec"] = {{"podSelector", {{"matchLabels", {{"app", kProbeName}}}}},
                    {"policyTypes", {"Egress"}},
                    {"egress", Json::array({{{"to", Json::array({{{"podSelector", Json::object()}}})}}})}};
  return policy;
}

Json Ingress(const std::string& ingress_class) {
  Json ingress = Bare(kIngresses);
  ingress["spec"] = {{"defaultBackend", {{"service", {{"name", kProbeName}, {"port", {{"number", 80}}}}}}}};
  if (!ingress_class.empty()) ingress["spec"]["ingressClassName"] = ingress_class;
  return ingress;
}

Json Gateway(const std::string& gateway_class) {
  Json gateway = Bare(kGateways);
  gateway["spec"] = {{"gatewayClassName", gateway_class},
                     {"listeners", Json::array({{{"name", "probe"}, {"port", 80}, {"protocol", "HTTP"}}})}};
  return gateway;
}

Json HttpRoute(const Json& backend) {
  Json route = Bare(kHttpRoutes);
  route["spec"] = {{"rules", Json::array({{{"backendRefs", Json::array({backend})}}})}};
  return route;
}

Json NetworkSet(const std::string& net) {
  Json set = Bare(kNetworkSets);
  set["spec"] = {{"nets", Json::array({net})}};
  return set;
}

Json StorageClass(const std::string& name, const std::string& provisioner) {
  Json of = Bare(kStorageClasses);
  of["metadata"]["name"] = name;
  of["provisioner"] = provisioner;
  return of;
}

Json Volume(const std::string& storage_class, const std::string& zone) {
  Json volume = Bare(kVolumes);
  volume["spec"] = {{"capacity", {{"storage", "1Mi"}}},
                    {"accessModes", {"ReadWriteOnce"}},
                    {"storageClassName", storage_class},
                    {"csi", {{"driver", "probe.rempart.dev"}, {"volumeHandle", kProbeName}}}};
  if (!zone.empty()) {
    const Json in_zone = {{"key", api::kTopologyZone}, {"operator", "In"}, {"values", {zone}}};
    volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] =
        Json::array({{{"matchExpressions", Json::array({in_zone})}}});
  }
  return volume;
}

// With labels that the region's selector takes.
Json Namespace(const api::SovereignRegion& region) {
  Json space = Bare(api::kNamespaces);
  Json labels = Json::object();
  const auto selector = ParseJson(region.rules.namespace_selector.empty() ? "{}" : region.rules.namespace_selector);
  if (selector && selector->is_object()) {
    if (const auto equal = selector->find("matchLabels"); equal != selector->end() && equal->is_object())
      labels.update(*equal);
    if (const auto list = selector->find("matchExpressions"); list != selector->end() && list->is_array()) {
      for (const Json& expression : *list) {
        if (!expression.is_object() || !expression.contains("key") || !expression["key"].is_string()) continue;
        const auto key = expression["key"].get<std::string>();
        const Json how = expression.value("operator", Json()), values = expression.value("values", Json());
        if (labels.contains(key)) continue;
        if (how == "Exists") labels[key] = "probe";
        if (how == "In" && values.is_array() && !values.empty()) labels[key] = values.front();
      }
    }
  }
  if (!selector || selector->empty()) labels[std::string(api::kRegionLabel)] = region.meta.key.name;
  space["metadata"]["labels"] = std::move(labels);
  return space;
}

Json RegionNode(const std::string& name, const std::string& region) {
  Json node = Bare(api::kNodes);
  node["metadata"]["name"] = name;
  node["metadata"]["labels"] = {{std::string(api::kNodeRegionLabel), region}};
  return node;
}

std::vector<std::string> Images(const api::SovereignRegion& region) {
  const std::string rest = fmt::format("/{}@{}", kProbeName, Digest(region));
  std::vector<std::string> images;
  if (region.rules.images)
    for (const std::string& registry : region.rules.images->registries) images.push_back(registry + rest);
  if (images.empty()) images.push_back("registry.invalid" + rest);
  return images;
}

std::string ForeignImage(const api::SovereignRegion& region) {
  const std::string host = Free("rempart-probe", [&](const std::string& stem) {
    return region.rules.images && std::ranges::any_of(region.rules.images->registries, [&](const std::string& known) {
             return known.starts_with(stem + ".invalid");
           });
  });
  return fmt::format("{}.invalid/{}@{}", host, kProbeName, Digest(region));
}

std::string UnreleasedDigest(const api::SovereignRegion& region) {
  for (int i = 0;; ++i) {
    const std::string digest = fmt::format("sha256:{:064x}", i);
    if (!region.rules.images || std::ranges::count(region.rules.images->released, digest) == 0) return digest;
  }
}

std::string Free(const std::string& stem, const std::function<bool(const std::string&)>& taken) {
  std::string name = stem;
  for (int i = 1; taken(name); ++i) name = fmt::format("{}-{}", stem, i);
  return name;
}

std::string NoneOf(const std::vector<std::string>& names, const std::string& stem) {
  return Free(stem, [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); });
}

const std::vector<std::string>& Addresses() {
  static const std::vector<std::string> all = {"192.0.2.1",  "198.51.100.1", "203.0.113.1", "2001:db8::1", "10.0.0.1",
                                               "172.16.0.1", "192.168.0.1",  "100.64.0.1",  "8.0.0.1",     "fd00::1"};
  return all;
}

}  // namespace rempart::rules::probe
