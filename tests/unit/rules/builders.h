// A region with every rule on, and objects that no rule is against.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "operator/api/sovereign_region.h"
#include "operator/perimeter/rules/policies.h"

namespace rempart::rules::test {

inline const std::string kDigest = "sha256:" + std::string(64, 'a');
inline const std::string kImage = "registry.sas.example/acme/web@" + kDigest;
inline constexpr char kOperator[] = "system:serviceaccount:rempart-system:rempart";

inline api::SovereignRegion Region() {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.meta.uid = "uid-of-region";
  region.country = "FR";
  region.locations = {{"fr-par", {"fr-par-1"}, "FR", ""}};
  auto& rules = region.rules;
  rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  rules.images = {{"registry.sas.example", "registry.example:5000/team"}, true, true, {kDigest}};
  rules.storage = {{"local-fr"}};
  rules.network = {false, {"metal.example/fr"}, {"10.0.0.0/8", "fd00::/8"}};
  rules.network->egress =
      std::vector<api::RegionRules::Egress>{{"10.0.0.0/8", {}}, {"192.0.2.0/24", {{"TCP", 443, 0}}}};
  rules.network->load_balancer_annotations = {"service.beta.kubernetes.io/ours"};
  rules.network->ingress_classes = std::vector<std::string>{"nginx-fr"};
  rules.network->gateway_classes = std::vector<std::string>{"envoy-fr"};
  rules.network->ingress_annotations = {"nginx.ingress.kubernetes.io/auth-url"};
  rules.network->pod_networks = {"kube-system/storage"};
  rules.storage->provisioners = {"csi.example"};
  rules.storage->inline_drivers = {"certificates.example"};
  rules.storage->snapshot_classes = std::vector<std::string>{"local-fr"};
  rules.keys = {true,
                {"vault-fr"},
                {"key-fr"},
                {{"vault", {"https://vault.example"}},
                 {"kubernetes", {"https://10.0.0.1"}},
                 {"azurekv", {"https://kv.example"}},
                 {"scaleway"},
                 {"fake"}}};
  rules.access = {{"group:region-admins"}, {"group:tenant-admins", "user:alice"}, {"user:cloud"}};
  return region;
}
inline PolicyContext Context() { return {{kOperator}, "rempart-system"}; }

inline Json Pod() {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", "web"}, {"namespace", "acme"}}},
          {"spec",
           {{"nodeSelector", {{"rempart.node-restriction.kubernetes.io/region", "france"}}},
            {"containers", Json::array({{{"name", "web"}, {"image", kImage}}})}}}};
}
inline Json Service() {
  return {
      {"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", {{"name", "web"}}}, {"spec", {{"type", "ClusterIP"}}}};
}
inline Json RequestBy(const std::string& user, const std::vector<std::string>& groups = {},
                      const std::string& operation = "CREATE") {
  return {{"operation", operation}, {"name", "web"}, {"userInfo", {{"username", user}, {"groups", groups}}}};
}

}  // namespace rempart::rules::test
