// What is counted of what already runs, and the reports that are made of it.
#include "operator/perimeter/audit/tally.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "operator/perimeter/audit/reports.h"
#include "operator/perimeter/rules/policies.h"

namespace rempart::audit {
namespace {

using rules::Gate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr kube::Resource kServices{"", "v1", "services", "Service", true};
constexpr kube::Resource kSlices{"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true};

api::SovereignRegion Region() {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.meta.uid = "uid-of-france";
  region.rules.images.emplace();
  region.rules.images->registries = {"registry.example"};
  region.rules.images->require_digest = false;
  region.rules.network.emplace();
  region.rules.network->ranges = {"10.0.0.0/8"};
  return region;
}

Tally MakeTally(const api::SovereignRegion& region = Region(), Tally::Keep keep = {}) {
  return {region, rules::RulesOf(region, {"operator"}), rules::ParametersOf(region, {"fr-1"}), keep};
}

Json Pod(const std::string& ns, const std::string& name, const std::string& image, const std::string& node = "fr-1") {
  return {{"metadata", {{"name", name}, {"namespace", ns}, {"uid", "uid-of-" + name}}},
          {"spec",
           {{"nodeName", node},
            {"nodeSelector", {{std::string(api::kNodeRegionLabel), "france"}}},
            {"containers", Json::array({{{"name", "app"}, {"image", image}}})}}}};
}

// "Audit until the count is zero" must be reachable: what the server will add, nobody has to.
TEST(Tally, ASelectorThatTheServerAddsIsNotMissed) {
  const auto region = Region();
  Json without = Pod("acme", "plain", "registry.example/app:1"), elsewhere = without;
  without["spec"].erase("nodeSelector");
  Json of_a_workload = without;
  of_a_workload["metadata"]["labels"][std::string(api::kWorkloadLabel)] = "web";
  elsewhere["spec"]["nodeSelector"][std::string(api::kNodeRegionLabel)] = "germany";
  for (const bool added : {false, true}) {
    Tally tally(region, rules::RulesOf(region, {"operator"}), rules::ParametersOf(region, {"fr-1"}), {}, added);
    tally.Add(Gate::kPods, api::kPods, without);
    EXPECT_EQ(tally.violations(), added ? 0U : 1U);
    tally.Add(Gate::kPods, api::kPods, elsewhere);
    EXPECT_THAT(tally.by_rule(), ElementsAre(Pair("RP-103", added ? 1 : 2)))
        << "one that names a place is left as it is";
    tally.Add(Gate::kPods, api::kPods, of_a_workload);
    EXPECT_THAT(tally.by_rule(), ElementsAre(Pair("RP-103", added ? 2 : 3))) << "workloads' pods come with it";
  }
}

TEST(Tally, CountsByRuleAndByNamespace) {
  Tally tally = MakeTally();
  tally.Add(Gate::kPods, api::kPods, Pod("acme", "good", "registry.example/app:1"));
  tally.Add(Gate::kPods, api::kPods, Pod("acme", "bad", "docker.io/library/nginx:1", "de-1"));
  tally.Add(Gate::kPods, api::kPods, Pod("beta", "bad", "docker.io/library/nginx:1"));
  tally.Add(Gate::kServices, kServices,
            {{"metadata", {{"name", "out"}, {"namespace", "beta"}}}, {"spec", {{"type", "ExternalName"}}}});
  EXPECT_EQ(tally.objects(), 4U);
  EXPECT_EQ(tally.violations(), 4U);
  EXPECT_THAT(tally.by_rule(), ElementsAre(Pair("RP-101", 1), Pair("RP-301", 2), Pair("RP-501", 1)));
  const NamespaceTally& acme = tally.by_namespace().at("acme");
  EXPECT_EQ(acme.objects, 2U);
  EXPECT_EQ(acme.clean, 1U);
  EXPECT_EQ(acme.violations, 2U);
  ASSERT_EQ(acme.findings.size(), 2U);
  EXPECT_EQ(acme.findings[0].object.uid, "uid-of-bad");
  EXPECT_EQ(acme.findings[0].field, "spec.nodeName");
}

TEST(Tally, WhatHasEndedAndWhatTheClusterKeepsIsNotJudged) {
  Tally tally = MakeTally();
  for (const char* phase : {"Succeeded", "Failed"}) {
    Json pod = Pod("acme", "done", "docker.io/library/nginx:1");
    pod["status"]["phase"] = phase;
    tally.Add(Gate::kPods, api::kPods, pod);
  }
  Json slice = {{"metadata",
                 {{"name", "s"},
                  {"namespace", "acme"},
                  {"labels", {{"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}}}}},
                {"endpoints", Json::array({{{"addresses", {"192.0.2.1"}}}})}};
  tally.Add(Gate::kEndpoints, kSlices, slice);
  EXPECT_EQ(tally.objects(), 0U);
  slice["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] = "somebody";
  tally.Add(Gate::kEndpoints, kSlices, slice);
  EXPECT_THAT(tally.by_rule(), ElementsAre(Pair("RP-505", 1)));
}

TEST(Tally, StaticPodsAreTold) {
  Tally tally = MakeTally();
  Json pod = Pod("acme", "etcd", "registry.example/etcd:1");
  pod["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "0123";
  tally.Add(Gate::kPods, api::kPods, pod);
  EXPECT_THAT(tally.by_rule(), ElementsAre(Pair("RP-105", 1)));
}

TEST(Tally, AnyJsonIsCountedAndNothingThrows) {
  Tally tally = MakeTally();
  for (const char* text : {"null", "[]", "7", R"({"metadata": 3})", R"({"metadata": {"labels": [], "name": null}})",
                           R"({"status": "x", "spec": {"containers": "no"}})"})
    tally.Add(Gate::kPods, api::kPods, Json::parse(text));
  EXPECT_EQ(tally.objects(), 6U);
}

Json OutOfTheRegion(const std::string& ns, const std::string& name) {
  return {{"metadata", {{"name", name}, {"namespace", ns}}}, {"spec", {{"type", "ExternalName"}}}};
}

TEST(Tally, KeepsWhatAReportWillSayAndNoMore) {
  Tally counts = MakeTally(Region(), {.of_namespaces = false});
  counts.Add(Gate::kServices, kServices, OutOfTheRegion("acme", "out"));
  EXPECT_EQ(counts.violations(), 1U);
  EXPECT_THAT(counts.by_namespace().at("acme").findings, IsEmpty()) << "nobody reads them";
  Tally tally = MakeTally();
  tally.Add(Gate::kPods, api::kPods, Pod("acme", "long", "docker.io/" + std::string(50'000, 'x')));
  ASSERT_EQ(tally.by_namespace().at("acme").findings.size(), 1U);
  EXPECT_LE(tally.by_namespace().at("acme").findings[0].message.size(), kMaxMessage);
}

TEST(Tally, IsBoundedAsAWhole) {
  Tally tally = MakeTally();
  constexpr std::size_t kNamespaces = kMaxAllFindings / kMaxFindings + 2;
  for (std::size_t n = 0; n < kNamespaces; ++n)
    for (std::size_t i = 0; i < kMaxFindings; ++i)
      tally.Add(Gate::kServices, kServices, OutOfTheRegion(fmt::format("ns-{:03}", n), fmt::format("s{}", i)));
  std::size_t kept = 0, fail = 0;
  for (const auto& [ns, of_namespace] : tally.by_namespace()) {
    kept += of_namespace.findings.size();
    for (const Report& report : ReportsOf(Region(), ns, of_namespace))
      fail += report.object["summary"]["fail"].get<std::size_t>();
  }
  EXPECT_EQ(kept, kMaxAllFindings);
  EXPECT_EQ(fail, kNamespaces * kMaxFindings) << "those that are not listed are counted";
  EXPECT_EQ(tally.violations(), kNamespaces * kMaxFindings);
}

TEST(Tally, WhatBelongsToTheClusterIsCountedAndKeptByItself) {
  api::SovereignRegion region = Region();
  region.rules.storage = api::RegionRules::Storage{{"local-fr"}, {"csi.example"}};
  const kube::Resource classes{"storage.k8s.io", "v1", "storageclasses", "StorageClass", false};
  for (const bool of_cluster : {false, true}) {
    Tally tally = MakeTally(region, {.of_namespaces = !of_cluster, .of_cluster = of_cluster});
    EXPECT_TRUE(tally.Asks(Gate::kClasses));
    tally.Add(Gate::kClasses, classes, {{"metadata", {{"name", "local-fr"}}}, {"provisioner", "ebs.csi.aws.com"}});
    tally.Add(Gate::kServices, kServices, OutOfTheRegion("acme", "out"));
    EXPECT_THAT(tally.by_rule(), ElementsAre(Pair("RP-402", 1), Pair("RP-501", 1)));
    EXPECT_EQ(tally.by_namespace().at("").findings.size(), of_cluster ? 1U : 0U);
    EXPECT_EQ(tally.by_namespace().at("acme").findings.size(), of_cluster ? 0U : 1U);
  }
}

TEST(Tally, AsksOnlyForWhatHasRules) {
  api::SovereignRegion region = Region();
  EXPECT_TRUE(MakeTally(region).Asks(Gate::kPods));
  EXPECT_TRUE(MakeTally(region).Asks(Gate::kServices));
  EXPECT_FALSE(MakeTally(region).Asks(Gate::kClaims));
  region.rules.access.exec = {"group:a"};
  EXPECT_FALSE(MakeTally(region).Asks(Gate::kAccess)) << "who asks is not known of what is there";
}

TEST(Reports, OfACleanNamespaceAndTheSameTwice) {
  const auto reports = ReportsOf(Region(), "acme", {.objects = 3, .clean = 3});
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].key.ToString(), "acme/rempart-france-0");
  EXPECT_EQ(reports[0].object["summary"]["pass"], 3);
  EXPECT_EQ(reports[0].object["summary"]["fail"], 0);
  EXPECT_THAT(reports[0].object["results"], IsEmpty());
  EXPECT_EQ(reports[0].object["metadata"]["ownerReferences"][0]["uid"], "uid-of-france");
  EXPECT_EQ(ReportsOf(Region(), "acme", {.objects = 3, .clean = 3})[0].digest, reports[0].digest);
  EXPECT_NE(ReportsOf(Region(), "acme", {.objects = 4, .clean = 4})[0].digest, reports[0].digest);
}

TEST(Reports, OfTheClusterAreInNoNamespace) {
  NamespaceTally of_cluster{.objects = 2, .clean = 1, .violations = kResultsOfAReport + 1, .findings = {}};
  for (std::size_t i = 0; i < of_cluster.violations; ++i)
    of_cluster.findings.push_back({.object = {"v1", "PersistentVolume", "", fmt::format("pv-{:03}", i), "uid"},
                                   .rule = "RP-404",
                                   .field = "spec.nodeAffinity",
                                   .message = "elsewhere"});
  const auto reports = ReportsOf(Region(), "", of_cluster);
  ASSERT_EQ(reports.size(), 2U);
  for (std::size_t k = 0; k < reports.size(); ++k) {
    const Json& object = reports[k].object;
    EXPECT_EQ(reports[k].key, (kube::ObjectKey{"", fmt::format("rempart-france-{}", k)}));
    EXPECT_EQ(object["kind"], "ClusterReport");
    EXPECT_EQ(object["apiVersion"], "openreports.io/v1alpha1");
    EXPECT_FALSE(object["metadata"].contains("namespace"));
    EXPECT_EQ(object["metadata"]["labels"]["rempart.dev/region"], "france");
    EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "uid-of-france");
    EXPECT_EQ(object["summary"]["pass"], k == 0 ? 1 : 0);
  }
  const Json& resource = reports[1].object["results"][0]["resources"][0];
  EXPECT_EQ(resource["name"], "pv-200");
  EXPECT_FALSE(resource.contains("namespace"));
}

// By rule, then by object, in whatever order the cluster told of them.
TEST(Reports, AreSortedByRuleAndObject) {
  Tally tally = MakeTally();
  const auto service = [](const std::string& name) {
    return Json{{"metadata", {{"name", name}, {"namespace", "acme"}, {"uid", "uid-of-" + name}}},
                {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}};
  };
  const std::string foreign = "docker.io/library/nginx";
  tally.Add(Gate::kServices, kServices, service("b"));
  tally.Add(Gate::kPods, api::kPods, Pod("acme", "d", foreign, "elsewhere"));
  tally.Add(Gate::kServices, kServices, service("a"));
  tally.Add(Gate::kPods, api::kPods, Pod("acme", "c", foreign));
  tally.Add(Gate::kPods, api::kPods, Pod("acme", "fine", "registry.example/app"));
  const auto reports = ReportsOf(Region(), "acme", tally.by_namespace().at("acme"));
  ASSERT_EQ(reports.size(), 1U);
  std::vector<std::string> told;
  for (const Json& result : reports[0].object["results"])
    told.push_back(result["rule"].get<std::string>() + " " + result["resources"][0]["name"].get<std::string>());
  EXPECT_THAT(told, ElementsAre("RP-101 d", "RP-301 c", "RP-301 d", "RP-501 a", "RP-501 b"));
  EXPECT_EQ(reports[0].object["summary"]["pass"], 1);
}

TEST(Reports, AreShardedByRuleAndBounded) {
  Tally tally = MakeTally();
  const std::string long_name(5000, 'x');
  for (std::size_t i = 0; i < kMaxFindings + 10; ++i)
    tally.Add(Gate::kPods, api::kPods, Pod("acme", fmt::format("p{:04}", i), "docker.io/library/" + long_name));
  const auto reports = ReportsOf(Region(), "acme", tally.by_namespace().at("acme"));
  ASSERT_EQ(reports.size(), kMaxFindings / kResultsOfAReport);
  std::size_t fail = 0, listed = 0;
  for (const Report& report : reports) {
    EXPECT_LT(report.object.dump().size(), 512U * 1024);
    fail += report.object["summary"]["fail"].get<std::size_t>();
    listed += report.object["results"].size();
  }
  EXPECT_EQ(listed, kMaxFindings);
  EXPECT_EQ(fail, kMaxFindings + 10) << "those that are not listed are counted";
  const Json first = reports[0].object["results"][0];
  EXPECT_EQ(first["rule"], "RP-301");
  EXPECT_EQ(first["resources"][0]["name"], "p0000");
  EXPECT_EQ(first["properties"]["field"], "spec.containers[0].image");
}

}  // namespace
}  // namespace rempart::audit
