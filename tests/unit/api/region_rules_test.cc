#include "operator/api/region_rules.h"

#include <fmt/format.h>

#include "operator/api/sovereign_region.h"
#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

Json France(const Json& rules) {
  Json object = {
      {"metadata", MetaJson("france")},
      {"spec",
       {{"country", "FR"},
        {"hosting",
         {{"locations", Json::array({{{"region", "fr-par"}, {"zones", {"fr-par-1"}}, {"country", "FR"}}})}}}}}};
  object["spec"].update(rules);
  return object;
}
SovereignRegion Region(const Json& rules) {
  auto region = Decoded(France(rules), DecodeSovereignRegion);
  EXPECT_TRUE(region) << region.error().message;
  return region.value_or(SovereignRegion());
}
std::string Invalid(const Json& rules) { return Region(rules).invalid; }

TEST(RegionRules, NothingIsAskedForUnlessDeclared) {
  const RegionRules rules = Region(Json::object()).rules;
  EXPECT_EQ(rules.enforcement, RegionRules::Enforcement::kAudit);
  EXPECT_EQ(rules.language, RegionRules::Language::kEnglish);
  EXPECT_EQ(rules.namespace_selector, "");
  EXPECT_FALSE(rules.images || rules.storage || rules.network || rules.keys);
  EXPECT_TRUE(rules.access.admins.empty() && rules.access.exec.empty() && rules.access.node_identity.empty());
}

TEST(RegionRules, ReadsAll) {
  const std::string digest = "sha256:" + std::string(64, 'a');
  const auto region = Region(
      {{"enforcement", "Enforce"},
       {"language", "fr"},
       {"namespaceSelector", {{"matchLabels", {{"team", "a"}}}}},
       {"exemptNamespaces", {"monitoring"}},
       {"images",
        {{"registries", {"registry.example:5000/team"}},
         {"requireDigest", false},
         {"requireRelease", true},
         {"released", Json::array({digest})}}},
       {"podSecurity", "Baseline"},
       {"storage", {{"classes", Json::array({"local-fr"})}, {"provisioners", Json::array({"csi.example"})}}},
       {"network",
        {{"allowExternalName", true},
         {"loadBalancerClasses", Json::array({"metal.example/fr"})},
         {"ranges", {"10.0.0.0/8", "fd00::/8"}},
         {"loadBalancerAnnotations", Json::array({"service.beta.kubernetes.io/Ours_1"})},
         {"ingressClasses", Json::array()},
         {"gatewayClasses", Json::array({"envoy-fr"})},
         {"ingressAnnotations", Json::array({"nginx.ingress.kubernetes.io/auth-url"})},
         {"podNetworks", Json::array({R"([{"namespace":"kube-system","name":"storage"}])"})},
         {"egress", Json::array({{{"cidr", "fd00::/8"}},
                                 {{"cidr", "192.0.2.0/24"},
                                  {"ports", Json::array({{{"port", 443}},
                                                         {{"protocol", "UDP"}, {"port", 1}, {"endPort", 9}}})}}})}}},
       {"keys",
        {{"externalStores", "Deny"},
         {"allowedStores", Json::array({"vault-fr"})},
         {"providers",
          Json::array({{{"name", "vault"}, {"addresses", {"https://vault.example:8200"}}}, {{"name", "scaleway"}}})},
         {"allowedKeys", Json::array({"arn:aws:kms:eu-west-3:1:key/x"})}}},
       {"access",
        {{"admins", Json::array({"group:region-admins"})},
         {"exec", Json::array({"user:alice"})},
         {"nodeIdentity", Json::array({"user:system:cloud-controller-manager"})}}}});
  EXPECT_EQ(region.invalid, "");
  const RegionRules& rules = region.rules;
  EXPECT_EQ(rules.enforcement, RegionRules::Enforcement::kEnforce);
  EXPECT_EQ(rules.language, RegionRules::Language::kFrench);
  EXPECT_EQ(rules.namespace_selector, R"({"matchLabels":{"team":"a"}})");
  EXPECT_EQ(rules.exempt_namespaces, std::vector<std::string>{"monitoring"});
  EXPECT_EQ(rules.images->registries, std::vector<std::string>{"registry.example:5000/team"});
  EXPECT_FALSE(rules.images->require_digest);
  EXPECT_TRUE(rules.images->require_release);
  EXPECT_EQ(rules.images->released, std::vector<std::string>{digest});
  EXPECT_EQ(rules.storage->classes, std::vector<std::string>{"local-fr"});
  EXPECT_TRUE(rules.network->allow_external_name);
  EXPECT_EQ(rules.network->ranges, (std::vector<std::string>{"10.0.0.0/8", "fd00::/8"}));
  EXPECT_EQ(rules.pod_security, RegionRules::PodSecurity::kBaseline);
  EXPECT_EQ(rules.storage->provisioners, std::vector<std::string>{"csi.example"});
  EXPECT_EQ(rules.network->load_balancer_annotations, std::vector<std::string>{"service.beta.kubernetes.io/Ours_1"});
  EXPECT_TRUE(rules.network->ingress_classes && rules.network->ingress_classes->empty()) << "none is not any";
  EXPECT_EQ(rules.network->gateway_classes, std::vector<std::string>{"envoy-fr"});
  EXPECT_EQ(rules.network->ingress_annotations, std::vector<std::string>{"nginx.ingress.kubernetes.io/auth-url"});
  EXPECT_EQ(rules.network->pod_networks, std::vector<std::string>{R"([{"namespace":"kube-system","name":"storage"}])"});
  ASSERT_EQ(rules.network->egress->size(), 2U);
  EXPECT_EQ((*rules.network->egress)[0].cidr, "fd00::/8");
  ASSERT_EQ((*rules.network->egress)[1].ports.size(), 2U);
  EXPECT_EQ((*rules.network->egress)[1].ports[0].protocol, "TCP");
  EXPECT_EQ((*rules.network->egress)[1].ports[1].end, 9);
  EXPECT_EQ(rules.keys->allowed_keys, std::vector<std::string>{"arn:aws:kms:eu-west-3:1:key/x"});
  ASSERT_EQ(rules.keys->providers.size(), 2U);
  EXPECT_EQ(rules.keys->providers[0].name, "vault");
  EXPECT_EQ(rules.keys->providers[0].addresses, std::vector<std::string>{"https://vault.example:8200"});
  EXPECT_TRUE(rules.keys->providers[1].addresses.empty());
  EXPECT_TRUE(rules.keys->deny_external_stores);
  EXPECT_EQ(rules.access.node_identity, std::vector<std::string>{"user:system:cloud-controller-manager"});
}

