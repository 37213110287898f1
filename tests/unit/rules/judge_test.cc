// Every rule with an object that it alone is against, and with those that it must let through.
#include "operator/perimeter/rules/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/rules/builders.h"

namespace rempart::rules {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Language = api::RegionRules::Language;

std::vector<Violation> JudgeIn(const api::SovereignRegion& region, const Case& judged) {
  const Json parameters = ParametersOf(region, {"fr-par-1-a"});
  return Judge(RulesOf(region, test::Context().rules), region.rules.language, parameters, judged);
}
// "RP-101 spec.nodeName; …"
std::string Found(const Case& judged) {
  std::string text;
  for (const auto& violation : JudgeIn(test::Region(), judged))
    text += (text.empty() ? "" : "; ") + violation.rule + (violation.field.empty() ? "" : " " + violation.field);
  return text;
}

struct Row {
  Gate gate;
  const char* patch;  // a JSON merge patch of the gate's compliant object
  const char* found;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.patch; }

Json Compliant(Gate gate) {
  switch (gate) {
    case Gate::kPods:
      return test::Pod();
    case Gate::kServices:
      return test::Service();
    case Gate::kBindings:
      return {{"kind", "Binding"}, {"target", {{"kind", "Node"}, {"name", "fr-par-1-a"}}}};
    case Gate::kEndpoints:
      return {{"kind", "EndpointSlice"}, {"endpoints", Json::array({{{"addresses", {"10.1.2.3", "fd00::1"}}}})}};
    case Gate::kClaims:
      return {{"kind", "PersistentVolumeClaim"}, {"spec", {{"storageClassName", "local-fr"}}}};
    case Gate::kStores:
      return {{"kind", "SecretStore"}, {"metadata", {{"name", "vault-fr"}}}};
    default:
      return Json::object();
  }
}

class Table : public ::testing::TestWithParam<Row> {};

TEST_P(Table, Finds) {
  const auto& [gate, patch, found] = GetParam();
  Json object = Compliant(gate);
  object.merge_patch(Json::parse(patch));
  const Json request = test::RequestBy("bob");
  EXPECT_EQ(Found({gate, &object, nullptr, &request}), found);
}

INSTANTIATE_TEST_SUITE_P(
    Pods, Table,
    ::testing::Values(
        Row{Gate::kPods, "{}", ""}, Row{Gate::kPods, R"({"spec":{"nodeName":"fr-par-1-a"}})", ""},
        Row{Gate::kPods, R"({"spec":{"nodeName":"de-fra-1"}})", "RP-101 spec.nodeName"},
        Row{Gate::kPods, R"({"spec":{"nodeName":7}})", "RP-101 spec.nodeName"},
        Row{Gate::kPods, R"({"spec":{"nodeSelector":null}})",
            "RP-103 spec.nodeSelector.rempart.node-restriction.kubernetes.io/region"},
        Row{Gate::kPods, R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"germany"}}})",
            "RP-103 spec.nodeSelector.rempart.node-restriction.kubernetes.io/region"},
        Row{Gate::kPods, R"({"spec":{"nodeSelector":{"disk":"ssd"}}})", ""},
        Row{Gate::kPods, R"({"spec":{"tolerations":[{"key":"rempart.dev/outside","operator":"Exists"}]}})",
            "RP-104 spec.tolerations[0]"},
        Row{Gate::kPods, R"({"spec":{"tolerations":[{"key":"gpu"},{"operator":"Exists"}]}})",
            "RP-104 spec.tolerations[1]"},
        Row{Gate::kPods, R"({"spec":{"tolerations":[{"operator":"Exists","effect":"NoSchedule"}]}})",
            "RP-104 spec.tolerations[0]"},
        Row{Gate::kPods, R"({"spec":{"tolerations":[{"operator":"Exists","effect":"NoExecute"}]}})", ""},
        Row{Gate::kPods, R"({"spec":{"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists"}]}})",
            ""},
        Row{Gate::kPods, R"({"spec":{"tolerations":{}}})", "RP-104 spec.tolerations"},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"kubernetes.io/config.hash":"x"}}})", ""},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"kubernetes.io/config.mirror":"x"}}})",
            "RP-105 metadata.annotations.kubernetes.io/config.mirror"},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"kube-system/storage"}}})", ""},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"storage"}}})",
            "RP-517 metadata.annotations.k8s.v1.cni.cncf.io/networks"},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"k8s.v1.cni.cncf.io/networks":"kube-system/storage,x"}}})",
            "RP-517 metadata.annotations.k8s.v1.cni.cncf.io/networks"},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"v1.multus-cni.io/default-network":"x/y"}}})",
            "RP-517 metadata.annotations.v1.multus-cni.io/default-network"},
        Row{Gate::kPods, R"({"metadata":{"annotations":{"k8s.v1.cni.cncf.io/network-status":"[]"}}})", ""}));

// What the mutation does, told without a server; one that has another opinion is heard by the differential test.
TEST(IsGivenSelector, Table) {
  const struct {
    const char* pod;
    bool given;
  } kRows[] = {
      {R"({"spec":{}})", true},
      {R"({"spec":{"nodeSelector":null}})", true},
      {R"({"spec":{"nodeSelector":{}}})", true},
      {R"({"spec":{"nodeSelector":{"disk":"ssd"}}})", true},
      {R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"elsewhere"}}})", false},
      {R"({"spec":{"nodeSelector":"x"}})", false},
      {R"({"spec":null})", false},
      {R"({})", false},
      {R"({"metadata":{"labels":{"app":"web","rempart.dev/region":"france"}},"spec":{}})", true},
      {R"({"metadata":{"labels":null},"spec":{}})", true},
      {R"({"metadata":{"labels":{"rempart.dev/workload":"web"}},"spec":{}})", false},
      {R"({"metadata":{"labels":{"rempart.dev/workload":null}},"spec":{}})", false},
  };
  for (const auto& row : kRows) EXPECT_EQ(IsGivenSelector(Json::parse(row.pod)), row.given) << row.pod;
}

