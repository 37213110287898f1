#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "operator/api/tenant_workload.h"
#include "src/kube/apply.h"
#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

class WorkloadTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeNodes({"a", "b", "foreign"});
    MakeRegionOf({"a", "b"});
    ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeRegionLabel, region_));
    ASSERT_TRUE(AwaitNodeLabel(NodeName("b"), api::kNodeRegionLabel, region_));
  }
  bool OnlyOnQualified(const std::string& workload) {
    const auto nodes = NodesOfPods(workload);
    return !nodes.empty() &&
           std::ranges::all_of(nodes, [this](const auto& n) { return n == NodeName("a") || n == NodeName("b"); });
  }
  // The scheduler has looked at all of its pods, and found a node for none. Before that, no pod has a node anyway.
  void ExpectNoNodeForAnyOf(const std::string& workload, std::size_t pods) {
    const auto unschedulable = [](const Json& pod) {
      return HasCondition(pod, "PodScheduled", "False", "Unschedulable");
    };
    EXPECT_TRUE(
        cluster().AwaitList(api::kPods, ns_, "rempart.dev/workload=" + workload, [&](const std::vector<Json>& found) {
          return found.size() == pods && std::ranges::all_of(found, unschedulable);
        }));
    EXPECT_EQ(NodesOfPods(workload), std::vector<std::string>(pods, ""));
  }
  Json Child(const kube::Resource& resource, const std::string& name, const std::function<bool(const Json&)>& is) {
    return cluster().Await(resource, {ns_, name}, is).value_or(Json());
  }
  static Json Container(const std::string& image) { return Json::array({{{"name", "app"}, {"image", image}}}); }
};

TEST_F(WorkloadTest, EveryKindRunsOnQualifiedNodes) {
  auto with = [&](const std::string& name, const std::string& kind, Json spec) {
    Json workload = MakeWorkload(ns_, name, region_, 2);
    workload["spec"][kind] = std::move(spec);
    Create(workload);
  };
  with("deploy", "deployment", {{"strategy", {{"type", "Recreate"}}}});
  with("stateful", "statefulSet", {{"serviceName", "stateful"}});
  with("daemon", "daemonSet", Json::object());
  with("once", "job", {{"completions", 2}, {"parallelism", 2}});
  with("cron", "cronJob", {{"schedule", "0 0 1 1 *"}});
  for (const char* name : {"deploy", "stateful", "daemon", "once", "cron"})
    EXPECT_TRUE(AwaitWorkload(name, "Ready", "True").is_object()) << name;
  for (const char* name : {"deploy", "stateful", "daemon", "once"}) EXPECT_TRUE(OnlyOnQualified(name)) << name;
  const Json cron = Child(api::kCronJobs, "cron", [](const Json& c) { return c.is_object(); });
  EXPECT_EQ(cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["nodeSelector"][std::string(api::kNodeRegionLabel)],
            region_);
}

TEST_F(WorkloadTest, RegionComesFromTheNamespace) {
  ASSERT_TRUE(cluster().MergePatch(api::kNamespaces, {"", ns_},
                                   {{"metadata", {{"labels", {{"rempart.dev/region", region_}}}}}}));
  Create(MakeWorkload(ns_, "web", ""));
  EXPECT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  EXPECT_TRUE(OnlyOnQualified("web"));
}

TEST_F(WorkloadTest, AffinityIsNoWayOut) {
  Json workload = MakeWorkload(ns_, "web", region_, 2);
  workload["spec"]["template"]["spec"]["affinity"] = {
      {"nodeAffinity",
       {{"requiredDuringSchedulingIgnoredDuringExecution",
         {{"nodeSelectorTerms",
           Json::array({{{"matchExpressions", Json::array({{{"key", "kubernetes.io/hostname"},
                                                            {"operator", "In"},
                                                            {"values", {NodeName("foreign")}}}})}}})}}}}}};
  // A node that is not ready yet takes no pods anyway.
  ASSERT_TRUE(cluster().Await(api::kNodes, {"", NodeName("foreign")}, [](const Json& node) {
    return node.is_object() && node["spec"].value("taints", Json::array()).empty();
  }));
  Create(workload);
  ExpectNoNodeForAnyOf("web", 2);
  EXPECT_TRUE(AwaitWorkload("web", "Placed", "False", "PodsWaiting").is_object());
}