TEST(RegionRules, SectionsHaveStrictDefaults) {
  const auto rules = Region({{"images", Json::object()}, {"keys", Json::object()}, {"network", Json::object()}}).rules;
  EXPECT_TRUE(rules.images->require_digest);
  EXPECT_FALSE(rules.images->require_release);
  EXPECT_TRUE(rules.keys->deny_external_stores);
  EXPECT_FALSE(rules.network->allow_external_name);
  EXPECT_FALSE(rules.network->egress || rules.network->ingress_classes || rules.network->gateway_classes);
  EXPECT_EQ(Region(Json::object()).rules.pod_security, RegionRules::PodSecurity::kRestricted);
}

// What the schema would refuse is told, with field and fix; a region that says it is not used.
TEST(RegionRules, RefusesWhatTheSchemaWould) {
  const struct {
    Json rules;
    const char* field;
  } rows[] = {
      {{{"enforcement", "enforce"}}, "spec.enforcement: "},
      {{{"language", "de"}}, "spec.language: "},
      {{{"namespaceSelector", Json::object()}}, "spec.namespaceSelector: "},
      {{{"namespaceSelector", "x"}}, "spec.namespaceSelector: "},
      {{{"exemptNamespaces", {"Upper"}}}, "spec.exemptNamespaces[0]: "},
      {{{"images", {{"registries", {"https://x"}}}}}, "spec.images.registries[0]: "},
      {{{"images", {{"registries", {"a", "a"}}}}}, "spec.images.registries[1]: "},
      {{{"images", {{"released", {"sha256:abc"}}}}}, "spec.images.released[0]: "},
      {{{"images", 7}}, "spec.images: "},
      {{{"network", {{"ranges", {"10.0.0.0"}}}}}, "spec.network.ranges[0]: "},
      {{{"network", {{"ranges", {"10.0.0.0/33"}}}}}, "spec.network.ranges[0]: "},
      {{{"network", {{"ranges", {"10.0.0.0/08"}}}}}, "spec.network.ranges[0]: "},
      {{{"podSecurity", "restricted"}}, "spec.podSecurity: "},
      {{{"storage", {{"provisioners", {"csi.example"}}}}}, "spec.storage.provisioners: "},
      {{{"network", {{"loadBalancerAnnotations", {"a b"}}}}}, "spec.network.loadBalancerAnnotations[0]: "},
      {{{"network", {{"ingressClasses", "nginx"}}}}, "spec.network.ingressClasses: "},
      {{{"network", {{"ingressAnnotations", {"a b"}}}}}, "spec.network.ingressAnnotations[0]: "},
      {{{"network", {{"podNetworks", {"a b"}}}}}, "spec.network.podNetworks[0]: "},
      {{{"network", {{"podNetworks", {""}}}}}, "spec.network.podNetworks[0]: "},
      {{{"network", {{"egress", Json::array({{{"cidr", "10.0.0.1/8"}}})}}}}, "spec.network.egress[0].cidr: "},
      {{{"network", {{"egress", Json::array({{{"cidr", "FD00::/8"}}})}}}}, "spec.network.egress[0].cidr: "},
      {{{"network", {{"egress", Json::array({Json::object()})}}}}, "spec.network.egress[0].cidr: "},
      {{{"network", {{"egress", Json::array({{{"cidr", "10.0.0.0/8"}, {"ports", Json::array()}}})}}}},
       "spec.network.egress[0].ports: "},
      {{{"network",
         {{"egress", Json::array({{{"cidr", "10.0.0.0/8"}, {"ports", Json::array({{{"protocol", "TCP"}}})}}})}}}},
       "spec.network.egress[0].ports[0].port: "},
      {{{"network",
         {{"egress",
           Json::array({{{"cidr", "10.0.0.0/8"}, {"ports", Json::array({{{"port", 9}, {"endPort", 8}}})}}})}}}},
       "spec.network.egress[0].ports[0].endPort: "},
      {{{"keys", {{"allowedKeys", {"a b"}}}}}, "spec.keys.allowedKeys[0]: "},
      {{{"keys", {{"externalStores", true}}}}, "spec.keys.externalStores: "},
      {{{"keys", {{"providers", Json::array()}}}}, "spec.keys.providers: "},
      {{{"keys", {{"providers", {"vault"}}}}}, "spec.keys.providers[0]: "},
      {{{"keys", {{"providers", Json::array({{{"name", "a b"}}})}}}}, "spec.keys.providers[0].name: "},
      {{{"keys", {{"providers", Json::array({{{"name", "vault"}, {"addresses", {"a b"}}}})}}}},
       "spec.keys.providers[0].addresses[0]: "},
      {{{"keys", {{"providers", Json::array({{{"name", "aws"}, {"addresses", {"x"}}}})}}}},
       "spec.keys.providers[0].addresses: is not for aws, of which no single address is known"},
      {{{"keys", {{"providers", Json::array({{{"name", "vault"}}, {{"name", "aws"}}, {{"name", "vault"}}})}}}},
       "spec.keys.providers[2].name: \"vault\" is there twice"},
      {{{"keys", {{"providers", Json::array({{{"name", "vault"}}})}}}},
       "spec.keys.providers: is of the stores of allowedStores"},
      {{{"keys",
         {{"externalStores", "Allow"},
          {"allowedStores", {"vault-fr"}},
          {"providers", Json::array({{{"name", "vault"}}})}}}},
       "spec.keys.providers: is of the stores of allowedStores"},
      {{{"access", {{"admins", {"region-admins"}}}}}, "spec.access.admins[0]: "},
      {{{"access", {{"exec", {"group:"}}}}}, "spec.access.exec[0]: "},
  };
  for (const auto& [rules, field] : rows)
    EXPECT_TRUE(Invalid(rules).starts_with(field)) << rules << ": " << Invalid(rules);
}

