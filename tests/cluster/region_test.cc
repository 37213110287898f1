#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

const std::string kLabel{api::kNodeRegionLabel};
Json Labels(std::string_view key, const Json& value) {
  return {{"metadata", {{"labels", {{std::string(key), value}}}}}};
}

class RegionTest : public ClusterTest {};

TEST(Start, SurvivesMissingDefinitionsAndSaysSo) {
  if (!Suite::Get().said_crds_missing()) GTEST_SKIP() << "the definitions were installed before the suite began";
  EXPECT_EQ(*Suite::Get().said_crds_missing(), 1U) << "five kinds are missing, and one line says so";
}

// What probes and dashboards ask, of the one that leads and of the one that stands by.
TEST(Start, ServesHealthAndMetrics) {
  using ::testing::AllOf, ::testing::EndsWith, ::testing::HasSubstr;
  Suite& suite = Suite::Get();
  if (suite.said_crds_missing())
    EXPECT_THAT(suite.ready_without_definitions(), AllOf(HasSubstr("waiting for a first full state of: "),
                                                         HasSubstr("sovereignregions"), EndsWith("503")));
  SystemClock clock;
  for (int index : {0, 1}) {
    std::string ready;
    for (int i = 0; i < 300 && ready != "ok\n200"; ++i) {  // a probe asks again, too
      ready = suite.Serves(index, "health", "/readyz").value_or("no answer");
      if (ready != "ok\n200") clock.SleepFor(std::chrono::milliseconds(100), {});
    }
    EXPECT_EQ(ready, "ok\n200") << index;
    EXPECT_EQ(suite.Serves(index, "health", "/healthz").value_or("no answer"), "ok\n200");
    EXPECT_THAT(suite.Serves(index, "health", "/other").value_or("no answer"), EndsWith("404"));
    EXPECT_THAT(suite.Serves(index, "metrics", "/metrics").value_or("no answer"),
                AllOf(HasSubstr("\nrempart_cached_objects{"), HasSubstr("\nleader_election_master_status{"),
                      HasSubstr("\nprocess_cpu_seconds_total "), HasSubstr("\nrest_client_requests_total{")))
        << index;
  }
}

TEST_F(RegionTest, QualifiesNodesAndExplainsTheOthers) {
  MakeNodes({"a", "b", "elsewhere"});
  Create(MakeNode(NodeName("bare"), "", "", ""));
  Create(MakeNode(NodeName("foreign"), id_, Zone("a"), "aws:///eu-west-2a/i-1"));
  MakeRegionOf({"a", "b"});
  const Json region = AwaitRegion("Ready", "True");
  ASSERT_TRUE(region.is_object());
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("b"), api::kNodeCountryLabel, "FR"));
  for (const char* outside : {"elsewhere", "bare", "foreign"})
    EXPECT_TRUE(AwaitNodeLabel(NodeName(outside), kLabel, "")) << outside;
  const std::map<std::string, std::string> expected = {{NodeName("elsewhere"), "UnknownLocation"},
                                                       {NodeName("bare"), "NoLocation"},
                                                       {NodeName("foreign"), "ProviderMismatch"}};
  std::map<std::string, std::string> reasons;
  EXPECT_TRUE(cluster().Await(api::kRegions, {"", region_}, [&](const Json& r) {
    if (!r.is_object() || r["status"].value(Json::json_pointer("/nodes/qualified"), 0) != 2) return false;
    reasons.clear();
    for (const auto& entry : r["status"].value("outside", Json::array())) reasons[entry["node"]] = entry["reason"];
    if (reasons.size() >= 50) return true;  // the list is bounded, and other tests' nodes are in it too
    return std::ranges::all_of(expected, [&](const auto& one) {
      const auto is = reasons.find(one.first);
      return is != reasons.end() && is->second == one.second;
    });
  })) << ::testing::PrintToString(reasons);
}

TEST_F(RegionTest, LabelsChangedByHandArePutRight) {
  MakeNodes({"a", "elsewhere"});
  MakeRegionOf({"a"});
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")}, Labels(kLabel, nullptr)));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")}, Labels(api::kNodeCountryLabel, "DE")));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeCountryLabel, "FR"));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("elsewhere")}, Labels(kLabel, region_)));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("elsewhere"), kLabel, ""));
}