TEST_F(WorkloadTest, ExcludedPlacesAreRefusedWithTheField) {
  struct Row {
    const char* name;
    Json spec;
    const char* field;
  };
  for (const auto& [name, spec, field] : std::vector<Row>{
           {"node-name", {{"nodeName", NodeName("foreign")}}, "nodeName"},
           {"selector", {{"nodeSelector", {{std::string(api::kTopologyZone), Zone("foreign")}}}}, "nodeSelector"},
           {"other-region", {{"nodeSelector", {{std::string(api::kNodeRegionLabel), "another"}}}}, "nodeSelector"}}) {
    Json workload = MakeWorkload(ns_, name, region_);
    workload["spec"]["template"]["spec"].update(spec);
    Create(workload);
    const Json refused = AwaitWorkload(name, "Stalled", "True", "PlacementRefused");
    ASSERT_TRUE(refused.is_object()) << name;
    EXPECT_NE(ConditionOf(refused, "Stalled")["message"].get<std::string>().find(field), std::string::npos);
    EXPECT_FALSE(cluster().Get(api::kDeployments, {ns_, name})) << "a child was made";
  }
}

TEST_F(WorkloadTest, MissingRegionMakesNoChildUntilItComes) {
  const std::string later = id_ + "-later";
  Create(MakeWorkload(ns_, "web", later));
  ASSERT_TRUE(AwaitWorkload("web", "Stalled", "True", "RegionNotFound").is_object());
  EXPECT_FALSE(cluster().Get(api::kDeployments, {ns_, "web"}));
  Create(MakeNode(NodeName("l"), id_ + "l", Zone("l"), "kwok://l"));
  Create(MakeRegion(later, id_ + "l", {Zone("l")}));
  EXPECT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
}

TEST_F(WorkloadTest, ChildrenThatExistStayAsTheyAreWhileTheRegionIsMissing) {
  Create(MakeWorkload(ns_, "web", region_, 2));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  const auto child = [&]() -> std::string {
    const auto now = cluster().Get(api::kDeployments, {ns_, "web"});
    if (!now) return now.error().ToString();
    const Json& metadata = (*now)["metadata"];
    return fmt::format("{} of generation {}", metadata["uid"].get<std::string>(), metadata["generation"].get<int>());
  };
  const auto pods = [&] {
    std::set<std::string> uids;
    for (const auto& pod : cluster().List(api::kPods, ns_).value_or(std::vector<Json>{}))
      uids.insert(pod["metadata"]["uid"].get<std::string>() +
                  (pod["metadata"].contains("deletionTimestamp") ? " being deleted" : ""));
    return uids;
  };
  const auto child_before = child();
  const auto pods_before = pods();
  ASSERT_EQ(pods_before.size(), 2U);
  for (const std::string& region : {id_ + "-nowhere", region_}) {
    SCOPED_TRACE(region);
    ASSERT_TRUE(cluster().MergePatch(api::kWorkloads, {ns_, "web"}, {{"spec", {{"region", region}}}}));
    const Json told = region == region_ ? AwaitWorkload("web", "Ready", "True")
                                        : AwaitWorkload("web", "Stalled", "True", "RegionNotFound");
    ASSERT_TRUE(told.is_object());
    EXPECT_EQ(child(), child_before);
    EXPECT_EQ(pods(), pods_before);
  }
}

TEST_F(WorkloadTest, NoQualifiedNodeMeansWaiting) {
  const std::string empty = id_ + "-empty";
  Create(MakeRegion(empty, id_, {Zone("nowhere")}));
  Create(MakeWorkload(ns_, "web", empty));
  ASSERT_TRUE(AwaitWorkload("web", "Placed", "False", "NoQualifiedNode").is_object());
  ExpectNoNodeForAnyOf("web", 1);
}