// A selector that matches nothing for a typo would say that the region's namespaces have all left it.
TEST(RegionRules, RefusesASelectorThatTheServerWould) {
  const auto expressions = [](const Json& expression) {
    return Json{{"namespaceSelector", {{"matchExpressions", Json::array({expression})}}}};
  };
  const auto labels = [](const Json& map) { return Json{{"namespaceSelector", {{"matchLabels", map}}}}; };
  const std::string first = "spec.namespaceSelector.matchExpressions[0]";
  const struct {
    Json rules;
    std::string problem;
  } rows[] = {
      {expressions({{"key", "team"}, {"operator", "In"}}), first + ".values: is empty"},
      {expressions({{"key", "team"}, {"operator", "NotIn"}, {"values", Json::array()}}), first + ".values: is empty"},
      {expressions({{"key", "team"}, {"operator", "Exists"}, {"values", {"a"}}}), first + ".values: must be empty"},
      {expressions({{"key", "team"}, {"operator", "Perhaps"}}), first + ".operator: is none of"},
      {expressions({{"operator", "Exists"}}), first + ".key: is missing"},
      {expressions({{"key", "my team"}, {"operator", "Exists"}}), first + ".key: \"my team\" is not a label's key"},
      {expressions({{"key", "Example.org/team"}, {"operator", "Exists"}}), first + ".key: "},
      {expressions({{"key", "/team"}, {"operator", "Exists"}}), first + ".key: "},
      {expressions({{"key", "a/b/c"}, {"operator", "Exists"}}), first + ".key: "},
      {expressions({{"key", "team"}, {"operator", "In"}, {"values", {"a", "b c"}}}),
       first + ".values[1]: \"b c\" is not"},
      {expressions({{"key", "team"}, {"operator", "In"}, {"values", {7}}}), first + ".values: has what is not a text"},
      {{{"namespaceSelector", {{"matchExpressions", {{"key", "team"}}}}}},
       "spec.namespaceSelector.matchExpressions: is not a list"},
      {{{"namespaceSelector", {{"matchLabel", {{"team", "a"}}}}}}, "spec.namespaceSelector.matchLabel: is not known"},
      {labels({{"team", true}}), "spec.namespaceSelector.matchLabels.team: is not a text"},
      {labels({{"team", "a b"}}), "spec.namespaceSelector.matchLabels.team: \"a b\" is not"},
      {labels({{"team:", "a"}}), "spec.namespaceSelector.matchLabels.team:: is not a label's key"},
      {labels({{"team", std::string(64, 'a')}}), "spec.namespaceSelector.matchLabels.team: "},
      {labels(Json::object()), "spec.namespaceSelector: selects every namespace"},
      {labels({{"team", std::string(5000, 'a')}}), "spec.namespaceSelector: is larger than"},
  };
  for (const auto& [rules, problem] : rows)
    EXPECT_TRUE(Invalid(rules).starts_with(problem)) << rules << ": " << Invalid(rules);
  for (const Json& rules :
       {labels({{"team", ""}, {"example.org/Team_1", "A.b-c"}, {"kubernetes.io/metadata.name", "acme"}}),
        expressions({{"key", "team"}, {"operator", "NotIn"}, {"values", {"", "a"}}}),
        expressions({{"key", "example.org/team"}, {"operator", "DoesNotExist"}, {"values", nullptr}})})
    EXPECT_EQ(Invalid(rules), "") << rules;
}

TEST(RegionRules, TenThousandReleasesAreReadInNoTime) {
  Json released = Json::array();
  for (int i = 0; i < 10'000; ++i) released.push_back(fmt::format("sha256:{:064x}", i));
  EXPECT_EQ(Region({{"images", {{"released", released}}}}).rules.images->released.size(), 10'000U);
  released.push_back("sha256:" + std::string(64, 'f'));
  EXPECT_TRUE(Invalid({{"images", {{"released", released}}}}).starts_with("spec.images.released: "));
}

}  // namespace
}  // namespace rempart::api
