#include "operator/workload/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/workload/builders.h"

namespace rempart::workload {
namespace {

using test::Kind;
using test::Parse;
using ::testing::HasSubstr;

api::TenantWorkload With(Kind kind, std::string child_json = "") {
  auto workload = test::Workload(kind);
  workload.child_json = std::move(child_json);
  return workload;
}
Json Render(const api::TenantWorkload& workload) {
  auto child = RenderChild(workload, test::Region());
  EXPECT_TRUE(child) << child.error().message;
  return child ? Parse(*child) : Json();
}

TEST(RenderChild, HasOurMetadataAndNoneOfTheTenants) {
  auto workload = With(Kind::kDeployment);
  workload.template_json = R"({"metadata":{"labels":{"app":"x"},"annotations":{"a":"b"}},"spec":{}})";
  EXPECT_EQ(Render(workload)["metadata"], Parse(R"({
      "name": "web", "namespace": "acme",
      "labels": {"rempart.dev/workload": "web", "rempart.dev/region": "france", "app.kubernetes.io/managed-by": "rempart"},
      "ownerReferences": [{"apiVersion": "rempart.dev/v1alpha1", "kind": "TenantWorkload", "name": "web", "uid": "uid-of-web",
                           "controller": true, "blockOwnerDeletion": true}]})"));
}

TEST(RenderChild, EachKindAroundTheSameTemplate) {
  struct Case {
    Kind kind;
    const char *api_version, *name, *child_json, *spec;  // TEMPLATE stands for the rendered template
  } const cases[] = {
      {Kind::kDeployment, "apps/v1", "Deployment", "",
       R"({"replicas": 3, "selector": {"matchLabels": {"rempart.dev/workload": "web"}}, "template": "TEMPLATE"})"},
      {Kind::kDeployment, "apps/v1", "Deployment",
       R"({"strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "x"}}})",
       R"({"replicas": 3, "strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "x"}}, "template": "TEMPLATE"})"},
      {Kind::kStatefulSet, "apps/v1", "StatefulSet", R"({"serviceName": "web", "volumeClaimTemplates": [{"a": 1}]})",
       R"({"replicas": 3, "serviceName": "web", "volumeClaimTemplates": [{"a": 1}],
           "selector": {"matchLabels": {"rempart.dev/workload": "web"}}, "template": "TEMPLATE"})"},
      {Kind::kDaemonSet, "apps/v1", "DaemonSet", R"({"selector": null})",
       R"({"selector": {"matchLabels": {"rempart.dev/workload": "web"}}, "template": "TEMPLATE"})"},
      {Kind::kJob, "batch/v1", "Job", R"({"backoffLimit": 2})", R"({"backoffLimit": 2, "template": "TEMPLATE"})"},
      {Kind::kJob, "batch/v1", "Job", R"({"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}})",
       R"({"manualSelector": true, "selector": {"matchLabels": {"a": "b"}}, "template": "TEMPLATE"})"},
      {Kind::kCronJob, "batch/v1", "CronJob",
       R"({"schedule": "0 3 * * *", "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 1}}})",
       R"({"schedule": "0 3 * * *", "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 1, "template": "TEMPLATE"}}})"},
      {Kind::kCronJob, "batch/v1", "CronJob", R"({"schedule": "0 3 * * *"})",
       R"({"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": "TEMPLATE"}}})"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.spec);
    const auto workload = With(c.kind, c.child_json);
    Json pod_template = RenderTemplate(workload, Parse(workload.template_json), test::Region());
    if (c.kind == Kind::kJob || c.kind == Kind::kCronJob) pod_template["spec"]["restartPolicy"] = "OnFailure";
    Json expected = Parse(c.spec);
    const char* at = c.kind == Kind::kCronJob ? "/jobTemplate/spec/template" : "/template";
    expected[Json::json_pointer(at)] = pod_template;
    const Json child = Render(workload);
    EXPECT_EQ(child["apiVersion"], c.api_version);
    EXPECT_EQ(child["kind"], c.name);
    EXPECT_EQ(child["spec"], expected);
  }
}