TEST_F(WorkloadTest, LikeNamedObjectsAreNotTakenOver) {
  Json theirs = {{"apiVersion", "apps/v1"},
                 {"kind", "Deployment"},
                 {"metadata", {{"name", "web"}, {"namespace", ns_}}},
                 {"spec",
                  {{"replicas", 1},
                   {"selector", {{"matchLabels", {{"app", "theirs"}}}}},
                   {"template",
                    {{"metadata", {{"labels", {{"app", "theirs"}}}}},
                     {"spec", {{"containers", Container("registry.example/theirs:1")}}}}}}}};
  Create(theirs);
  const Json before = *cluster().Get(api::kDeployments, {ns_, "web"});
  Create(MakeWorkload(ns_, "web", region_));
  ASSERT_TRUE(AwaitWorkload("web", "Stalled", "True", "NameTaken").is_object());
  const Json after = *cluster().Get(api::kDeployments, {ns_, "web"});
  EXPECT_EQ(after["spec"], before["spec"]);
  EXPECT_FALSE(after["metadata"].contains("ownerReferences"));
}

// What kube::kOnlyCreate rests on, for each kind of child.
TEST_F(WorkloadTest, AnApplyThatOnlyCreatesTouchesNothingThatIsThere) {
  for (int kind = 0; kind < api::kChildKinds; ++kind) {
    const kube::Resource& resource = api::ResourceOf(static_cast<api::ChildKind>(kind));
    Json workload = MakeWorkload(ns_, "direct", region_, 1);
    const Json pod_template = {{"metadata", {{"labels", {{"app", "direct"}}}}},
                               {"spec",
                                {{"restartPolicy", kind >= static_cast<int>(api::ChildKind::kJob) ? "Never" : "Always"},
                                 {"containers", workload["spec"]["template"]["spec"]["containers"]}}}};
    Json spec = {{"template", pod_template}};
    if (resource.kind == api::kCronJobs.kind)
      spec = {{"schedule", "0 0 1 1 *"}, {"jobTemplate", {{"spec", std::move(spec)}}}};
    else if (resource.kind != api::kJobs.kind)
      spec["selector"] = {{"matchLabels", {{"app", "direct"}}}};
    Json object = {{"apiVersion", resource.ApiVersion()},
                   {"kind", resource.kind},
                   {"metadata", {{"name", "direct"}, {"namespace", ns_}, {"resourceVersion", kube::kOnlyCreate}}},
                   {"spec", std::move(spec)}};
    const auto apply = [&] {
      return cluster().api().Patch(resource, {ns_, "direct"}, kube::PatchType::kApply, object.dump(), false, {});
    };
    const auto made = apply();
    ASSERT_TRUE(made) << made.error().ToString();
    EXPECT_EQ(made->status, 201) << resource.kind;
    object["metadata"]["labels"] = {{"added", "later"}};
    const auto again = apply();
    ASSERT_FALSE(again) << resource.kind;
    EXPECT_EQ(again.error().kind, ErrorKind::kConflict) << again.error().ToString();
    const auto now = cluster().Get(resource, {ns_, "direct"});
    ASSERT_TRUE(now);
    EXPECT_FALSE((*now)["metadata"].value("labels", Json::object()).contains("added")) << resource.kind;
  }
}

TEST_F(WorkloadTest, AdoptsWhatSaysSo) {
  Json theirs = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata",
       {{"name", "web"}, {"namespace", ns_}, {"annotations", {{std::string(api::kAdoptAnnotation), "true"}}}}},
      {"spec",
       {{"replicas", 1},
        {"selector", {{"matchLabels", {{"rempart.dev/workload", "web"}}}}},
        {"template",
         {{"metadata", {{"labels", {{"rempart.dev/workload", "web"}}}}},
          {"spec", {{"hostNetwork", true}, {"containers", Container("registry.example/theirs:1")}}}}}}}};
  Create(theirs);
  Create(MakeWorkload(ns_, "web", region_, 2));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  const Json child =
      Child(api::kDeployments, "web", [](const Json& d) { return d["metadata"].contains("ownerReferences"); });
  EXPECT_EQ(child["spec"]["template"]["spec"]["nodeSelector"][std::string(api::kNodeRegionLabel)], region_);
  EXPECT_FALSE(child["spec"]["template"]["spec"].contains("hostNetwork"));
}