TEST_F(RegionTest, OlderRegionKeepsTheNodeAndTheNewerSaysSo) {
  MakeNodes({"a"});
  MakeRegionOf({"a"});
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  const std::string newer = region_ + "-zz";
  Create(MakeRegion(newer, id_, {Zone("a")}));
  const auto said = cluster().Await(api::kRegions, {"", newer}, [](const Json& r) {
    return HasCondition(r, "Ready", "False", "ClaimedByOlderRegion");
  });
  ASSERT_TRUE(said);
  EXPECT_NE(ConditionOf(*said, "Ready")["message"].get<std::string>().find(region_), std::string::npos);
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
}

TEST_F(RegionTest, DeletionWaitsWhileInUse) {
  MakeNodes({"a"});
  MakeRegionOf({"a"});
  Create(MakeWorkload(ns_, "web", region_));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  ASSERT_TRUE(cluster().Delete(api::kRegions, {"", region_}));
  const Json waiting = AwaitRegion("Stalled", "True", "InUse");
  ASSERT_TRUE(waiting.is_object());
  EXPECT_NE(ConditionOf(waiting, "Stalled")["message"].get<std::string>().find(ns_ + "/web"), std::string::npos);
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_)) << "its pods must not be let loose";
  ASSERT_TRUE(cluster().Delete(api::kWorkloads, {ns_, "web"}));
  EXPECT_TRUE(cluster().Await(
      api::kRegions, {"", region_}, [](const Json& r) { return r.is_null(); }, kCollected));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
}

// A manifest from a backup, or copied from another region: our finalizer is in it, and is the manifest's for the API
// server.
TEST_F(RegionTest, GoesAlsoWhereItsManifestHadTheFinalizer) {
  Json region = MakeRegion(region_, id_, {Zone("a")});
  region["metadata"]["finalizers"] = {std::string(api::kRegionFinalizer), "example.org/theirs"};
  Create(region);
  ASSERT_TRUE(AwaitRegion("Ready", "False").is_object());
  ASSERT_TRUE(cluster().Delete(api::kRegions, {"", region_}));
  const Json theirs = Json::array({"example.org/theirs"});
  EXPECT_TRUE(cluster().Await(api::kRegions, {"", region_}, [&](const Json& r) {
    return r.is_object() && r["metadata"].value("finalizers", Json()) == theirs;
  })) << "ours goes, theirs stays";
  EXPECT_TRUE(cluster().MergePatch(api::kRegions, {"", region_}, {{"metadata", {{"finalizers", nullptr}}}}));
}

TEST_F(RegionTest, CordonInsteadOfEviction) {
  MakeNodes({"a", "b"});
  MakeRegionOf({"a", "b"}, {{"onLoss", {{"action", "Cordon"}}}});
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")}, Labels(api::kTopologyZone, "gone")));
  EXPECT_TRUE(cluster().Await(api::kNodes, {"", NodeName("a")},
                              [](const Json& n) { return n["spec"].value("unschedulable", false); }));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")}, Labels(api::kTopologyZone, Zone("a"))));
  EXPECT_TRUE(cluster().Await(api::kNodes, {"", NodeName("a")},
                              [](const Json& n) { return !n["spec"].value("unschedulable", false); }));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
}

TEST_F(RegionTest, TaintsOutsideNodesAndKeepsOtherTaints) {
  MakeNodes({"a", "elsewhere"});
  ASSERT_TRUE(
      cluster().MergePatch(api::kNodes, {"", NodeName("elsewhere")},
                           {{"spec", {{"taints", Json::array({{{"key", "mine"}, {"effect", "NoSchedule"}}})}}}}));
  MakeRegionOf({"a"}, {{"taintOutsideNodes", true}});
  const auto tainted = [](const Json& n, const std::string& key) {
    for (const auto& taint : n["spec"].value("taints", Json::array()))
      if (taint["key"] == key) return true;
    return false;
  };
  EXPECT_TRUE(cluster().Await(api::kNodes, {"", NodeName("elsewhere")},
                              [&](const Json& n) { return tainted(n, "rempart.dev/outside") && tainted(n, "mine"); }));
  const auto inside = cluster().Get(api::kNodes, {"", NodeName("a")});
  ASSERT_TRUE(inside);
  EXPECT_FALSE(tainted(*inside, "rempart.dev/outside"));
  ASSERT_TRUE(
      cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"hosting", {{"taintOutsideNodes", false}}}}}}));
  EXPECT_TRUE(cluster().Await(api::kNodes, {"", NodeName("elsewhere")},
                              [&](const Json& n) { return !tainted(n, "rempart.dev/outside") && tainted(n, "mine"); }));
}

