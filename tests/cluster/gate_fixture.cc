#include "tests/cluster/gate_fixture.h"

#include <gmock/gmock.h>

#include <chrono>
#include <fstream>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/probe_objects.h"

namespace rempart::test {

void GateTest::TearDown() {
  if (!definitions_.empty()) RunCommand({"kubectl", "delete", "-f", definitions_});
  ClusterTest::TearDown();
}

Json GateTest::Definition(const kube::Resource& resource, const Json& schema) {
  const std::string plural(resource.plural), group(resource.group), kind(resource.kind);
  return {
      {"apiVersion", "apiextensions.k8s.io/v1"},
      {"kind", "CustomResourceDefinition"},
      {"metadata",
       {{"name", plural + "." + group}, {"annotations", {{"api-approved.kubernetes.io", "unapproved, for a test"}}}}},
      {"spec",
       {{"group", group},
        {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
        {"names", {{"plural", plural}, {"kind", kind}}},
        {"versions", Json::array({{{"name", std::string(resource.version)},
                                   {"served", true},
                                   {"storage", true},
                                   {"schema", {{"openAPIV3Schema", schema}}}}})}}}};
}

void GateTest::ServeOthersKinds() {
  const Json anything = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  std::vector<Json> definitions;
  for (const auto* resource : {&rules::probe::kStores, &rules::probe::kClusterStores, &rules::probe::kExternalSecrets,
                               &rules::probe::kPushSecrets, &rules::probe::kSnapshots, &rules::probe::kGateways,
                               &rules::probe::kHttpRoutes, &rules::probe::kNetworkSets})
    definitions.push_back(Definition(*resource, anything));
  Serve(definitions);
}

void GateTest::Serve(const std::vector<Json>& definitions) {
  definitions_ = LogPath(id_ + "-definitions.json");
  std::ofstream file(definitions_);
  for (const Json& definition : definitions) file << definition << "\n---\n";
  file.close();
  Must({"kubectl", "apply", "-f", definitions_});
  Must({"kubectl", "wait", "--for=condition=Established", "--timeout=60s", "-f", definitions_});
}

void GateTest::Declare(const std::string& enforcement, const Json& more) {
  MakeNodes({"a", "foreign"});
  Json region = MakeRegion(region_, id_, {Zone("a")});
  region["spec"].update({{"enforcement", enforcement},
                         {"images",
                          {{"registries", {"registry.sas.example", "registry.example:5000/team"}},
                           {"requireRelease", true},
                           {"released", Json::array({kDigest})}}},
                         {"network", {{"ranges", {"10.0.0.0/8"}}, {"loadBalancerClasses", {"metal.example/fr"}}}},
                         {"storage", {{"classes", Json::array({"local-fr"})}}}});
  region["spec"].merge_patch(more);
  Create(region);
  ASSERT_TRUE(cluster().MergePatch(api::kNamespaces, {"", ns_},
                                   {{"metadata", {{"labels", {{"rempart.dev/region", region_}}}}}}));
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeRegionLabel, region_));
  AwaitGate();
}

Json GateTest::Pod() const {
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata", {{"name", "probe"}, {"namespace", ns_}}},
          {"spec",
           {{"nodeSelector", {{std::string(api::kNodeRegionLabel), region_}}},
            {"securityContext", {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
            {"containers",
             Json::array({{{"name", "app"},
                           {"image", "registry.sas.example/app@" + kDigest},
                           {"securityContext",
                            {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", {"ALL"}}}}}}}})}}}};
}

Result<kube::Reply> GateTest::DryRun(const kube::Resource& resource, const Json& object,
                                     const std::string& subresource) {
  if (subresource.empty()) return cluster().api().Create(resource, ns_, object.dump(), {}, "dryRun=All");
  return cluster().api().Do({.method = "POST",
                             .target = resource.Path(ns_, "probe", subresource) + "?dryRun=All",
                             .body = object.dump(),
                             .doing = "try " + subresource},
                            {});
}

std::set<std::string> GateTest::RulesAgainst(const kube::Resource& resource, const Json& object) {
  return RulesNamed(DryRun(resource, object));
}

std::set<std::string> GateTest::RulesNamed(const Result<kube::Reply>& reply) {
  std::set<std::string> ids;
  if (!reply) {
    Collect(reply.error().message, ids);
    if (ids.empty()) ids.insert("refused: " + reply.error().message);
    return ids;
  }
  for (const std::string& warning : reply->warnings) Collect(warning, ids);
  return ids;
}

void GateTest::Collect(const std::string& text, std::set<std::string>& ids) {
  for (auto at = text.find("RP-"); at != std::string::npos; at = text.find("RP-", at + 1))
    ids.insert(text.substr(at, 6));
}

void GateTest::AwaitGate() {
  Json bad = Pod();
  bad["spec"]["nodeName"] = NodeName("foreign");
  bad["spec"]["nodeSelector"] = nullptr;
  Json good = Pod();
  good["spec"]["nodeName"] = NodeName("a");
  // The operator writes the bindings in the order of the gates, and the server takes them up together, once a second:
  // where it has that of claims, it has those of pods, nodes, namespaces and services.
  const Json claim = rules::probe::Claim("elsewhere");
  std::set<std::string> against, nothing;
  EXPECT_TRUE(AwaitServer([&] {
    against = RulesAgainst(api::kPods, bad), nothing = RulesAgainst(api::kPods, good);
    return !against.empty() && against.begin()->starts_with("RP-10") && nothing.empty() &&
           RulesAgainst(rules::probe::kClaims, claim).contains("RP-401");
  })) << "the gate is not shut: against the bad pod "
      << ::testing::PrintToString(against) << ", against the good one " << ::testing::PrintToString(nothing);
}

api::SovereignRegion GateTest::Stored() {
  const auto stored = cluster().Get(api::kRegions, {"", region_});
  kube::Document document;
  const auto view = document.Parse(stored ? stored->dump() : "{}");
  auto region = view ? api::DecodeSovereignRegion(*view) : Result<api::SovereignRegion>(Fail(view.error()));
  EXPECT_TRUE(region && region->Usable()) << (region ? region->invalid : region.error().ToString());
  return region.value_or(api::SovereignRegion{});
}

std::string GateTest::PolicyName() const { return api::GateObjectName(region_, "pods"); }

}  // namespace rempart::test
