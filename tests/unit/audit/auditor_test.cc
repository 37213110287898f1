// When the audit runs, and what it reads page by page.
#include "operator/perimeter/audit/auditor.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/audit/auditor_fixture.h"

namespace rempart::audit {
namespace {

using namespace std::chrono_literals;
using perimeter::test::Next;
using test::AuditorTest;
using test::Pod;
using test::Region;
using test::WithStorage;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(AuditorTest, ReadsAllPagesOfTheRegionsNamespaces) {
  EXPECT_EQ(Look()->requeue_after, 5min);
  const auto summary = summaries.Get("france");
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->objects, 4U);
  EXPECT_EQ(summary->violations, 2U);
  EXPECT_EQ(summary->by_rule.at("RP-301"), 2U);
  EXPECT_EQ(std::ranges::count(server.calls, "GET /api/v1/pods"), 3);
  EXPECT_THAT(server.calls, Not(Contains("GET /api/v1/services"))) << "no rule is about them";
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(metrics.Expose(), HasSubstr("rempart_violations{region=\"france\",rule=\"RP-301\"} 2"));
  ASSERT_TRUE(server.reports.contains("rempart-france-0"));
  EXPECT_EQ(server.reports["rempart-france-0"]["summary"]["fail"], 2);
}

TEST_F(AuditorTest, AnIntervalApartAndWhereTheSpecChanged) {
  Look();
  clock.Advance(1min);
  EXPECT_EQ(Look()->requeue_after, 4min);
  EXPECT_THAT(server.calls, IsEmpty());
  clock.Advance(4min);
  Look();
  EXPECT_THAT(server.calls, Contains("GET /api/v1/pods"));
  EXPECT_THAT(server.calls, Not(Contains(HasSubstr("PATCH")))) << "the same report is not written again";
  EXPECT_EQ(woken, 1) << "nor is the status";
  server.reports["rempart-france-0"]["results"] = Json::array();
  clock.Advance(5min);
  Look();
  EXPECT_EQ(server.reports["rempart-france-0"]["results"].size(), 2U) << "what somebody took out is back";
  auto region = Region();
  region.meta.generation = 4;
  region.rules.images.reset();
  caches.regions.Put(Next(region));
  Look();
  EXPECT_EQ(summaries.Get("france")->violations, 0U);
  EXPECT_THAT(metrics.Expose(), Not(HasSubstr("RP-301")));
  EXPECT_EQ(woken, 2);
}

// A region's nodes are labelled one after the other, and its first audit may come before them all.
TEST_F(AuditorTest, SoonerWhereOtherNodesQualify) {
  server.pods = {Pod("acme", "web", "registry.example/web")};
  server.pods[0]["spec"]["nodeName"] = "fr-9";
  Look();
  EXPECT_EQ(summaries.Get("france")->by_rule.at("RP-101"), 1U);
  api::Node node;
  node.meta.key.name = "fr-9";
  node.region_label = "france";
  caches.nodes.Put(Next(node));
  EXPECT_EQ(Look()->requeue_after, 10s) << "not at once for each";
  EXPECT_THAT(server.calls, IsEmpty());
  clock.Advance(10s);
  EXPECT_EQ(Look()->requeue_after, 5min);
  EXPECT_EQ(summaries.Get("france")->violations, 0U);
  clock.Advance(10s);
  EXPECT_EQ(Look()->requeue_after, 5min - 10s);
}

// "acme" leaves, "beta" joins, "acme" is back: by labels, whatever else is written on them.
TEST_F(AuditorTest, SoonerWhereNamespacesJoinOrLeave) {
  const auto put = [&](const std::string& name, const kube::Labels& labels) {
    api::Namespace ns;
    ns.meta.key.name = name;
    ns.labels = labels;
    caches.namespaces.Put(Next(ns));
  };
  Look();
  put("acme", {{"rempart.dev/region", "france"}, {"team", "a"}});
  put("other", {{"team", "b"}});
  clock.Advance(1min);
  EXPECT_EQ(Look()->requeue_after, 4min) << "the region governs what it did";
  EXPECT_THAT(server.calls, IsEmpty());
  put("acme", {});
  Look();
  EXPECT_EQ(summaries.Get("france")->objects, 0U);
  EXPECT_THAT(server.reports, IsEmpty());
  put("other", {{"rempart.dev/region", "france"}});
  EXPECT_EQ(Look()->requeue_after, 1min) << "namespaces may go on like that";
  EXPECT_THAT(server.calls, IsEmpty());
  clock.Advance(30s);
  put("acme", {{"rempart.dev/region", "france"}});
  EXPECT_EQ(Look()->requeue_after, 30s) << "counted from the last audit, not from the last change";
  clock.Advance(30s);
  EXPECT_EQ(Look()->requeue_after, 5min);
  EXPECT_EQ(summaries.Get("france")->objects, 5U) << "of both";
  EXPECT_EQ(summaries.Get("france")->violations, 3U);
}

// What a cluster takes long to list is not listed again at once.
TEST_F(AuditorTest, TheTimeThatAnAuditTakesDoesNotCount) {
  server.takes = 40s;
  Look();
  api::Node node;
  node.meta.key.name = "fr-9";
  node.region_label = "france";
  caches.nodes.Put(Next(node));
  EXPECT_EQ(Look()->requeue_after, 10s);
}

TEST_F(AuditorTest, AHalfReadClusterIsNoAudit) {
  server.failing = true;
  EXPECT_FALSE(Look());
  EXPECT_FALSE(summaries.Get("france"));
  EXPECT_THAT(server.reports, IsEmpty());
}

TEST_F(AuditorTest, APageThatIsTooLargeIsAskedForInParts) {
  server.too_large_from = 2, server.largest_page = 100;
  EXPECT_TRUE(Look());
  EXPECT_THAT(server.limits, ElementsAre(250, 250, 125, 62, 62)) << "from where it was too large";
  EXPECT_EQ(summaries.Get("france")->objects, 4U);
  EXPECT_EQ(summaries.Get("france")->left_out, "");
}

TEST_F(AuditorTest, WhatCannotBeReadHidesNothingElse) {
  auto region = Region();
  region.rules.network.emplace();
  region.rules.network->ingress_classes = {"nginx"};
  caches.regions.Put(Next(region));
  server.denied = true;
  server.pods.push_back(Pod("acme", "f", "docker.io/f:1"));
  server.garbled_from = (server.pods.size() - 1) / 2 * 2;  // the last page
  EXPECT_TRUE(Look());
  const auto summary = summaries.Get("france");
  ASSERT_TRUE(summary);
  EXPECT_THAT(summary->left_out, HasSubstr("ingresses: no right to list"));
  EXPECT_EQ(summary->violations, 1U) << "of the pages before it";
  EXPECT_THAT(summary->left_out, HasSubstr("pods: "));
  EXPECT_THAT(metrics.Expose(), Not(HasSubstr("rempart_audit_timestamp_seconds{"))) << "it is not complete";
  server.denied = false;
  server.garbled_from = 1000;
  clock.Advance(5min);
  EXPECT_TRUE(Look());
  EXPECT_EQ(summaries.Get("france")->left_out, "");
  EXPECT_EQ(summaries.Get("france")->violations, 3U);
  EXPECT_THAT(metrics.Expose(), HasSubstr("rempart_audit_timestamp_seconds{"));
}

// A definition without a schema lets such through; the rest of its page is judged, and so is the object itself.
TEST_F(AuditorTest, WhatIsNestedTooDeeplyHidesNothing) {
  ASSERT_TRUE(Look());
  const auto before = summaries.Get("france")->violations;
  Json deep = "bottom";
  for (int i = 0; i < 500; ++i) deep = Json{{"x", deep}};
  server.pods.push_back(Pod("acme", "f", "docker.io/f:1"));
  server.pods.back()["metadata"]["annotations"] = deep;
  clock.Advance(5min);
  EXPECT_TRUE(Look());
  EXPECT_EQ(summaries.Get("france")->violations, before + 1);
  EXPECT_EQ(summaries.Get("france")->left_out, "");
}

TEST_F(AuditorTest, CountsStorageClassesAndVolumesOfTheCluster) {
  auto region = WithStorage();
  region.rules.keys.emplace();
  caches.regions.Put(Next(region));
  server.classes = {{{"metadata", {{"name", "local-fr"}}},
                     {"provisioner", "ebs.csi.aws.com"},
                     {"parameters", {{"kmsKeyId", "theirs"}}}},
                    {{"metadata", {{"name", "others"}}}, {"provisioner", "ebs.csi.aws.com"}}};
  const Json elsewhere = {
      {"key", "topology.kubernetes.io/zone"}, {"operator", "In"}, {"values", Json::array({"us-east-1a"})}};
  const Json term = {{"matchExpressions", Json::array({elsewhere})}};
  server.volumes = {{{"metadata", {{"name", "pv-1"}}},
                     {"spec",
                      {{"storageClassName", "local-fr"},
                       {"nodeAffinity", {{"required", {{"nodeSelectorTerms", Json::array({term})}}}}}}}}};
  EXPECT_TRUE(Look());
  const auto summary = summaries.Get("france");
  ASSERT_TRUE(summary);
  for (const char* rule : {"RP-402", "RP-404", "RP-603"}) EXPECT_EQ(summary->by_rule.count(rule), 1U) << rule;
  EXPECT_EQ(summary->objects, 7U);
  EXPECT_EQ(server.reports["rempart-france-0"]["summary"]["fail"], 2) << "of the namespace";
  EXPECT_EQ(server.reports.size(), 1U);
  ASSERT_EQ(server.cluster_reports.size(), 1U);
  const Json& report = server.cluster_reports["rempart-france-0"];
  EXPECT_EQ(report["summary"]["fail"], summary->violations - 2) << "those that are of no namespace";
  EXPECT_EQ(report["summary"]["pass"], 1) << "the class of others";
  // Also where the region governs nothing yet.
  caches.namespaces.Remove({"", "acme"}, 0);
  clock.Advance(5min);
  EXPECT_TRUE(Look());
  EXPECT_THAT(server.calls, Contains("GET /apis/storage.k8s.io/v1/storageclasses"));
  EXPECT_THAT(server.calls, Not(Contains("GET /api/v1/pods")));
}

// Namespaces full of findings leave no room in the tally; there are few objects of the whole cluster.
TEST_F(AuditorTest, WhatBelongsToTheClusterIsReadFirst) {
  caches.regions.Put(Next(WithStorage()));
  ASSERT_TRUE(Look());
  const auto first = [&](const char* call) { return std::ranges::find(server.calls, call) - server.calls.begin(); };
  EXPECT_LT(first("GET /api/v1/persistentvolumes"), first("GET /api/v1/pods"));
  EXPECT_LT(first("GET /apis/storage.k8s.io/v1/storageclasses"), first("GET /api/v1/pods"));
}

// What runs at night, or is scaled to nothing for now, would be refused the day after.
TEST_F(AuditorTest, JudgesTheTemplatesOfWhatDoesNotRunNow) {
  const auto holder = [](const std::string& name, const Json& spec, const char* at) {
    Json made = {{"metadata", {{"name", name}, {"namespace", "acme"}, {"uid", "uid-of-" + name}}}, {"spec", spec}};
    Json pod = Pod("", "", "docker.io/library/nginx:1");
    pod["metadata"] = {{"labels", {{"app", name}}}};
    made[Json::json_pointer(at)] = pod;
    return made;
  };
  const char* const kTemplate = "/spec/template";
  server.pods.clear();
  server.serves_reports = true;
  server.holders = {
      {"/apis/apps/v1/deployments",
       {holder("runs", {{"replicas", 2}}, kTemplate), holder("by-default", Json::object(), kTemplate),
        holder("asleep", {{"replicas", 0}}, kTemplate)}},
      {"/apis/apps/v1/statefulsets", {holder("asleep-too", {{"replicas", 0}}, kTemplate)}},
      {"/apis/batch/v1/jobs", {holder("suspended", {{"suspend", true}}, kTemplate), holder("ran", {}, kTemplate)}},
      {"/apis/batch/v1/cronjobs", {holder("nightly", Json::object(), "/spec/jobTemplate/spec/template")}}};
  ASSERT_TRUE(Look());
  ASSERT_TRUE(summaries.Get("france"));
  EXPECT_EQ(summaries.Get("france")->by_rule.at("RP-301"), 4U);
  std::set<std::string> told;
  for (const auto& [name, report] : server.reports)
    for (const Json& result : report["results"])
      if (result["rule"] == "RP-301")
        told.insert(result["resources"][0]["kind"].get<std::string>() + " " +
                    result["resources"][0]["name"].get<std::string>());
  EXPECT_EQ(told,
            (std::set<std::string>{"Deployment asleep", "StatefulSet asleep-too", "Job suspended", "CronJob nightly"}));
}

TEST_F(AuditorTest, ReadsWhatTakesDataOutOfTheRegion) {
  auto region = Region();
  region.rules.storage = api::RegionRules::Storage{{"local-fr"}};
  region.rules.storage->snapshot_classes.emplace();
  region.rules.keys.emplace();
  caches.regions.Put(Next(region));
  EXPECT_TRUE(Look());
  EXPECT_THAT(server.calls, Contains("GET /apis/external-secrets.io/v1alpha1/pushsecrets"));
  EXPECT_THAT(server.calls, Contains("GET /apis/snapshot.storage.k8s.io/v1/volumesnapshots"));
}

TEST_F(AuditorTest, ARegionThatIsGoneIsForgotten) {
  Look();
  caches.regions.Remove({"", "france"}, 0);
  EXPECT_FALSE(Look()->requeue_after);
  EXPECT_FALSE(summaries.Get("france"));
  EXPECT_THAT(metrics.Expose(), Not(HasSubstr("region=\"france\"")));
}

}  // namespace
}  // namespace rempart::audit