TEST_F(RegionTest, BadSpecsAreRefusedAtApply) {
  auto refused = [&](const Json& region) {
    const auto made = cluster().Create(region);
    if (made) (void)cluster().Delete(api::kRegions, {"", region["metadata"]["name"]});
    return !made && made.error().kind == ErrorKind::kInvalid;
  };
  Json region = MakeRegion(region_, id_, {Zone("a")});
  for (const auto& [pointer, value] :
       std::vector<std::pair<std::string, Json>>{{"/spec/country", "France"},
                                                 {"/spec/hosting/locations/0/zones", Json::array()},
                                                 {"/spec/hosting/locations/0/providerIDPattern", "(["},
                                                 {"/spec/hosting/onLoss/action", "Explode"},
                                                 {"/spec/hosting/onLoss/gracePeriod", "soon"},
                                                 {"/spec/hosting/locations", Json::array()}}) {
    Json bad = region;
    bad[Json::json_pointer(pointer)] = value;
    EXPECT_TRUE(refused(bad)) << pointer << " = " << value;
  }
  Json nowhere = region;
  nowhere["spec"]["hosting"].erase("locations");
  EXPECT_TRUE(refused(nowhere)) << "neither locations nor a profile";
}

// What a schema cannot say, and what a template misspells.
TEST_F(RegionTest, BadWorkloadsAreRefusedAtApply) {
  const Json workload = MakeWorkload(ns_, "web", region_);
  const auto refused = [&](const Json& patch, const std::string& says) {
    Json bad = workload;
    bad.merge_patch(patch);
    const auto reply =
        cluster().api().Create(api::kWorkloads, ns_, bad.dump(), {}, "dryRun=All&fieldValidation=Strict");
    EXPECT_FALSE(reply) << patch;
    if (!reply) EXPECT_THAT(reply.error().message, ::testing::HasSubstr(says)) << patch;
  };
  const auto reply = cluster().api().Create(api::kWorkloads, ns_, workload.dump(), {}, "dryRun=All");
  ASSERT_TRUE(reply) << reply.error().message;
  const auto template_spec = [](const Json& spec) -> Json { return {{"template", {{"spec", spec}}}}; };
  const auto spec = [](Json more, const Json& and_more = Json::object()) -> Json {
    more.merge_patch(and_more);
    return {{"spec", more}};
  };
  refused(spec({{"deployment", Json::object()}, {"daemonSet", Json::object()}}), "at most one of deployment");
  refused(spec({{"job", Json::object()}}, template_spec({{"restartPolicy", "Always"}})), "must be OnFailure");
  refused(spec(template_spec({{"restartPolicy", "Never"}})), "must be Always");
  refused(spec({{"placement", {{"zones", {"a"}}, {"minZones", 2}}}}), "minZones must not be above");
  refused({{"metadata", {{"name", std::string(64, 'w')}}}}, "at most 63 characters");
  refused({{"metadata", {{"name", std::string(53, 'w')}}}, {"spec", {{"cronJob", {{"schedule", "@daily"}}}}}},
          "at most 52 characters");
  refused(spec(template_spec({{"hostnam", "typo"}})), "unknown field \"spec.template.spec.hostnam\"");
}

// Under this prefix the server's own NodeRestriction lets no kubelet write: the region is not a node's to claim.
TEST_F(RegionTest, AKubeletCannotLabelItsNode) {
  MakeNodes({"a"});
  const std::string node = NodeName("a");
  // The role that kubelets have where the Node authorizer does not stand for it.
  Must({"kubectl", "create", "clusterrolebinding", node, "--clusterrole=system:node", "--user=system:node:" + node});
  const auto label = [&](const std::string& key) {
    return RunCommand({"kubectl", "label", "node", node, key + "=" + region_, "--overwrite", "--dry-run=server",
                       "--as=system:node:" + node, "--as-group=system:nodes"});
  };
  const auto refused = label(std::string(kLabel));
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.output, ::testing::HasSubstr("is not allowed to modify labels"));
  const auto its_own = label("node.example/disk");
  EXPECT_EQ(its_own.code, 0) << its_own.output;
  Must({"kubectl", "delete", "clusterrolebinding", node});
}

}  // namespace
}  // namespace rempart::test
