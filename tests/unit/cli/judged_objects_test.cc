#include "operator/cli/judged_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rempart::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Judged {
  std::vector<std::pair<std::string, Json>> objects;  // prefix and object
  std::vector<std::string> unreadable;

  std::vector<std::string> Kinds() const {
    std::vector<std::string> kinds;
    for (const auto& [prefix, object] : objects) kinds.push_back(prefix + ":" + object["kind"].get<std::string>());
    return kinds;
  }
};

Judged JudgedOf(const Json& object) {
  Judged judged;
  judged.unreadable = ForEachJudged(
      object, [&](const std::string& prefix, const Json& one) { judged.objects.emplace_back(prefix, one); });
  return judged;
}

const Json kTemplate = {{"metadata", {{"labels", {{"app", "web"}}}}}, {"spec", {{"nodeName", "n"}}}};

Json Object(const std::string& api_version, const std::string& kind, const Json& spec) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata", {{"name", "x"}, {"namespace", "acme"}}},
          {"spec", spec}};
}

TEST(ForEachJudged, FindsThePodTemplateOfEachKind) {
  struct Case {
    const char* api_version;
    const char* kind;
    const char* prefix;  // null: none
  };
  const Case kCases[] = {{"apps/v1", "Deployment", "spec.template."},
                         {"extensions/v1beta1", "Deployment", "spec.template."},
                         {"apps/v1beta2", "StatefulSet", "spec.template."},
                         {"apps/v1", "DaemonSet", "spec.template."},
                         {"apps/v1", "ReplicaSet", "spec.template."},
                         {"v1", "ReplicationController", "spec.template."},
                         {"batch/v1", "Job", "spec.template."},
                         {"batch/v1", "CronJob", "spec.jobTemplate.spec.template."},
                         {"rempart.dev/v1alpha1", "TenantWorkload", "spec.template."},
                         {"argoproj.io/v1alpha1", "Rollout", "spec.template."},
                         {"v1", "PodTemplate", "template."},
                         {"v1", "Deployment", nullptr},
                         {"apiextensions.k8s.io/v1", "CustomResourceDefinition", nullptr}};
  for (const Case& c : kCases) {
    Json object = Object(c.api_version, c.kind, {{"template", kTemplate}});
    object["spec"]["jobTemplate"]["spec"]["template"] = kTemplate;
    object["template"] = kTemplate;
    const Judged judged = JudgedOf(object);
    EXPECT_THAT(judged.unreadable, IsEmpty());
    ASSERT_EQ(judged.objects.size(), c.prefix ? 2U : 1U) << c.kind;
    EXPECT_EQ(judged.objects[0].first, "");
    EXPECT_EQ(judged.objects[0].second, object) << "as it is";
    if (!c.prefix) continue;
    EXPECT_EQ(judged.objects[1].first, c.prefix);
    Json pod = Json::parse(R"({"apiVersion":"v1","kind":"Pod",
        "metadata":{"labels":{"app":"web"},"namespace":"acme"},"spec":{"nodeName":"n"}})");
    if (c.kind == std::string_view("TenantWorkload")) pod["apiVersion"] = kPlacedPods;
    EXPECT_EQ(judged.objects[1].second, pod);
  }
}

TEST(ForEachJudged, FindsPodTemplatesInKindsThatNobodyKnows) {
  const Json pod = {{"spec", {{"containers", Json::array({{{"image", "a"}}})}}}};
  struct Case {
    const char* api_version;
    const char* kind;
    Json spec;
    std::vector<std::string> prefixes;
  };
  const Case kCases[] = {
      {"serving.knative.dev/v1", "Service", {{"template", pod}}, {"spec.template."}},
      {"kubeflow.org/v1",
       "PyTorchJob",
       {{"pytorchReplicaSpecs", {{"Master", {{"template", pod}}}, {"Worker", {{"template", pod}}}}}},
       {"spec.pytorchReplicaSpecs.Master.template.", "spec.pytorchReplicaSpecs.Worker.template."}},
      {"batch.volcano.sh/v1alpha1",
       "Job",
       {{"tasks", Json::array({{{"name", "x"}}, {{"template", pod}}})}},
       {"spec.tasks[1].template."}},
      {"jobset.x-k8s.io/v1alpha2",
       "JobSet",
       {{"replicatedJobs", Json::array({{{"template", {{"spec", {{"template", pod}}}}}}})}},
       {"spec.replicatedJobs[0].template.spec.template."}},
      {"leaderworkerset.x-k8s.io/v1",
       "LeaderWorkerSet",
       {{"leaderWorkerTemplate", {{"leaderTemplate", pod}, {"workerTemplate", pod}}}},
       {"spec.leaderWorkerTemplate.leaderTemplate.", "spec.leaderWorkerTemplate.workerTemplate."}},
      // What it holds for the operator to make is of another kind, which may have a template; it is none itself.
      {"a.example/v1",
       "Thing",
       {{"of", {{"kind", "Prometheus"}, {"spec", {{"containers", {1}}, {"x", pod}}}}}},
       {"spec.of.spec.x."}},
      {"monitoring.coreos.com/v1", "Prometheus", pod["spec"], {}},
      {"a.example/v1", "Thing", {{"template", {{"spec", {{"containers", Json::array()}}}}}}, {}},
      {"kyverno.io/v1", "ClusterPolicy", {{"rules", Json::array({{{"validate", {{"pattern", pod}}}}})}}, {}},
      {"v1", "Deployment", {{"template", pod}}, {}}};
  for (const Case& c : kCases) {
    const Judged judged = JudgedOf(Object(c.api_version, c.kind, c.spec));
    std::vector<std::string> prefixes;
    for (std::size_t i = 1; i < judged.objects.size(); ++i) {
      prefixes.push_back(judged.objects[i].first);
      EXPECT_EQ(judged.objects[i].second["kind"], "Pod");
      EXPECT_EQ(judged.objects[i].second["metadata"]["namespace"], "acme");
      EXPECT_EQ(judged.objects[i].second["spec"], pod["spec"]);
    }
    EXPECT_EQ(prefixes, c.prefixes) << c.kind;
  }
}