// Only the image differs; the digest is the released one unless the row says otherwise.
struct ImageRow {
  std::string image;
  const char* found;
};
TEST(Images, Table) {
  const std::string digest = "@" + test::kDigest, other = "@sha256:" + std::string(64, 'b');
  const ImageRow rows[] = {
      {"registry.sas.example/a" + digest, ""},
      {"registry.sas.example/a:1.2" + digest, ""},
      {"registry.sas.example:443/a" + digest, "RP-301"},  // another origin
      {"registry.sas.example.evil.example/a" + digest, "RP-301"},
      {"Registry.sas.example/a" + digest, "RP-301"},
      {"nginx" + digest, "RP-301"},
      {"library/nginx" + digest, "RP-301"},
      {"docker.io/library/nginx" + digest, "RP-301"},
      {"registry.sas.example" + digest, "RP-301"},  // an image of that name on Docker Hub
      {"registry.example:5000/team" + digest, ""},
      {"registry.example:5000/team/a" + digest, ""},
      {"registry.example:5000/teammate/a" + digest, "RP-301"},
      {"registry.example:5000/other" + digest, "RP-301"},
      {"registry.example/team/a" + digest, "RP-301"},
      {"registry.sas.example/a:1.2", "RP-302 RP-303"},
      {"registry.sas.example/a@sha256:abc", "RP-302 RP-303"},
      {"registry.sas.example/a" + digest + "0", "RP-302 RP-303"},
      {"registry.sas.example/a@sha256:" + std::string(64, 'A'), "RP-302 RP-303"},
      {"registry.sas.example/a" + other, "RP-303"},
      {"nginx", "RP-301 RP-302 RP-303"},
  };
  for (const auto& [image, found] : rows) {
    for (const char* list : {"containers", "initContainers", "ephemeralContainers", "volumes"}) {
      Json pod = test::Pod();
      Json entry = {{"name", "x"}, {"image", image}};
      if (std::string(list) == "volumes") entry["image"] = {{"reference", image}};
      pod["spec"][list] = Json::array({entry});
      std::string ids;
      for (const auto& violation : JudgeIn(test::Region(), {Gate::kPods, &pod})) {
        ids += (ids.empty() ? "" : " ") + violation.rule;
        EXPECT_THAT(violation.field, HasSubstr(std::string("spec.") + list + "[0].image"));
        EXPECT_THAT(violation.message, HasSubstr(image.substr(0, 40)));
      }
      EXPECT_EQ(ids, found) << list << " " << image;
    }
  }
}