TEST_F(WorkloadTest, ScaleSubresource) {
  Create(MakeWorkload(ns_, "web", region_, 1));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  const auto scaled =
      RunCommand({"kubectl", "scale", "tenantworkload/web", "-n", ns_, "--replicas=3"}, cluster().kubeconfig());
  EXPECT_EQ(scaled.code, 0) << scaled.output;
  EXPECT_TRUE(cluster().Await(api::kWorkloads, {ns_, "web"}, [](const Json& w) {
    return HasCondition(w, "Ready", "True") && w["status"].value("ready", 0) == 3;
  }));
  const auto scale = RunCommand(
      {"kubectl", "get", "--raw", "/apis/rempart.dev/v1alpha1/namespaces/" + ns_ + "/tenantworkloads/web/scale"},
      cluster().kubeconfig());
  EXPECT_NE(scale.output.find("rempart.dev/workload=web"), std::string::npos) << scale.output;
}

TEST_F(WorkloadTest, AnAutoscalerCanScaleIt) {
  Create(MakeWorkload(ns_, "web", region_, 1));
  Create({{"apiVersion", "autoscaling/v2"},
          {"kind", "HorizontalPodAutoscaler"},
          {"metadata", {{"name", "web"}, {"namespace", ns_}}},
          {"spec",
           {{"scaleTargetRef", {{"apiVersion", "rempart.dev/v1alpha1"}, {"kind", "TenantWorkload"}, {"name", "web"}}},
            {"minReplicas", 3},
            {"maxReplicas", 5}}}});
  // No metrics are served here, but the bounds hold without. Its controller learns of new kinds as the garbage
  // collector does.
  const auto scaled = [](const Json& w) {
    return w["spec"].value("replicas", 0) == 3 && w["status"].value("ready", 0) == 3;
  };
  EXPECT_TRUE(cluster().Await(api::kWorkloads, {ns_, "web"}, scaled, kCollected));
}

TEST_F(WorkloadTest, ChangedKindReplacesTheChild) {
  struct Kind {
    const char* member;
    Json spec;
    const kube::Resource& child;
  };
  const std::vector<Kind> kinds = {{"deployment", Json::object(), api::kDeployments},
                                   {"statefulSet", {{"serviceName", "web"}}, api::kStatefulSets},
                                   {"daemonSet", Json::object(), api::kDaemonSets},
                                   {"job", Json::object(), api::kJobs},
                                   {"cronJob", {{"schedule", "0 0 1 1 *"}}, api::kCronJobs},
                                   {"deployment", Json::object(), api::kDeployments}};
  Create(MakeWorkload(ns_, "web", region_, 1));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  for (std::size_t i = 1; i < kinds.size(); ++i) {
    const Kind &before = kinds[i - 1], &after = kinds[i];
    SCOPED_TRACE(fmt::format("{} becomes {}", before.member, after.member));
    ASSERT_TRUE(cluster().MergePatch(api::kWorkloads, {ns_, "web"},
                                     {{"spec", {{before.member, nullptr}, {after.member, after.spec}}}}));
    EXPECT_TRUE(Child(after.child, "web", [](const Json& child) { return child.is_object(); }).is_object());
    EXPECT_TRUE(cluster().Await(before.child, {ns_, "web"}, [](const Json& child) { return child.is_null(); }));
    EXPECT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  }
}

TEST_F(WorkloadTest, ImmutableFieldSaysWhatToDo) {
  Json workload = MakeWorkload(ns_, "once", region_);
  workload["spec"]["job"] = Json::object();
  Create(workload);
  ASSERT_TRUE(AwaitWorkload("once", "Ready", "True").is_object());
  ASSERT_TRUE(cluster().MergePatch(
      api::kWorkloads, {ns_, "once"},
      {{"spec", {{"template", {{"spec", {{"containers", Container("registry.example/app:2")}}}}}}}}));
  const Json stalled = AwaitWorkload("once", "Stalled", "True", "ImmutableField");
  ASSERT_TRUE(stalled.is_object());
  EXPECT_NE(ConditionOf(stalled, "Stalled")["message"].get<std::string>().find("kubectl delete job"), std::string::npos)
      << ConditionOf(stalled, "Stalled");
  ASSERT_TRUE(cluster().Delete(api::kJobs, {ns_, "once"}));  // what it says to do helps
  EXPECT_TRUE(AwaitWorkload("once", "Ready", "True").is_object());
}

