// What Ingresses, Gateways and routes may ask for: RP-512 to RP-516.
#include <gtest/gtest.h>

#include "operator/perimeter/rules/judge.h"
#include "tests/unit/rules/builders.h"

namespace rempart::rules {
namespace {

using namespace std::string_literals;

// "RP-512 spec; …"
std::string Found(const Case& judged, const api::SovereignRegion& region = test::Region()) {
  std::string text;
  for (const auto& violation :
       Judge(RulesOf(region, test::Context().rules), region.rules.language, ParametersOf(region, {}), judged))
    text += (text.empty() ? "" : "; ") + violation.rule + (violation.field.empty() ? "" : " " + violation.field);
  return text;
}

TEST(Entry, AnnotationsThatLeadAway) {
  const auto found = [](const std::string& key) {
    const Json ingress = {{"metadata", {{"annotations", {{key, "x"}}}}}, {"spec", {{"ingressClassName", "nginx-fr"}}}};
    return Found({Gate::kIngresses, &ingress});
  };
  const std::string nginx = "nginx.ingress.kubernetes.io/";
  for (const std::string& key : {
           nginx + "mirror-target",
           nginx + "Mirror-Host",
           nginx + "auth-signin",
           nginx + "auth-tls-error-page",
           nginx + "configuration-snippet",
           nginx + "auth-snippet",
           nginx + "permanent-redirect",
           nginx + "temporal-redirect",
           nginx + "proxy-redirect-to",
           nginx + "upstream-vhost",
           "custom.prefix/auth-url"s,
           "nginx.org/server-snippets"s,
           "nginx.com/jwt-login-url"s,
           "appprotect.f5.com/app-protect-security-log-destination"s,
           "alb.ingress.kubernetes.io/actions.out"s,
           "alb.ingress.kubernetes.io/conditions.out"s,
           "alb.ingress.kubernetes.io/auth-idp-oidc"s,
           "alb.ingress.kubernetes.io/load-balancer-attributes"s,
           "haproxy.org/request-redirect"s,
           "haproxy.org/set-host"s,
           "haproxy.org/backend-config-snippet"s,
           "haproxy-ingress.github.io/auth-url"s,
           "haproxy-ingress.github.io/oauth"s,
           "haproxy-ingress.github.io/config-backend"s,
           "haproxy-ingress.github.io/redirect-to"s,
           "traefik.ingress.kubernetes.io/router.middlewares"s,
           "konghq.com/plugins"s,
           "k8s.apisix.apache.org/auth-uri"s,
           "k8s.apisix.apache.org/svc-namespace"s,
           "zalando.org/skipper-filter"s,
           "appgw.ingress.kubernetes.io/backend-hostname"s,
           "external-dns.alpha.kubernetes.io/target"s,
           "service.beta.kubernetes.io/aws-load-balancer-type"s,
       })
    EXPECT_EQ(found(key), "RP-514 metadata.annotations") << key;
  for (const std::string& key : {
           nginx + "auth-url",  // which the region names
           nginx + "auth-type",
           nginx + "auth-secret",
           nginx + "auth-signin-redirect-param",
           nginx + "ssl-redirect",
           nginx + "force-ssl-redirect",
           nginx + "from-to-www-redirect",
           nginx + "rewrite-target",
           nginx + "service-upstream",
           nginx + "load-balance",
           nginx + "backend-protocol",
           "nginx.org/redirect-to-https"s,
           "haproxy.org/ssl-redirect"s,
           "haproxy.org/load-balance"s,
           "traefik.ingress.kubernetes.io/router.entrypoints"s,
           "external-dns.alpha.kubernetes.io/hostname"s,
           "cert-manager.io/cluster-issuer"s,
           "kubectl.kubernetes.io/last-applied-configuration"s,
           "meta.helm.sh/release-name"s,
       })
    EXPECT_EQ(found(key), "") << key;
}

TEST(Entry, OfAnIngressAndAGateway) {
  const std::tuple<Gate, const char*, const char*> rows[] = {
      {Gate::kIngresses, R"({"defaultBackend":{"service":{"name":"web"}}})", ""},
      {Gate::kIngresses, R"({"defaultBackend":{"resource":{"kind":"StorageBucket","name":"x"}}})",
       "RP-515 spec.defaultBackend"},
      {Gate::kIngresses, R"({"rules":[{"host":"x"},{"http":{"paths":[{"backend":{"service":{"name":"web"}}}]}}]})", ""},
      {Gate::kIngresses,
       R"({"rules":[{"host":"x"},{"http":{"paths":[{"backend":{"service":{"name":"web"}}},{"backend":{"resource":{}}}]}}]})",
       "RP-515 spec.rules[1]"},
      {Gate::kIngresses, R"({"rules":[{"http":{"paths":[7]}}]})", "RP-515 spec.rules[0]"},
      {Gate::kIngresses, R"({"rules":[7]})", "RP-515 spec.rules[0]"},
      {Gate::kIngresses, R"({"rules":{}})", "RP-515 spec.rules"},
      {Gate::kGateways, R"({"infrastructure":{"labels":{"a":"b"}},"addresses":[]})", ""},
      {Gate::kGateways, R"({"addresses":[{"value":"192.0.2.1"}]})", "RP-512 spec"},
      {Gate::kGateways, R"({"infrastructure":{"parametersRef":{"kind":"EnvoyProxy"}}})", "RP-512 spec"},
      {Gate::kGateways, R"({"infrastructure":{"annotations":{"service.beta.kubernetes.io/ours":"x","a":"b"}}})", ""},
      {Gate::kGateways, R"({"infrastructure":{"annotations":{"metallb.io/address-pool":"x"}}})",
       "RP-513 spec.infrastructure"},
      {Gate::kGateways, R"({"infrastructure":7})", "RP-512 spec; RP-513 spec.infrastructure"},
  };
  for (const auto& [gate, spec, expected] : rows) {
    Json object = {{"spec", Json::parse(spec)}};
    object["spec"][gate == Gate::kIngresses ? "ingressClassName" : "gatewayClassName"] =
        gate == Gate::kIngresses ? "nginx-fr" : "envoy-fr";
    EXPECT_EQ(Found({gate, &object}), expected) << spec;
  }
  const Json annotated = Json::parse(
      R"({"metadata":{"annotations":{"networking.gke.io/certmap":"x"}},"spec":{"gatewayClassName":"envoy-fr"}})");
  EXPECT_EQ(Found({Gate::kGateways, &annotated}), "RP-513 metadata");
  Json before = annotated;
  before["metadata"].erase("annotations");
  const Json request = test::RequestBy("bob", {}, "UPDATE");
  EXPECT_EQ(Found({Gate::kGateways, &annotated, &before, &request}), "RP-513 metadata") << "the spec is untouched";
  EXPECT_EQ(Found({Gate::kGateways, &annotated, &annotated, &request}), "");
}

TEST(Entry, NoneWhereNoClassIs) {
  auto region = test::Region();
  region.rules.network->ingress_classes->clear();
  region.rules.network->gateway_classes->clear();
  std::string ids;
  for (const auto& rule : RulesOf(region, {}))
    if (rule.gate == Gate::kIngresses || rule.gate == Gate::kGateways) ids += rule.id + " ";
  EXPECT_EQ(ids, "RP-510 RP-511 ") << "which refuse all there is";
}

TEST(Entry, RoutesLeadToServices) {
  struct {
    const char* rule;  // of spec.rules
    bool allowed;
  } rows[] = {
      {"{}", true},
      {R"({"backendRefs":[{"name":"web","port":80},{"group":"","kind":"Service","name":"b","namespace":"c"}]})", true},
      {R"({"backendRefs":[{"name":"web"},{"group":"gateway.envoyproxy.io","kind":"Backend","name":"x"}]})", false},
      {R"({"backendRefs":[{"kind":"Backend","name":"x"}]})", false},
      {R"({"backendRefs":[{"group":"net.gke.io","kind":"Service","name":"x"}]})", false},
      {R"({"backendRefs":[{"group":"multicluster.x-k8s.io","kind":"ServiceImport","name":"x"}]})", false},
      {R"({"filters":[{"type":"RequestRedirect","requestRedirect":{"hostname":"x.example"}}]})", true},
      {R"({"filters":[{"type":"RequestMirror","requestMirror":{"backendRef":{"name":"web"}}}]})", true},
      {R"({"filters":[{"requestHeaderModifier":{}},{"requestMirror":{"backendRef":{"kind":"Backend","name":"x"}}}]})",
       false},
      {R"({"filters":[{"externalAuth":{"backendRef":{"kind":"Backend","name":"x"}}}]})", false},
      {R"({"backendRefs":[{"name":"web","filters":[{"requestMirror":{"backendRef":{"name":"b"}}}]}]})", true},
      {R"({"backendRefs":[{"name":"web","filters":[{"requestMirror":{"backendRef":{"kind":"Backend"}}}]}]})", false},
      {R"({"backendRefs":[{"kind":7}]})", false},
      {R"({"backendRefs":7})", false},
      {R"({"backendRefs":[7]})", false},
      {R"({"filters":[7]})", false},
      {R"({"filters":{"x":7}})", false},
      {"7", false},
  };
  for (const auto& [rule, allowed] : rows) {
    const Json route = {{"spec", {{"rules", Json::array({Json::object(), Json::parse(rule)})}}}};
    EXPECT_EQ(Found({Gate::kRoutes, &route}), allowed ? "" : "RP-516 spec.rules[1]") << rule;
  }
  auto region = test::Region();
  region.rules.network.reset();
  const Json route = Json::parse(R"({"spec":{"rules":[{"backendRefs":[{"kind":"Backend"}]}]}})");
  EXPECT_EQ(Found({Gate::kRoutes, &route}, region), "");
}

}  // namespace
}  // namespace rempart::rules