TEST(RenderChild, RestartPolicyOfJobsIsSetOnlyWhereItIsAbsent) {
  for (const auto& [given, expected] : {std::pair{"", "OnFailure"},
                                        {R"(,"restartPolicy":"Never")", "Never"},
                                        {R"(,"restartPolicy":null)", "OnFailure"},
                                        {R"(,"restartPolicy":"Always")", "Always"}}) {
    auto workload = With(Kind::kJob);
    workload.template_json = std::string(R"({"spec":{"containers":[])") + given + "}}";
    EXPECT_EQ(Render(workload)["spec"]["template"]["spec"]["restartPolicy"], expected);
  }
  EXPECT_FALSE(Render(With(Kind::kDeployment))["spec"]["template"]["spec"].contains("restartPolicy"));
}

TEST(RenderChild, ReplicasAreThoseOfTheWorkload) {
  auto workload = With(Kind::kDeployment);
  workload.replicas = 0;
  EXPECT_EQ(Render(workload)["spec"]["replicas"], 0);
  EXPECT_FALSE(Render(With(Kind::kDaemonSet))["spec"].contains("replicas"));
}

// A template is carried as it is, but for what says where its pods go.
TEST(PodTemplate, IsTheSameWhenPutTogether) {
  for (
      const char* text :
      {"{}", R"({"spec":{}})", R"({"spec":{"containers":[{"name":"c","args":["\u0001\"\n"]}]}})",
       R"({"metadata":{"labels":{"a":"b"}},"spec":{"volumes":[],"nodeSelector":{"disk":"ssd"},"x":null,"nodeName":"n"}})",
       R"({"spec":{"affinity":{"nodeAffinity":{}},"topologySpreadConstraints":[1],"restartPolicy":"Never"},"other":7})",
       R"({"spec":"x","metadata":null})", R"({"spec":{"a \"quoted\" key":{"b":[1.5,true]},"hostNetwork":false}})"}) {
    const auto pod_template = ReadPodTemplate(text);
    ASSERT_TRUE(pod_template) << text;
    EXPECT_EQ(Parse(pod_template->ToText()), Parse(text));
  }
  EXPECT_FALSE(ReadPodTemplate("{"));
  EXPECT_FALSE(ReadPodTemplate(""));
  EXPECT_TRUE(ReadPodTemplate("[]")->judged.is_array());
  const auto pod_template = ReadPodTemplate(R"({"spec":{"containers":[],"nodeName":"n"}})");
  EXPECT_EQ(pod_template->rest, R"("containers":[])");
  EXPECT_EQ(pod_template->judged, Parse(R"({"spec":{"nodeName":"n"}})"));
}

TEST(OnlyCreate, AddsTheResourceVersionAndNothingElse) {
  for (const auto kind : test::kAllKinds) {
    const auto child = RenderChild(With(kind), test::Region());
    ASSERT_TRUE(child);
    Json expected = Parse(*child);
    expected["metadata"]["resourceVersion"] = "1";
    EXPECT_EQ(Parse(OnlyCreate(*child)), expected);
  }
}