TEST(Images, DockerHubByAnyOfItsNames) {
  auto region = test::Region();
  region.rules.images = {{"docker.io/library"}, false, false, {}};
  for (const auto& [image, allowed] : {std::pair{"nginx", true},
                                       {"nginx:1", true},
                                       {"library/nginx", true},
                                       {"docker.io/nginx", true},
                                       {"index.docker.io/library/nginx", true},
                                       {"evil/nginx", false},
                                       {"docker.io/evil/nginx", false},
                                       {"localhost/nginx", false}}) {
    Json pod = test::Pod();
    pod["spec"]["containers"][0]["image"] = image;
    EXPECT_EQ(JudgeIn(region, {Gate::kPods, &pod}).empty(), allowed) << image;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Others, Table,
    ::testing::Values(
        Row{Gate::kBindings, "{}", ""}, Row{Gate::kBindings, R"({"target":{"name":"de-fra-1"}})", "RP-102 target.name"},
        Row{Gate::kBindings, R"({"target":null})", "RP-102 target.name"}, Row{Gate::kServices, "{}", ""},
        Row{Gate::kServices, R"({"spec":{"type":"ExternalName","externalName":"x.example"}})", "RP-501 spec.type"},
        Row{Gate::kServices, R"({"spec":{"externalIPs":["192.0.2.1"]}})", "RP-502 spec.externalIPs[0]"},
        Row{Gate::kServices, R"({"spec":{"type":"LoadBalancer"}})", "RP-503 spec"},
        Row{Gate::kServices, R"({"spec":{"type":"LoadBalancer","loadBalancerClass":"metal.example/fr"}})", ""},
        Row{Gate::kServices, R"({"spec":{"type":"LoadBalancer","loadBalancerClass":"other"}})", "RP-503 spec"},
        Row{Gate::kServices,
            R"({"spec":{"type":"LoadBalancer","loadBalancerClass":"metal.example/fr","loadBalancerIP":"10.1.2.3"}})",
            ""},
        Row{Gate::kServices,
            R"({"spec":{"type":"LoadBalancer","loadBalancerClass":"metal.example/fr","loadBalancerIP":"192.0.2.1"}})",
            "RP-518 spec.loadBalancerIP"},
        Row{Gate::kServices,
            R"({"spec":{"type":"LoadBalancer","loadBalancerClass":"metal.example/fr","loadBalancerIP":"x.example"}})",
            "RP-518 spec.loadBalancerIP"},
        Row{Gate::kServices, R"({"spec":{"type":"ClusterIP","loadBalancerIP":"192.0.2.1"}})", ""},
        Row{Gate::kEndpoints, "{}", ""},
        Row{Gate::kEndpoints, R"({"endpoints":[{"addresses":["10.1.1.1"]},{"addresses":["192.0.2.1"]}]})",
            "RP-505 endpoints[1]"},
        Row{Gate::kEndpoints, R"({"addressType":"FQDN","endpoints":[{"addresses":["x.example"]}]})",
            "RP-505 endpoints[0]"},
        Row{Gate::kEndpoints, R"({"endpoints":null,"subsets":[{"notReadyAddresses":[{"ip":"192.0.2.1"}]}]})",
            "RP-506 subsets[0]"},
        Row{Gate::kClaims, "{}", ""},
        Row{Gate::kClaims, R"({"spec":{"storageClassName":"gp3"}})", "RP-401 spec.storageClassName"},
        Row{Gate::kClaims, R"({"spec":{"storageClassName":null}})", "RP-401 spec.storageClassName"},
        Row{Gate::kClaims,
            R"({"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-class":"nfs-dublin"}},"spec":{"storageClassName":"local-fr"}})",
            "RP-401 spec.storageClassName"},
        Row{Gate::kClaims,
            R"({"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-class":""}},"spec":{"storageClassName":"local-fr"}})",
            "RP-401 spec.storageClassName"},
        Row{Gate::kClaims,
            R"({"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-class":"local-fr"}},"spec":{"storageClassName":"local-fr"}})",
            ""},
        Row{Gate::kSnapshots, R"({"spec":{"volumeSnapshotClassName":"local-fr"}})", ""},
        Row{Gate::kSnapshots, R"({"spec":{"volumeSnapshotClassName":"backup-to-dublin"}})",
            "RP-408 spec.volumeSnapshotClassName"},
        Row{Gate::kSnapshots, "{}", "RP-408 spec.volumeSnapshotClassName"},
        Row{Gate::kStores,
            R"({"kind":"ExternalSecret","spec":{"dataFrom":[{"sourceRef":{"generatorRef":{"kind":"Webhook","name":"out"}}}]}})",
            "RP-605 spec.dataFrom[0].sourceRef.generatorRef.kind"},
        Row{Gate::kStores,
            R"({"kind":"ExternalSecret","spec":{"dataFrom":[{"sourceRef":{"generatorRef":{"kind":"Password","name":"new"}}}]}})",
            ""},
        Row{Gate::kStores, R"({"kind":"PushSecret","spec":{"secretStoreRefs":[{"name":"vault-fr"},{"name":"aws"}]}})",
            "RP-606 spec.secretStoreRefs[1]"},
        Row{Gate::kStores,
            R"({"kind":"PushSecret","spec":{"secretStoreRefs":[{"labelSelector":{}}],"selector":{"generatorRef":{"kind":"Webhook"}}}})",
            "RP-605 spec.selector.generatorRef.kind; RP-606 spec.secretStoreRefs[0]"},
        Row{Gate::kStores, "{}", "RP-607 metadata.name"},
        Row{Gate::kStores, R"({"metadata":{"name":"aws"}})", "RP-601 metadata.name"},
        Row{Gate::kStores, R"({"kind":"ExternalSecret","spec":{"provider":{"aws":{}}}})", ""},
        Row{Gate::kStores, R"({"kind":"ExternalSecret","spec":{"secretStoreRef":{"name":"aws"}}})",
            "RP-602 spec.secretStoreRef.name"},
        Row{Gate::kStores,
            R"({"kind":"ExternalSecret","spec":{"secretStoreRef":{"name":"vault-fr"},"data":[{"sourceRef":{"storeRef":{"name":"x"}}}]}})",
            "RP-602 spec.data[0].sourceRef.storeRef.name"}));

TEST(Others, AStoreLeadsToAProviderOfTheRegionAtItsAddress) {
  const std::pair<const char*, bool> rows[] = {
      {R"({"vault":{"server":"https://vault.example"}})", true},
      {R"({"vault":{"server":"https://vault.example","path":"secret"}})", true},
      {R"({"vault":{"server":"https://vault.example:8200"}})", false},
      {R"({"vault":{"server":"https://vault.example.evil"}})", false},
      {R"({"vault":{}})", false},
      {R"({"vault":{"server":{"url":"https://vault.example"}}})", false},
      {R"({"Vault":{"server":"https://vault.example"}})", false},
      {R"({"kubernetes":{"server":{"url":"https://10.0.0.1"}}})", true},
      {R"({"kubernetes":{"server":{"url":"https://10.0.0.2"}}})", false},
      {R"({"kubernetes":{"server":{"url":"https://10.0.0.1"},"authRef":{"name":"kubeconfig"}}})", false},
      {R"({"kubernetes":{}})", false},
      {R"({"azurekv":{"vaultUrl":"https://kv.example"}})", true},
      {R"({"azurekv":{"vaultUrl":"https://kv.example","customCloudConfig":{"activeDirectoryEndpoint":"https://x"}}})",
       false},
      {R"({"scaleway":{"region":"fr-par"}})", true},
      {R"({"aws":{"service":"SecretsManager","region":"eu-west-3"}})", false},
      {R"({"scaleway":{},"aws":{}})", false},
      {R"({"scaleway":{},"vault":{"server":"https://vault.example"}})", true},
      {R"("vault")", false},
  };
  const Json by_admin = test::RequestBy("somebody", {"region-admins"}, "CREATE");
  for (const auto& [provider, holds] : rows) {
    const Json store = {
        {"kind", "SecretStore"}, {"metadata", {{"name", "vault-fr"}}}, {"spec", {{"provider", Json::parse(provider)}}}};
    EXPECT_EQ(Found({Gate::kStores, &store, nullptr, &by_admin}), holds ? "" : "RP-608 spec.provider") << provider;
  }
}

// What is wrong is named with its address, and what would be right with what it must not have.
TEST(Others, ARefusalOfAProviderSaysWhereItLeadsAndWhereItShould) {
  const Json store = Json::parse(R"({"kind":"SecretStore","metadata":{"name":"vault-fr"},"spec":{"provider":{
      "scaleway":{},"aws":{},"vault":{"server":"https://vault.example/"}}}})");
  const Json by_admin = test::RequestBy("somebody", {"region-admins"}, "CREATE");
  const auto region = test::Region();
  const auto said = [&](api::Language language) {
    const auto found =
        Judge(RulesOf(region, {}), language, ParametersOf(region, {}), {Gate::kStores, &store, nullptr, &by_admin});
    return found.size() == 1 ? found[0].message : "not one finding";
  };
  EXPECT_THAT(
      said(api::Language::kEnglish),
      AllOf(HasSubstr("aws, vault https://vault.example/ is no provider of the region, or not at an address of it"),
            HasSubstr("use one of spec.keys.providers: vault (https://vault.example), kubernetes "
                      "(https://10.0.0.1, without authRef)")));
  EXPECT_THAT(said(api::Language::kFrench), HasSubstr("kubernetes (https://10.0.0.1, sans authRef)"));
}

TEST(Others, WhatBelongsToTheClusterCountsByItsClass) {
  const auto found = [](Gate gate, const char* object) {
    const Json parsed = Json::parse(object);
    return Found({gate, &parsed});
  };
  using G = Gate;
  const std::tuple<G, const char*, const char*> rows[] = {
      {G::kClasses, R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example"})", ""},
      {G::kClasses, R"({"metadata":{"name":"local-fr"},"provisioner":"ebs.csi.aws.com"})", "RP-402 provisioner"},
      {G::kClasses, R"({"metadata":{"name":"local-fr"}})", "RP-402 provisioner"},
      {G::kClasses, R"({"metadata":{"name":"other"},"provisioner":"ebs.csi.aws.com","parameters":{"kmsKeyId":"x"}})",
       ""},
      {G::kClasses,
       R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","allowedTopologies":[{"matchLabelExpressions":[)"
       R"({"key":"topology.kubernetes.io/zone","values":["fr-par-1","fr-par-2"]}]}]})",
       "RP-403 allowedTopologies[0]"},
      {G::kClasses,
       R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","allowedTopologies":[{"matchLabelExpressions":[)"
       R"({"key":"topology.kubernetes.io/zone","values":["fr-par-1"]},{"key":"rack","values":["7"]}]}]})",
       ""},
      {G::kClasses,
       R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","allowedTopologies":[{"matchLabelExpressions":[)"
       R"({"key":"topology.kubernetes.io/region","values":["de-fra"]}]}]})",
       "RP-403 allowedTopologies[0]"},
      {G::kClasses,
       R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","parameters":{"type":"ssd","kmsKeyId":"key-fr"}})",
       ""},
      {G::kClasses,
       R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","parameters":{"kmsKeyId":"arn:aws:kms:x"}})",
       "RP-603 parameters"},
      {G::kClasses,
       R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","parameters":{"diskEncryptionSetID":"x"}})",
       "RP-603 parameters"},
      {G::kClasses, R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","parameters":{"kmsKeyId":""}})", ""},
      {G::kVolumes, R"({"spec":{"storageClassName":"local-fr","local":{}}})", ""},
      {G::kVolumes,
       R"({"spec":{"storageClassName":"local-fr","csi":{"driver":"csi.example"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[)"
       R"({"key":"topology.kubernetes.io/zone","operator":"In","values":["fr-par-1"]}]}]}}}})",
       ""},
      {G::kVolumes,
       R"({"spec":{"storageClassName":"local-fr","csi":{"driver":"csi.example"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[)"
       R"({"key":"topology.kubernetes.io/zone","operator":"In","values":["fr-par-1"]}]},{"matchExpressions":[)"
       R"({"key":"topology.ebs.csi.aws.com/zone","operator":"In","values":["eu-central-1a"]}]}]}}}})",
       "RP-404 spec.nodeAffinity.required.nodeSelectorTerms[1]"},
      {G::kVolumes,
       R"({"spec":{"storageClassName":"local-fr","csi":{"driver":"csi.example"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[)"
       R"({"key":"topology.kubernetes.io/zone","operator":"NotIn","values":["de-fra-1"]}]}]}}}})",
       "RP-404 spec.nodeAffinity.required.nodeSelectorTerms[0]"},
      {G::kVolumes,
       R"({"spec":{"storageClassName":"local-fr","local":{"path":"/d"},"nodeAffinity":{"required":{"nodeSelectorTerms":[)"
       R"({"matchExpressions":[{"key":"gpu","operator":"DoesNotExist"}]}]}}}})",
       ""},
      {G::kVolumes, R"({"spec":{"storageClassName":"local-fr","csi":{"driver":"csi.example"}}})", ""},
      {G::kVolumes, R"({"spec":{"storageClassName":"local-fr","csi":{"driver":"nfs.csi.k8s.io"}}})",
       "RP-406 spec.csi.driver"},
      {G::kVolumes, R"({"spec":{"storageClassName":"local-fr","nfs":{"server":"192.0.2.1"}}})",
       "RP-406 spec.csi.driver"},
      {G::kVolumes,
       R"({"metadata":{"annotations":{"volume.beta.kubernetes.io/storage-class":"local-fr"}},"spec":{"nfs":{"server":"192.0.2.1"}}})",
       "RP-406 spec.csi.driver"},
      {G::kVolumes, R"({"spec":{"storageClassName":"other","nfs":{"server":"192.0.2.1"}}})", ""},
      {G::kPods,
       R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"france"},"volumes":[)"
       R"({"name":"a","configMap":{}},{"name":"b","csi":{"driver":"certificates.example"}},{"name":"c","ephemeral":{}}]}})",
       ""},
      {G::kPods,
       R"({"spec":{"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"france"},"volumes":[)"
       R"({"name":"a","csi":{"driver":"nfs.csi.k8s.io"}},{"name":"b","nfs":{"server":"192.0.2.1"}},{"name":"c"}]}})",
       "RP-407 spec.volumes[0]; RP-407 spec.volumes[1]; RP-407 spec.volumes[2]"},
      {G::kVolumes,
       R"({"spec":{"storageClassName":"other","nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[)"
       R"({"key":"topology.kubernetes.io/zone","operator":"In","values":["de-fra-1"]}]}]}}}})",
       ""},
      {G::kIngresses, R"({"spec":{"ingressClassName":"nginx-fr"}})", ""},
      {G::kIngresses, R"({"spec":{"ingressClassName":"alb"}})", "RP-510 spec.ingressClassName"},
      {G::kIngresses, R"({"spec":{}})", "RP-510 spec.ingressClassName"},
      {G::kIngresses, R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":"nginx-fr"}},"spec":{}})", ""},
      {G::kIngresses, R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":"alb"}},"spec":{}})",
       "RP-510 spec.ingressClassName"},
      {G::kIngresses,
       R"({"metadata":{"annotations":{"kubernetes.io/ingress.class":"alb"}},"spec":{"ingressClassName":"nginx-fr"}})",
       "RP-510 spec.ingressClassName"},
      {G::kGateways, R"({"spec":{"gatewayClassName":"envoy-fr"}})", ""},
      {G::kGateways, R"({"spec":{"gatewayClassName":"gke-l7-global-external-managed"}})",
       "RP-511 spec.gatewayClassName"},
      {G::kServices,
       R"({"metadata":{"annotations":{"service.beta.kubernetes.io/ours":"x","note":"y"}},"spec":{"type":"LoadBalancer",)"
       R"("loadBalancerClass":"metal.example/fr"}})",
       ""},
      {G::kServices,
       R"({"metadata":{"annotations":{"service.beta.kubernetes.io/aws-load-balancer-type":"x"}},"spec":{"type":)"
       R"("LoadBalancer","loadBalancerClass":"metal.example/fr"}})",
       "RP-504 metadata.annotations"},
      {G::kServices,
       R"({"metadata":{"annotations":{"MetalLB.io/address-pool":"x"}},"spec":{"type":"LoadBalancer",)"
       R"("loadBalancerClass":"metal.example/fr"}})",
       "RP-504 metadata.annotations"},
      {G::kServices, R"({"metadata":{"annotations":{"cloud.google.com/neg":"x"}},"spec":{"type":"ClusterIP"}})", ""},
  };
  for (const auto& [gate, object, expected] : rows) EXPECT_EQ(found(gate, object), expected) << object;
}

// What a cloud is asked for in annotations changes without the spec.
TEST(Judge, AnAnnotationOfAServiceIsNoUntouchedSpec) {
  Json before = {{"metadata", {{"annotations", Json::object()}}},
                 {"spec", {{"type", "LoadBalancer"}, {"loadBalancerClass", "metal.example/fr"}}}};
  Json after = before;
  after["metadata"]["annotations"]["service.beta.kubernetes.io/other"] = "x";
  const Json request = test::RequestBy("bob", {}, "UPDATE");
  EXPECT_EQ(Found({Gate::kServices, &after, &before, &request}), "RP-504 metadata.annotations");
  after["metadata"]["labels"]["x"] = "y";
  EXPECT_EQ(Found({Gate::kServices, &after, &after, &request}), "");
}

// A second policy of the namespace adds to what the first lets through.
TEST(Egress, WhatAPolicyOfATenantMayOpen) {
  struct {
    const char* egress;  // spec.egress
    bool allowed;
  } rows[] = {
      {"[]", true},
      {"null", true},
      {"[{}]", false},
      {R"([{"to":[]}])", false},
      {R"([{"ports":[{"port":53}]}])", false},
      {R"([{"to":[{"podSelector":{}}]}])", true},
      {R"([{"to":[{"podSelector":{"matchLabels":{"app":"db"}}}],"ports":[{"port":5432}]}])", true},
      {R"([{"to":[{"ipBlock":{"cidr":"10.1.0.0/16","except":["10.1.2.0/24"]}}]}])", true},
      {R"([{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]}])", true},
      {R"([{"to":[{"ipBlock":{"cidr":"10.0.0.0/7"}}]}])", false},
      {R"([{"to":[{"ipBlock":{"cidr":"0.0.0.0/0"}}]}])", false},
      {R"([{"to":[{"ipBlock":{"cidr":"::/0"}}]}])", false},
      {R"([{"to":[{"ipBlock":{}}]}])", false},
      {R"([{"to":[{"ipBlock":{"cidr":"192.0.2.0/24"}}],"ports":[{"port":443}]}])", false},  // declared with ports
      {R"([{"to":[{"podSelector":{}},{"ipBlock":{"cidr":"8.8.8.8/32"}}]}])", false},
      {R"([{"to":[{"podSelector":{}}]},{"to":[{"ipBlock":{"cidr":"8.8.8.8/32"}}]}])", false},
      {R"([{"to":[{"namespaceSelector":{}}]}])", false},
      {R"([{"to":[{"namespaceSelector":{},"podSelector":{"matchLabels":{"k8s-app":"kube-dns"}}}]}])", false},
      {R"([{"to":[{"namespaceSelector":{"matchLabels":{"rempart.dev/region":"france"}}}]}])", true},
      {R"([{"to":[{"namespaceSelector":{"matchLabels":{"rempart.dev/region":"france","team":"x"}}}]}])", true},
      {R"([{"to":[{"namespaceSelector":{"matchLabels":{"rempart.dev/region":"germany"}}}]}])", false},
      {R"([{"to":[{"namespaceSelector":{"matchExpressions":[{"key":"team","operator":"Exists"}]}}]}])", false},
      {R"([{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}},)"
       R"("podSelector":{"matchLabels":{"k8s-app":"kube-dns"}}}]}])",
       true},
      {R"([{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}}}]}])", false},
      {R"([{"toEntities":["world"]}])", false},                                // Cilium
      {R"([{"action":"Allow","destination":{"nets":["::/0"]}}])", false},      // Calico
      {R"([{"to":[{"fqdn":"x.example"}]}])", false},                           // Antrea
      {R"([{"to":[{"podSelector":{}}],"toServices":[{"name":"x"}]}])", true},  // which Kubernetes has not
      {R"("x")", false},
      {R"(["x"])", false},
      {R"([{"to":"x"}])", false},
      {R"([{"to":["x"]}])", false},
  };
  for (const auto& [egress, allowed] : rows) {
    Json policy = {{"apiVersion", "networking.k8s.io/v1"},
                   {"metadata", {{"name", "mine"}}},
                   {"spec", {{"egress", Json::parse(egress)}}}};
    EXPECT_EQ(Found({Gate::kPolicies, &policy}).empty(), allowed)
        << egress << ": " << Found({Gate::kPolicies, &policy});
    const bool opens =
        policy["spec"]["egress"].is_array() ? !policy["spec"]["egress"].empty() : !policy["spec"]["egress"].is_null();
    for (const char* version : {"crd.antrea.io/v1beta1", "cilium.io/v2", "crd.projectcalico.org/v1", ""}) {
      policy["apiVersion"] = version;
      EXPECT_NE(Found({Gate::kPolicies, &policy}).empty(), opens) << version << " " << egress;
    }
  }
  const Json several = Json::parse(R"({"metadata":{"name":"mine"},"specs":[{"egress":[]}]})");
  EXPECT_EQ(Found({Gate::kPolicies, &several}), "RP-508 specs[0]");
  Json ours = Json::parse(R"({"apiVersion":"networking.k8s.io/v1","metadata":{"name":"rempart-default-deny"},
                              "spec":{"egress":[{}]}})");
  EXPECT_EQ(Found({Gate::kPolicies, &ours}), "") << "which only the operator writes";
  ours["apiVersion"] = "cilium.io/v2";
  EXPECT_EQ(Found({Gate::kPolicies, &ours}), "RP-508 spec.egress[0]") << "the name alone opens nothing";
  // A second list of rules is no less a change than the first.
  const Json before =
      Json::parse(R"({"apiVersion":"cilium.io/v2","metadata":{"name":"mine"},"spec":{"ingress":[{}]}})");
  Json after = before;
  after["specs"] = Json::array({{{"egress", Json::array({Json::object()})}}});
  const Json update = {{"operation", "UPDATE"}};
  EXPECT_EQ(Found({Gate::kPolicies, &before, &before, &update}), "");
  EXPECT_EQ(Found({Gate::kPolicies, &after, &before, &update}), "RP-508 specs[0]");
}

TEST(Egress, NamespacesOfTheRegionAreToldByItsOwnSelector) {
  auto region = test::Region();
  const auto found = [&](const char* labels) {
    const Json policy = {
        {"apiVersion", "networking.k8s.io/v1"},
        {"metadata", {{"name", "mine"}}},
        {"spec",
         {{"egress",
           Json::array({{{"to", Json::array({{{"namespaceSelector", {{"matchLabels", Json::parse(labels)}}}}})}}})}}}};
    return !JudgeIn(region, {Gate::kPolicies, &policy}).empty();
  };
  region.rules.namespace_selector = R"({"matchLabels":{"team":"a","zone":"b"}})";
  EXPECT_FALSE(found(R"({"team":"a","zone":"b"})"));
  EXPECT_TRUE(found(R"({"team":"a"})"));
  EXPECT_TRUE(found(R"({"rempart.dev/region":"france"})"));
  region.rules.namespace_selector =
      R"({"matchLabels":{"team":"a"},"matchExpressions":[{"key":"x","operator":"Exists"}]})";
  EXPECT_TRUE(found(R"({"team":"a"})")) << "what is asked for beyond labels cannot be seen";
}

// A set is found by its labels as pods are, and the operator's own policy lets pods of the namespace be sent to.
TEST(Egress, WhatASetOfATenantMayName) {
  const auto found = [](const api::SovereignRegion& region, const std::string& spec) {
    const Json set = {{"apiVersion", "projectcalico.org/v3"}, {"kind", "NetworkSet"}, {"spec", Json::parse(spec)}};
    std::string fields;
    for (const auto& violation : JudgeIn(region, {Gate::kPolicies, &set}))
      fields += violation.rule + " " + violation.field + ";";
    return fields;
  };
  auto region = test::Region();
  EXPECT_EQ(found(region, R"({"nets":["10.0.0.0/8","10.1.2.3","10.1.0.0/16"]})"), "");
  EXPECT_EQ(found(region, R"({})"), "");
  EXPECT_EQ(found(region, R"({"nets":["10.1.0.0/16","0.0.0.0/0"]})"), "RP-509 spec.nets[1];");
  EXPECT_EQ(found(region, R"({"nets":["192.0.2.1/32"]})"), "RP-509 spec.nets[0];") << "open at some ports alone";
  EXPECT_EQ(found(region, R"({"nets":["::ffff:8.8.8.8/128","010.0.0.1/8"]})"),
            "RP-509 spec.nets[0];RP-509 spec.nets[1];");
  EXPECT_EQ(found(region, R"({"allowedEgressDomains":["*.example.com"]})"), "RP-509 spec.allowedEgressDomains[0];");
  EXPECT_EQ(found(region, R"({"nets":"10.0.0.0/8"})"), "RP-509 spec.nets;");
  region.rules.network->egress->clear();
  EXPECT_EQ(found(region, R"({"nets":["10.0.0.0/8"]})"), "RP-509 spec.nets[0];") << "nothing is open";
  region.rules.network->egress.reset();
  EXPECT_EQ(found(region, R"({"nets":["0.0.0.0/0"]})"), "") << "all is";
}

// A meta plugin reads them when the pod's sandbox is made, which may be after an update.
TEST(Judge, AnAnnotationForNetworksIsNoUntouchedSpec) {
  const Json before = test::Pod();
  Json after = before;
  const Json request = test::RequestBy("bob", {}, "UPDATE");
  after["metadata"]["annotations"]["v1.multus-cni.io/default-network"] = "x/y";
  EXPECT_EQ(Found({Gate::kPods, &after, &before, &request}),
            "RP-517 metadata.annotations.v1.multus-cni.io/default-network");
  EXPECT_EQ(Found({Gate::kPods, &after, &after, &request}), "") << "it was there before";
  Json noted = after;
  noted["metadata"]["annotations"]["cni.example/status"] = "x";
  EXPECT_EQ(Found({Gate::kPods, &noted, &after, &request}), "") << "controllers annotate pods all the time";
}

TEST(Requests, WhoMayDoWhat) {
  const Json labelled = {{"metadata", {{"labels", {{"rempart.dev/region", "france"}}}}}},
             plain = {{"metadata", Json::object()}};
  const Json node = {
      {"metadata",
       {{"labels",
         {{"rempart.node-restriction.kubernetes.io/region", "france"}, {"topology.kubernetes.io/zone", "fr-par-1"}}}}}};
  Json moved = node, unlabelled = node;
  moved["metadata"]["labels"]["topology.kubernetes.io/zone"] = "fr-par-2";
  unlabelled["metadata"]["labels"].erase("rempart.node-restriction.kubernetes.io/region");
  Json restricted = labelled, privileged = labelled, pinned = labelled;
  restricted["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted";
  privileged["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "privileged";
  Json privileged_outside = privileged;
  privileged_outside["metadata"]["labels"].erase(std::string(api::kRegionLabel));
  pinned = restricted;
  pinned["metadata"]["labels"]["pod-security.kubernetes.io/enforce-version"] = "v1.20";
  const Json allowed_store = {{"metadata", {{"name", "vault-fr"}}}};
  const Json foreign_store = {{"metadata", {{"name", "vault-fr"}}},
                              {"spec", {{"provider", {{"aws", Json::object()}}}}}};
  const Json others_foreign_store = {{"metadata", {{"name", "theirs"}}}, {"spec", foreign_store["spec"]}};
  const Json guard = {{"metadata", {{"name", "rempart-default-deny"}}}}, other = {{"metadata", {{"name", "mine"}}}};
  const auto node_in = [](const char* region) {
    return Json{{"metadata", {{"labels", {{"topology.kubernetes.io/region", region}}}}}};
  };
  const Json foreign = node_in("de-fra"), elsewhere = node_in("ie-dub"), claims_to_be_here = node_in("fr-par");
  const Json claim = {{"metadata", {{"name", "data"}}}, {"spec", {{"storageClassName", "local-fr"}}}};
  Json bound_claim = claim, renamed_class = claim;
  bound_claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = "yes";
  renamed_class["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"] = "";
  const Json its_region = {{"kind", "SovereignRegion"}, {"metadata", {{"name", "france"}}}},
             profile_of_its_name = {{"kind", "HostingProfile"}, {"metadata", {{"name", "france"}}}};
  const Json allowed_secret_store = {{"kind", "SecretStore"}, {"metadata", {{"name", "vault-fr"}}}};
  const Json pod = test::Pod();
  Json mirror = pod;
  mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "hash";
  mirror["spec"]["nodeName"] = "elsewhere";
  mirror["spec"].erase("nodeSelector");
  struct RequestRow {
    Gate gate;
    const Json *before, *after;
    const char* operation;
    const char* by;  // a user, or "group:<name>"
    const char* found;
  };
  const RequestRow rows[] = {
      {Gate::kNamespace, nullptr, &labelled, "CREATE", "bob", "RP-701"},
      {Gate::kNamespace, nullptr, &labelled, "CREATE", "group:region-admins", ""},
      {Gate::kNamespace, &labelled, &labelled, "UPDATE", "bob", ""},
      {Gate::kNamespace, &labelled, &plain, "UPDATE", "bob", "RP-701"},
      {Gate::kNamespace, &plain, &labelled, "UPDATE", "bob", "RP-701"},
      {Gate::kNamespace, &labelled, &plain, "UPDATE", test::kOperator, ""},
      {Gate::kNamespace, &labelled, &plain, "UPDATE", "group:system:masters", ""},
      {Gate::kNamespace, &labelled, &restricted, "UPDATE", "bob", ""},
      {Gate::kNamespace, &labelled, &privileged, "UPDATE", "bob", "RP-705"},
      {Gate::kNamespace, &restricted, &labelled, "UPDATE", "group:system:masters", "RP-705"},
      {Gate::kNamespace, &restricted, &pinned, "UPDATE", "bob", "RP-705"},
      {Gate::kNamespace, &privileged, &privileged, "UPDATE", "bob", ""},
      {Gate::kNamespace, &privileged_outside, &privileged, "UPDATE", "group:region-admins", ""},
      {Gate::kNamespace, &privileged, &privileged_outside, "UPDATE", "group:region-admins", ""},
      {Gate::kNamespace, &restricted, &labelled, "UPDATE", test::kOperator, ""},
      {Gate::kNamespace, nullptr, &privileged, "CREATE", "group:region-admins", "RP-705"},
      {Gate::kGuards, nullptr, &guard, "CREATE", "bob", "RP-507"},
      {Gate::kGuards, &guard, &guard, "UPDATE", "group:system:masters", "RP-507"},
      {Gate::kGuards, &guard, nullptr, "DELETE", "bob", "RP-507"},
      {Gate::kGuards, &guard, nullptr, "DELETE", test::kOperator, ""},
      {Gate::kGuards, &guard, nullptr, "DELETE", "system:serviceaccount:kube-system:namespace-controller", ""},
      {Gate::kGuards, &guard, nullptr, "DELETE", "system:kube-controller-manager", ""},
      {Gate::kGuards, &other, nullptr, "DELETE", "bob", ""},
      {Gate::kGuards, nullptr, &other, "CREATE", "bob", ""},
      {Gate::kClusterStores, nullptr, &allowed_store, "CREATE", "bob", "RP-604 metadata.name"},
      {Gate::kClusterStores, nullptr, &allowed_store, "CREATE", "group:region-admins", ""},
      {Gate::kClusterStores, nullptr, &other, "CREATE", "bob", ""},
      {Gate::kClusterStores, nullptr, &foreign_store, "CREATE", "group:region-admins", "RP-609 spec.provider"},
      {Gate::kClusterStores, nullptr, &others_foreign_store, "CREATE", "bob", ""},
      {Gate::kNodes, &node, &node, "UPDATE", "bob", ""},
      {Gate::kNodes, &node, &unlabelled, "UPDATE", "bob", "RP-201"},
      {Gate::kNodes, &unlabelled, &node, "UPDATE", "group:system:masters", "RP-201"},
      {Gate::kNodes, nullptr, &node, "CREATE", "bob", "RP-201"},
      {Gate::kNodes, &unlabelled, &node, "UPDATE", test::kOperator, ""},
      {Gate::kNodes, &node, &moved, "UPDATE", "system:node:n", "RP-202"},
      {Gate::kNodes, &node, &moved, "UPDATE", "cloud", ""},
      {Gate::kNodes, nullptr, &unlabelled, "CREATE", "system:node:n", ""},
      {Gate::kNodes, &foreign, &claims_to_be_here, "UPDATE", "system:node:n", "RP-202"},
      {Gate::kNodes, &claims_to_be_here, &foreign, "UPDATE", "bob", "RP-202"},
      {Gate::kNodes, &foreign, &elsewhere, "UPDATE", "bob", ""},
      {Gate::kNodes, &foreign, &claims_to_be_here, "UPDATE", "cloud", ""},
      {Gate::kClaims, nullptr, &bound_claim, "CREATE", "bob", "RP-405"},
      {Gate::kClaims, nullptr, &bound_claim, "CREATE", "system:serviceaccount:kube-system:statefulset-controller",
       "RP-405"},
      {Gate::kClaims, nullptr, &bound_claim, "CREATE", "system:kube-controller-manager", "RP-405"},
      {Gate::kClaims, &claim, &bound_claim, "UPDATE", "bob", "RP-405"},
      {Gate::kClaims, &claim, &bound_claim, "UPDATE", "system:kube-controller-manager", ""},
      {Gate::kClaims, &claim, &bound_claim, "UPDATE", "system:serviceaccount:kube-system:persistent-volume-binder", ""},
      {Gate::kClaims, &bound_claim, &bound_claim, "UPDATE", "bob", ""},
      {Gate::kClaims, &claim, &renamed_class, "UPDATE", "bob", "RP-401 spec.storageClassName"},
      {Gate::kRempart, &its_region, nullptr, "DELETE", "bob", "RP-702"},
      {Gate::kRempart, &its_region, &its_region, "UPDATE", "group:region-admins", ""},
      {Gate::kRempart, nullptr, &its_region, "CREATE", "bob", "RP-702"},
      {Gate::kRempart, &profile_of_its_name, nullptr, "DELETE", "bob", ""},
      {Gate::kStores, nullptr, &allowed_secret_store, "CREATE", "bob", "RP-607 metadata.name"},
      {Gate::kStores, nullptr, &allowed_secret_store, "CREATE", "group:region-admins", ""},
      {Gate::kPods, nullptr, &mirror, "CREATE", "bob",
       "RP-101 spec.nodeName; RP-103 spec.nodeSelector.rempart.node-restriction.kubernetes.io/region; "
       "RP-105 metadata.annotations.kubernetes.io/config.mirror"},
      {Gate::kPods, nullptr, &mirror, "CREATE", "group:system:nodes", ""},
      {Gate::kAccess, nullptr, &plain, "CONNECT", "bob", "RP-703"},
      {Gate::kAccess, nullptr, &plain, "CONNECT", "alice", ""},
      {Gate::kAccess, nullptr, &plain, "CONNECT", "group:tenant-admins", ""},
      {Gate::kPods, nullptr, &pod, "CREATE", "bob", ""},
  };
  for (const auto& [gate, before, after, operation, by, found] : rows) {
    const std::string who = by;
    const Json request = who.starts_with("group:") ? test::RequestBy("somebody", {who.substr(6)}, operation)
                                                   : test::RequestBy(who, {}, operation);
    EXPECT_EQ(Found({gate, after, before, &request}), found) << operation << " by " << by;
  }
  Json request = test::RequestBy("bob", {}, "UPDATE");
  request["subResource"] = "ephemeralcontainers";
  Json changed = pod;
  changed["spec"]["ephemeralContainers"] = Json::array({{{"image", test::kImage}}});
  EXPECT_EQ(Found({Gate::kPods, &changed, &pod, &request}), "RP-704");
}

// A pod that was there before the rules must be able to end.
TEST(Judge, WhatLeavesTheSpecAloneIsLetThrough) {
  Json before = test::Pod();
  before["spec"]["containers"][0]["image"] = "nginx";
  Json after = before;
  after["metadata"]["finalizers"] = Json::array();
  const Json request = test::RequestBy("system:serviceaccount:kube-system:job-controller", {}, "UPDATE");
  EXPECT_EQ(Found({Gate::kPods, &after, &before, &request}), "");
  after["spec"]["containers"][0]["image"] = "nginx:2";
  EXPECT_NE(Found({Gate::kPods, &after, &before, &request}), "");
}

TEST(Requests, TheProfileOfARegionIsPartOfItsPerimeter) {
  auto region = test::Region();
  region.profile = "outscale";
  const Json request = test::RequestBy("bob", {}, "DELETE");
  const auto deleted = [&](const char* kind, const char* name) {
    const Json object = {{"kind", kind}, {"metadata", {{"name", name}}}};
    return JudgeIn(region, {Gate::kRempart, nullptr, &object, &request}).size();
  };
  EXPECT_EQ(deleted("HostingProfile", "outscale"), 1U);
  EXPECT_EQ(deleted("HostingProfile", "scaleway"), 0U);
  EXPECT_EQ(deleted("PerimeterParameters", "outscale"), 0U);
  EXPECT_EQ(deleted("PerimeterParameters", "france"), 1U);
}

// What is not by the region's own name is told by its nodes: it has no list of places.
TEST(Requests, ARegionByProfileAloneMindsEveryNode) {
  auto region = test::Region();
  region.locations.clear();
  region.profile = "outscale";
  const Json before = {{"metadata", {{"labels", {{"topology.kubernetes.io/region", "x"}}}}}},
             after = {{"metadata", {{"labels", {{"topology.kubernetes.io/region", "y"}}}}}};
  const Json request = test::RequestBy("bob", {}, "UPDATE");
  EXPECT_EQ(JudgeIn(region, {Gate::kNodes, &after, &before, &request}).size(), 1U);
}

TEST(Judge, SectionsThatAreNotThereAskForNothing) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  std::vector<std::string> ids;
  for (const auto& rule : RulesOf(region, {})) ids.push_back(rule.id);
  EXPECT_THAT(ids, ElementsAre("RP-101", "RP-102", "RP-103", "RP-104", "RP-105", "RP-201", "RP-705"));
  region.taint_outside_nodes = true;
  ids.clear();
  for (const auto& rule : RulesOf(region, {})) ids.push_back(rule.id);
  EXPECT_THAT(ids, ElementsAre("RP-101", "RP-102", "RP-104", "RP-105", "RP-201", "RP-705"));
  ids.clear();
  for (const auto& rule : RulesOf(region, {.operator_user = "", .other_regions = true})) ids.push_back(rule.id);
  EXPECT_THAT(ids, ElementsAre("RP-101", "RP-102", "RP-103", "RP-104", "RP-105", "RP-201", "RP-705"))
      << "nodes of another region carry no taint";
}

TEST(Rules, SayAllThatARefusalHasToSay) {
  std::set<std::string> ids;
  for (const auto& rule : RulesOf(test::Region(), test::Context().rules)) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_NE(rule.wrong.en, "");
    EXPECT_NE(rule.wrong.fr, "");
    EXPECT_NE(rule.fix.en, "");
    EXPECT_NE(rule.fix.fr, "");
    EXPECT_NE(rule.wrong.en, rule.wrong.fr) << rule.id;
    EXPECT_THAT(rule.clauses, HasSubstr("SecNumCloud 3.2"));
  }
  EXPECT_EQ(ids.size(), 50U);
}

TEST(Judge, MessageSaysWhatWasFoundTheFixAndTheClause) {
  Json pod = test::Pod();
  pod["spec"]["containers"][0]["image"] = "docker.io/evil@" + test::kDigest;
  auto region = test::Region();
  const auto english = JudgeIn(region, {Gate::kPods, &pod});
  ASSERT_EQ(english.size(), 1U);
  EXPECT_EQ(english[0].message, "docker.io/evil@" + test::kDigest +
                                    " comes from a registry that the region does not allow; use one of: "
                                    "registry.sas.example, registry.example:5000/team (SecNumCloud 3.2: 12.10.c)");
  region.rules.language = Language::kFrench;
  EXPECT_THAT(JudgeIn(region, {Gate::kPods, &pod})[0].message,
              HasSubstr("vient d'un registre que la région n'admet pas ; "));
}

// Nothing that can be written as JSON ends the process or is taken for compliant by mistake of type.
TEST(Judge, WrongTypesAreViolations) {
  for (const char* value : {"7", "true", "\"x\"", "[]", "{}", "[[]]", "[7]", "[{\"image\":{}}]"}) {
    for (const char* at : {"/spec", "/spec/containers", "/spec/volumes", "/spec/tolerations", "/spec/nodeSelector"}) {
      Json pod = test::Pod();
      pod[Json::json_pointer(at)] = Json::parse(value);
      const auto found = JudgeIn(test::Region(), {Gate::kPods, &pod});
      // A list may be empty, and a volume that says nothing of its image is none to the server.
      const std::string_view where(at), what(value);
      const bool is_list = where != "/spec" && where != "/spec/nodeSelector";
      const bool fits = is_list && (what == "[]" || (where == "/spec/volumes" && what == R"([{"image":{}}])"));
      EXPECT_EQ(found.empty(), fits) << at << " " << value;
    }
  }
  for (const char* spec : {"7", "[]", "\"x\"", "true"}) {
    Json pod = test::Pod();
    pod["spec"] = Json::parse(spec);
    EXPECT_FALSE(JudgeIn(test::Region(), {Gate::kPods, &pod}).empty()) << spec;
  }
}

// Of a region that has a profile, what both know counts; where the profile is not there, no place is the region's; and
// where it is not at hand, as for a manifest without a cluster, nothing is asked.
TEST(Topologies, AreComparedWithThePlacesOfTheProfileToo) {
  auto region = test::Region();
  region.locations.clear();
  region.profile = "cloud";
  api::HostingProfile profile;
  profile.locations = {{"fr-par", {"fr-par-1"}, "FR", ""}, {"fr-lyo", {"fr-lyo-1"}, "FR", "", false}};
  const auto in_zone = [](const char* zone) {
    return Json::parse(R"({"metadata":{"name":"local-fr"},"provisioner":"csi.example","allowedTopologies":[)"
                       R"({"matchLabelExpressions":[{"key":"topology.kubernetes.io/zone","values":[")" +
                       std::string(zone) + R"("]}]}]})");
  };
  const auto found = [&](const RuleContext& context, const char* zone) {
    const Json object = in_zone(zone);
    const auto violations =
        Judge(RulesOf(region, context), region.rules.language, ParametersOf(region, {}), {Gate::kClasses, &object});
    return violations.empty() ? std::string() : violations.front().rule;
  };
  RuleContext context = test::Context().rules;
  EXPECT_EQ(found(context, "de-fra-1"), "");
  context.places = RulePlacesOf(region, &profile);
  EXPECT_EQ(found(context, "fr-par-1"), "");
  EXPECT_EQ(found(context, "de-fra-1"), "RP-403");
  EXPECT_EQ(found(context, "fr-lyo-1"), "RP-403") << "not confirmed, and the region lists nothing";
  context.places = RulePlacesOf(region, nullptr);
  EXPECT_EQ(found(context, "fr-par-1"), "RP-403");
}