TEST(ForEachJudged, WhatIsNotThereIsNotJudged) {
  const Json kSpecs[] = {nullptr, Json::object(), {{"template", nullptr}}, {{"workloadRef", {{"kind", "Deployment"}}}}};
  for (const Json& spec : kSpecs) {
    const Judged judged = JudgedOf(Object("argoproj.io/v1alpha1", "Rollout", spec));
    EXPECT_EQ(judged.objects.size(), 1U) << spec;
    EXPECT_THAT(judged.unreadable, IsEmpty()) << spec;
  }
  EXPECT_EQ(JudgedOf({{"apiVersion", "v1"}, {"kind", "PodTemplate"}}).objects.size(), 1U);
}

TEST(ForEachJudged, WhatIsNoObjectIsTold) {
  EXPECT_THAT(JudgedOf(Object("apps/v1", "Deployment", "text")).unreadable, ElementsAre("spec"));
  EXPECT_THAT(JudgedOf(Object("apps/v1", "Deployment", {{"template", Json::array()}})).unreadable,
              ElementsAre("spec.template"));
  EXPECT_THAT(JudgedOf(Object("batch/v1", "CronJob", {{"jobTemplate", 7}})).unreadable,
              ElementsAre("spec.jobTemplate"));
  EXPECT_THAT(JudgedOf(Object("apps/v1", "StatefulSet", {{"volumeClaimTemplates", {1}}})).unreadable,
              ElementsAre("spec.volumeClaimTemplates[0]"));
}

TEST(ForEachJudged, ATemplateOfTheWrongShapeIsJudgedAsItIs) {
  const Judged judged = JudgedOf(Object("apps/v1", "Deployment", {{"template", {{"metadata", "m"}, {"spec", 1}}}}));
  ASSERT_EQ(judged.objects.size(), 2U);
  EXPECT_EQ(judged.objects[1].second["metadata"], "m");
  EXPECT_EQ(judged.objects[1].second["spec"], 1);
}

TEST(ForEachJudged, Claims) {
  const Json claim = {{"metadata", {{"name", "data"}}}, {"spec", {{"storageClassName", "far"}}}};
  const Json pod_spec = {
      {"volumes", {{{"name", "a"}}, {{"name", "b"}, {"ephemeral", {{"volumeClaimTemplate", claim}}}}, 7}}};
  const Judged set = JudgedOf(Object(
      "apps/v1", "StatefulSet", {{"template", {{"spec", pod_spec}}}, {"volumeClaimTemplates", Json::array({claim})}}));
  EXPECT_THAT(set.Kinds(),
              ElementsAre(":StatefulSet", "spec.template.:Pod",
                          "spec.template.spec.volumes[1].ephemeral.volumeClaimTemplate.:PersistentVolumeClaim",
                          "spec.volumeClaimTemplates[0].:PersistentVolumeClaim"));
  EXPECT_EQ(set.objects[3].second, Json::parse(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim",
      "metadata":{"name":"data","namespace":"acme"},"spec":{"storageClassName":"far"}})"));
  EXPECT_THAT(JudgedOf(Object("v1", "Pod", pod_spec)).Kinds(),
              ElementsAre(":Pod", "spec.volumes[1].ephemeral.volumeClaimTemplate.:PersistentVolumeClaim"));
}

TEST(FieldInManifest, PutsThePartBefore) {
  EXPECT_EQ(FieldInManifest("", "spec.nodeName"), "spec.nodeName");
  EXPECT_EQ(FieldInManifest("", ""), "");
  EXPECT_EQ(FieldInManifest("spec.template.", "spec.nodeName"), "spec.template.spec.nodeName");
  EXPECT_EQ(FieldInManifest("spec.template.", ""), "spec.template");
}

TEST(IsClusterScoped, GoesByKindAndGroup) {
  EXPECT_TRUE(IsClusterScoped({{"apiVersion", "v1"}, {"kind", "Namespace"}}));
  EXPECT_TRUE(IsClusterScoped({{"apiVersion", "storage.k8s.io/v1"}, {"kind", "StorageClass"}}));
  EXPECT_TRUE(IsClusterScoped({{"apiVersion", "rempart.dev/v1alpha1"}, {"kind", "SovereignRegion"}}));
  EXPECT_FALSE(IsClusterScoped({{"apiVersion", "v1"}, {"kind", "StorageClass"}}));
  EXPECT_FALSE(IsClusterScoped({{"apiVersion", "v1"}, {"kind", "Pod"}}));
}

}  // namespace
}  // namespace rempart::cli