TEST_F(WorkloadTest, LostNodeIsEmptiedAndBudgetsHoldUntilTheDeadline) {
  Json workload = MakeWorkload(ns_, "web", region_, 4);
  workload["spec"]["placement"] = {{"minZones", 2}};  // so that the node that is lost has pods of it
  Create(workload);
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  Create({{"apiVersion", "policy/v1"},
          {"kind", "PodDisruptionBudget"},
          {"metadata", {{"name", "all"}, {"namespace", ns_}}},
          {"spec", {{"maxUnavailable", 0}, {"selector", {{"matchLabels", {{"rempart.dev/workload", "web"}}}}}}}});
  const kube::Resource budgets{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true};
  ASSERT_TRUE(cluster().Await(budgets, {ns_, "all"}, [](const Json& b) {
    return b.value(Json::json_pointer("/status/expectedPods"), 0) == 4;
  }));
  ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_},
                                   {{"spec", {{"hosting", {{"onLoss", {{"deadline", "20s"}}}}}}}}));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")},
                                   {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "gone"}}}}}}));
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeLostRegionLabel, region_));
  ASSERT_TRUE(AwaitWorkload("web", "Placed", "False").is_object());
  auto emptied = [&](const std::vector<Json>& pods) {
    return std::ranges::none_of(pods, [&](const Json& p) { return p["spec"].value("nodeName", "") == NodeName("a"); });
  };
  EXPECT_FALSE(cluster().AwaitList(api::kPods, ns_, "rempart.dev/workload=web", emptied, 4s))
      << "the budget should have held (deadline 20 s)";
  EXPECT_TRUE(cluster().AwaitList(api::kPods, ns_, "rempart.dev/workload=web", emptied, 60s))
      << "after the deadline they go";
  const kube::Resource events{"events.k8s.io", "v1", "events", "Event", true};
  const auto told_on = [&](const std::string& kind, const std::string& name, const std::string& ns) {
    return cluster().AwaitList(events, ns, "", [&](const std::vector<Json>& all) {
      return std::ranges::any_of(all, [&](const Json& event) {
        const Json& object = event["regarding"];
        return event.value("reason", "") == "DeletedAfterDeadline" && object.value("kind", "") == kind &&
               object.value("name", "").starts_with(name);
      });
    });
  };
  EXPECT_TRUE(told_on("Pod", "web-", ns_));
  EXPECT_TRUE(told_on("TenantWorkload", "web", ns_));
  EXPECT_TRUE(told_on("SovereignRegion", region_, "default"));
}

TEST_F(WorkloadTest, DryRunDiffAndWaitWork) {
  Create(MakeWorkload(ns_, "web", region_, 1));
  EXPECT_EQ(RunCommand({"kubectl", "wait", "tenantworkload/web", "-n", ns_, "--for=condition=Ready", "--timeout=60s"},
                       cluster().kubeconfig())
                .code,
            0);
  EXPECT_EQ(
      RunCommand({"kubectl", "rollout", "status", "deployment/web", "-n", ns_, "--timeout=60s"}, cluster().kubeconfig())
          .code,
      0);
  const std::string path = LogPath(UniqueName("manifest") + ".json");
  {
    Process write({"sh", "-c", "cat > " + path + " <<'X'\n" + MakeWorkload(ns_, "web", region_, 2).dump() + "\nX"}, {},
                  "/dev/null");
    ASSERT_EQ(write.Wait(10s), 0);
  }
  const auto dry =
      RunCommand({"kubectl", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", path},
                 cluster().kubeconfig());
  EXPECT_EQ(dry.code, 0) << dry.output;
  const auto diff =
      RunCommand({"kubectl", "diff", "--server-side", "--force-conflicts", "-f", path}, cluster().kubeconfig());
  EXPECT_EQ(diff.code, 1) << diff.output;  // 1: there are differences
  EXPECT_NE(diff.output.find("replicas: 2"), std::string::npos) << diff.output;
  const auto explain = RunCommand({"kubectl", "explain", "tw.spec.template.spec"}, cluster().kubeconfig());
  EXPECT_NE(explain.output.find("nodeSelector"), std::string::npos) << explain.output;
}

TEST_F(WorkloadTest, OperatorDryRunWritesNothing) {
  Create(MakeWorkload(ns_, "web", region_, 1));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  auto dry = StartOperator(Suite::Get().role_kubeconfig(), {"--dry-run"});
  EXPECT_EQ(dry->Wait(30s), 0) << dry->Output();
  EXPECT_NE(dry->Output().find("writes would be made"), std::string::npos) << dry->Output();
}

}  // namespace
}  // namespace rempart::test