// A label that alone tells one provider's nodes from another's is not for each kubelet to write.
TEST(Judge, LabelsThatTheProfileRequiresAreChangedByThoseListed) {
  api::SovereignRegion region = test::Region();
  region.profile = "cloud";
  region.locations.clear();
  api::HostingProfile profile;
  profile.required_labels = {{"topology.cloud.example/net", {}}};
  RuleContext context = test::Context().rules;
  const Json before = {{"metadata", {{"name", "n"}, {"labels", Json::object()}}}};
  Json after = before;
  after["metadata"]["labels"]["topology.cloud.example/net"] = "10.0.0.0";
  const auto rules_against = [&](const std::string& user) {
    const Json request = {{"operation", "UPDATE"}, {"userInfo", {{"username", user}, {"groups", Json::array()}}}};
    std::vector<std::string> ids;
    for (const auto& violation : Judge(RulesOf(region, context), region.rules.language, ParametersOf(region, {}),
                                       {Gate::kNodes, &after, &before, &request}))
      ids.push_back(violation.rule);
    return ids;
  };
  EXPECT_THAT(rules_against("system:node:n"), ElementsAre());
  context.places = RulePlacesOf(region, &profile);
  EXPECT_THAT(rules_against("system:node:n"), ElementsAre("RP-202"));
  EXPECT_THAT(rules_against("cloud"), ElementsAre());
}

}  // namespace
}  // namespace rempart::rules
