// What already runs, as the region's status counts it.
#include <gmock/gmock.h>

#include "operator/perimeter/audit/reports.h"
#include "operator/perimeter/rules/probe_objects.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

class AuditTest : public GateTest {
 protected:
  // The count of the rule in status.violations; 0 for none.
  static int CountOf(const Json& region, const std::string& rule) {
    if (!region.is_object() || !region.contains("status")) return -1;
    for (const Json& entry : region["status"].value("violations", Json::array()))
      if (entry["rule"] == rule) return entry["count"];
    return 0;
  }
  bool AwaitCount(const std::string& rule, int count, std::chrono::milliseconds limit = 30s) {
    return cluster()
        .Await(
            api::kRegions, {"", region_}, [&](const Json& now) { return CountOf(now, rule) == count; }, limit)
        .has_value();
  }
  // Until the report says that so many violations are there.
  Json AwaitReport(const kube::Resource& resource, const kube::ObjectKey& key, int fail) {
    const auto report = cluster().Await(resource, key, [fail](const Json& now) {
      return now.is_object() && now.value(Json::json_pointer("/summary/fail"), -1) == fail;
    });
    EXPECT_TRUE(report) << cluster().Get(resource, key).value_or(Json("no report")).dump(1);
    return report.value_or(Json::object());
  }
  // Any change of the spec is followed by an audit.
  void AskAgain() {
    ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_},
                                     {{"spec", {{"exemptNamespaces", Json::array({UniqueName("nobody")})}}}}));
  }
};