struct BadCase {
  Kind kind;
  const char *template_json, *child_json, *complaint;
};
std::ostream& operator<<(std::ostream& out, const BadCase& c) { return out << c.child_json << c.template_json; }
class RenderChildRefuses : public ::testing::TestWithParam<BadCase> {};
TEST_P(RenderChildRefuses, WithFieldAndFix) {
  auto workload = With(GetParam().kind, GetParam().child_json);
  workload.template_json = GetParam().template_json;
  const auto child = RenderChild(workload, test::Region());
  ASSERT_FALSE(child) << *child;
  EXPECT_EQ(child.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(child.error().message, HasSubstr(GetParam().complaint));
}
INSTANTIATE_TEST_SUITE_P(
    Table, RenderChildRefuses,
    ::testing::Values(
        BadCase{Kind::kDeployment, "", "", "spec.template: "}, BadCase{Kind::kDeployment, "{", "", "spec.template: "},
        BadCase{Kind::kDeployment, "[]", "", "spec.template: is not an object"},
        BadCase{Kind::kDeployment, "{}", "{]", "spec.deployment: "},
        BadCase{Kind::kStatefulSet, "{}", "[]", "spec.statefulSet: is not an object"},
        BadCase{Kind::kDaemonSet, "{}", R"({"template":{}})", "spec.daemonSet.template: "},
        BadCase{Kind::kDeployment, "{}", R"({"replicas":5})",
                "spec.deployment.replicas: the number of replicas is spec.replicas"},
        BadCase{Kind::kJob, "{}", R"({"template":null})", "spec.job.template: "},
        BadCase{Kind::kCronJob, "{}", R"({"jobTemplate":7})", "spec.cronJob.jobTemplate: is not an object"},
        BadCase{Kind::kCronJob, "{}", R"({"jobTemplate":{"spec":[]}})",
                "spec.cronJob.jobTemplate.spec: is not an object"},
        BadCase{Kind::kCronJob, "{}", R"({"jobTemplate":{"spec":{"template":{"spec":{"nodeName":"x"}}}}})",
                "spec.cronJob.jobTemplate.spec.template: "}));

TEST(RenderChild, NamesThatNoLabelCanHoldAreRefused) {
  auto workload = With(Kind::kDeployment);
  workload.meta.key.name = std::string(64, 'a');
  EXPECT_THAT(RenderChild(workload, test::Region()).error().message, HasSubstr("metadata.name"));
  EXPECT_THAT(RenderChild(With(Kind::kDeployment), test::Region(std::string(64, 'r'))).error().message,
              HasSubstr("spec.region"));
}

TEST(PodSelectorText, IsOursUnlessTheTenantGivesOne) {
  struct Case {
    const char *child_json, *text;
  } const cases[] = {
      {"", "rempart.dev/workload=web"},
      {R"({"strategy":{}})", "rempart.dev/workload=web"},
      {R"({"selector":{"matchLabels":{"app":"x","tier":"front"}}})", "app=x,tier=front"},
      {R"({"selector":{"matchLabels":{"app":"x"},"matchExpressions":[{"key":"a","operator":"In","values":["c","b"]},
           {"key":"d","operator":"NotIn","values":["e"]},{"key":"f","operator":"Exists"},{"key":"g","operator":"DoesNotExist"}]}})",
       "app=x,a in (b,c),d notin (e),f,!g"},
      // What the API server would not take is not passed on.
      {R"({"selector":{}})", "rempart.dev/workload=web"},
      {R"({"selector":"app=x"})", "rempart.dev/workload=web"},
      {R"({"selector":{"matchLabels":{"app":1}}})", "rempart.dev/workload=web"},
      {R"({"selector":{"matchLabels":[]}})", "rempart.dev/workload=web"},
      {R"({"selector":{"matchExpressions":{}}})", "rempart.dev/workload=web"},
      {R"({"selector":{"matchExpressions":[{"key":"a","operator":"Gt","values":["1"]}]}})", "rempart.dev/workload=web"},
      {R"({"selector":)", "rempart.dev/workload=web"},
  };
  for (const auto& c : cases) EXPECT_EQ(PodSelectorText(With(Kind::kDeployment, c.child_json)), c.text) << c.child_json;
}

TEST(HoldPatch, SetsTheRegionAndNothingElse) {
  for (const auto kind : test::kAllKinds) {
    const auto child = test::ChildOf(test::Workload(kind));
    const std::string at = kind == Kind::kCronJob ? "/spec/jobTemplate/spec/template/spec" : "/spec/template/spec";
    Json expected = Parse(R"({"metadata":{"uid":"uid-of-child"}})");
    expected[Json::json_pointer(at)] =
        Parse(R"({"nodeName":null,"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"france"}})");
    EXPECT_EQ(HoldPatch(child, "france"), expected);
    expected[Json::json_pointer(at)] = Parse(R"({"nodeName":null})");
    EXPECT_EQ(HoldPatch(child, ""), expected);
  }
}

TEST(IsChildOf, ByControllerOrByTheUidThatWasWrittenDown) {
  auto workload = test::Workload();
  auto child = test::ChildOf(workload);
  EXPECT_TRUE(IsChildOf(child, workload));
  child.controller_uid = "somebody-else";
  EXPECT_FALSE(IsChildOf(child, workload));
  workload.status_json = R"({"child":{"uid":"uid-of-child"}})";
  EXPECT_FALSE(IsChildOf(child, workload)) << "another controller outweighs what was written down";
  child.controller_uid = "";
  EXPECT_TRUE(IsChildOf(child, workload));
  for (const char* status : {"", "{", "7", R"({"child":7})", R"({"child":{"uid":7}})", R"({"child":{"uid":""}})",
                             R"({"child":{"uid":"other"}})"}) {
    workload.status_json = status;
    EXPECT_FALSE(IsChildOf(child, workload)) << status;
  }
  child.meta.uid = "";
  workload.status_json = R"({"child":{"uid":""}})";
  EXPECT_FALSE(IsChildOf(child, workload));
}

}  // namespace
}  // namespace rempart::workload