TEST_F(AuditTest, CountsWhatWouldBeRefused) {
  Declare("Warn");
  Json bad = Pod();
  bad["metadata"]["name"] = "bad";
  bad["spec"]["containers"][0]["image"] = "docker.io/library/nginx@" + kDigest;
  bad["spec"]["schedulerName"] = "nobody";
  Create(bad);
  Create({{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", "out"}, {"namespace", ns_}}},
          {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}});
  AskAgain();
  EXPECT_TRUE(AwaitCount("RP-301", 1));
  EXPECT_TRUE(AwaitCount("RP-501", 1));
  const auto region = cluster().Get(api::kRegions, {"", region_});
  ASSERT_TRUE(region);
  EXPECT_GE((*region)["status"]["audit"]["objects"], 2);
  ASSERT_TRUE(cluster().Delete(api::kPods, {ns_, "bad"}));
  AskAgain();
  EXPECT_TRUE(AwaitCount("RP-301", 0));
  EXPECT_TRUE(AwaitCount("RP-501", 1));
}

// Long before the interval has passed, which is five minutes. The audit that counts the second service was asked for
// when the region had its node: nothing else is to be audited anew then.
TEST_F(AuditTest, FollowsNamespacesThatJoin) {
  const std::string late = ns_ + "-late";
  Create(MakeNamespace(late));
  const auto lead_out = [&](const std::string& ns, const std::string& name) {
    Create({{"apiVersion", "v1"},
            {"kind", "Service"},
            {"metadata", {{"name", name}, {"namespace", ns}}},
            {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}});
  };
  lead_out(ns_, "out");
  lead_out(late, "out");
  Declare("Warn");
  EXPECT_TRUE(AwaitCount("RP-501", 1));
  lead_out(ns_, "out-too");
  AskAgain();
  EXPECT_TRUE(AwaitCount("RP-501", 2));
  EXPECT_TRUE(cluster().MergePatch(api::kNamespaces, {"", late},
                                   {{"metadata", {{"labels", {{"rempart.dev/region", region_}}}}}}));
  EXPECT_TRUE(AwaitCount("RP-501", 3, 90s));
  EXPECT_TRUE(cluster().Delete(api::kNamespaces, {"", late}));
}

// The API server's copy of one, which admission let in.
TEST_F(AuditTest, StaticPodsAreReported) {
  Declare("Warn");
  Json mirror = Pod();
  mirror["metadata"]["name"] = "static-" + NodeName("a");
  mirror["metadata"]["annotations"]["kubernetes.io/config.mirror"] = "0123456789abcdef";
  mirror["spec"]["nodeName"] = NodeName("a");
  const auto made = cluster().api().Create(api::kPods, ns_, mirror.dump(), {});
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_THAT(made->warnings, ::testing::IsEmpty()) << "to refuse it would only hide it";
  AskAgain();
  EXPECT_TRUE(AwaitCount("RP-105", 1));
}

// The members of a Report and of a ClusterReport that OpenReports defines (reports-api, v1alpha1), with their types:
// the server drops all others.
Json ReportSchema() {
  const Json text = {{"type", "string"}}, number = {{"type", "integer"}}, truth = {{"type", "boolean"}};
  const auto object = [](const Json& members) { return Json{{"type", "object"}, {"properties", members}}; };
  const auto list = [](const Json& of) { return Json{{"type", "array"}, {"items", of}}; };
  const auto one_of = [](const Json& values) { return Json{{"type", "string"}, {"enum", values}}; };
  const Json resource = object({{"apiVersion", text},
                                {"kind", text},
                                {"namespace", text},
                                {"name", text},
                                {"uid", text},
                                {"resourceVersion", text},
                                {"fieldPath", text}});
  Json result = object({{"source", text},
                        {"policy", text},
                        {"rule", text},
                        {"category", text},
                        {"severity", one_of({"critical", "high", "low", "medium", "info"})},
                        {"timestamp", object({{"seconds", number}, {"nanos", number}})},
                        {"result", one_of({"pass", "fail", "warn", "error", "skip"})},
                        {"scored", truth},
                        {"message", text},
                        {"resources", list(resource)},
                        {"properties", {{"type", "object"}, {"additionalProperties", text}}}});
  result["required"] = {"policy"};
  const Json summary =
      object({{"pass", number}, {"fail", number}, {"warn", number}, {"error", number}, {"skip", number}});
  return object({{"apiVersion", text},
                 {"kind", text},
                 {"metadata", {{"type", "object"}}},
                 {"source", text},
                 {"scope", resource},
                 {"summary", summary},
                 {"results", list(result)}});
}

// Where the cluster has OpenReports, dashboards read what the audit found.
TEST_F(AuditTest, WritesReports) {
  Serve({Definition(audit::kReports, ReportSchema())});
  Declare("Warn");
  Json pod = Pod();
  pod["metadata"]["name"] = "good";
  pod["spec"]["schedulerName"] = "nobody";
  Create(pod);
  pod["metadata"]["name"] = "bad";
  pod["spec"]["containers"][0]["image"] = "docker.io/library/nginx@" + kDigest;
  Create(pod);
  AskAgain();
  const kube::ObjectKey key{ns_, "rempart-" + region_ + "-0"};
  const Json report = AwaitReport(audit::kReports, key, 1);
  EXPECT_EQ(report["source"], "rempart");
  EXPECT_GE(report["summary"]["pass"], 1);
  ASSERT_EQ(report["results"].size(), 1U);
  const Json& result = report["results"][0];
  EXPECT_EQ(result["policy"], region_);
  EXPECT_EQ(result["rule"], "RP-301");
  EXPECT_EQ(result["result"], "fail");
  EXPECT_EQ(result["resources"][0]["kind"], "Pod");
  EXPECT_EQ(result["resources"][0]["name"], "bad");
  EXPECT_EQ(result["properties"]["field"], "spec.containers[0].image");
  EXPECT_THAT(result["message"].get<std::string>(), ::testing::HasSubstr("docker.io/library/nginx@"));

  // What somebody writes into it does not stay.
  ASSERT_TRUE(cluster().MergePatch(audit::kReports, key, {{"results", Json::array()}, {"summary", {{"fail", 0}}}}));
  AskAgain();
  EXPECT_EQ(AwaitReport(audit::kReports, key, 1)["results"], report["results"]);

  ASSERT_TRUE(cluster().Delete(api::kPods, {ns_, "bad"}));
  AskAgain();
  const Json clean = AwaitReport(audit::kReports, key, 0);
  EXPECT_EQ(clean.value("results", Json::array()), Json::array());

  // Nor does a report stay where the region's rules no longer hold.
  ASSERT_TRUE(cluster().MergePatch(api::kNamespaces, {"", ns_},
                                   {{"metadata", {{"labels", {{"rempart.dev/region", nullptr}}}}}}));
  ASSERT_TRUE(cluster().Await(api::kRegions, {"", region_}, [](const Json& now) {
    return now.is_object() && now.value(Json::json_pointer("/status/namespaces/governed"), 1) == 0;
  })) << "the operator has seen it";
  AskAgain();
  EXPECT_TRUE(cluster().Await(audit::kReports, key, [](const Json& now) { return now.is_null(); }));
}

// Storage classes and volumes are in no namespace: the cluster's report names them, also where it serves no others.
TEST_F(AuditTest, WritesReportsOfTheCluster) {
  Serve({Definition(audit::kClusterReports, ReportSchema())});
  const std::string name = id_ + "-class";
  Declare("Warn", {{"storage", {{"classes", Json::array({name})}, {"provisioners", Json::array({"csi.example"})}}}});
  const Json of = rules::probe::StorageClass(name, "elsewhere.example");
  ASSERT_TRUE(cluster().api().Create(rules::probe::kStorageClasses, "", of.dump(), {}));
  AskAgain();
  const kube::ObjectKey key{"", "rempart-" + region_ + "-0"};
  const Json report = AwaitReport(audit::kClusterReports, key, 1);
  EXPECT_EQ(report["source"], "rempart");
  ASSERT_EQ(report["results"].size(), 1U);
  const Json& result = report["results"][0];
  EXPECT_EQ(result["policy"], region_);
  EXPECT_EQ(result["rule"], "RP-402");
  EXPECT_EQ(result["resources"][0]["kind"], "StorageClass");
  EXPECT_EQ(result["resources"][0]["name"], name);
  EXPECT_FALSE(result["resources"][0].contains("namespace"));
  EXPECT_EQ(result["properties"]["field"], "provisioner");

  ASSERT_TRUE(cluster().MergePatch(audit::kClusterReports, key, {{"results", Json::array()}}));
  AskAgain();
  EXPECT_TRUE(cluster().Await(audit::kClusterReports, key, [&](const Json& now) {
    return now.is_object() && now.value("results", Json()) == report["results"];
  })) << "what somebody takes out of it is back";

  ASSERT_TRUE(cluster().Delete(rules::probe::kStorageClasses, {"", name}));
  AskAgain();
  EXPECT_EQ(AwaitReport(audit::kClusterReports, key, 0).value("results", Json::array()), Json::array());

  // Where no rule is about such objects any more.
  ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"storage", nullptr}}}}));
  EXPECT_TRUE(cluster().Await(audit::kClusterReports, key, [](const Json& now) { return now.is_null(); }));
}

}  // namespace
}  // namespace rempart::test
