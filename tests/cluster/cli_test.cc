// The plugin itself against the real API server: what `check` says is what the gate says, what `policies` prints the
// server takes.
#include <gmock/gmock.h>

#include <fstream>

#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kPlugin = std::string(REMPART_BIN_DIR) + "/kubectl-rempart";

class CliTest : public GateTest {
 protected:
  void TearDown() override {
    for (const std::string& file : files_) std::remove(file.c_str());
    GateTest::TearDown();
  }
  std::string Write(const std::string& name, const std::string& text) {
    files_.push_back(LogPath(id_ + "-" + name));
    std::ofstream(files_.back()) << text;
    return files_.back();
  }
  // A line of shell, in which $PLUGIN is the program; standard error is left out of what is printed where it says so.
  static CommandResult Shell(const std::string& line) {
    return RunCommand({"sh", "-c", "PLUGIN='" + kPlugin + "'; " + line});
  }

  std::vector<std::string> files_;
};

TEST_F(CliTest, ChecksByTheRegionOfTheNamespace) {
  Declare("Enforce");
  Json pod = Pod();
  pod["spec"]["nodeName"] = NodeName("a");
  auto checked = Shell("$PLUGIN check - < '" + Write("good.json", pod.dump()) + "'");
  EXPECT_EQ(checked.code, 0) << checked.output << "a node that the operator's parameters name";
  pod["spec"]["nodeName"] = NodeName("foreign");
  pod["spec"]["containers"][0]["image"] = "docker.example/app";
  const std::string bad = Write("bad.json", pod.dump());
  checked = Shell("$PLUGIN check -o json '" + bad + "' 2>/dev/null");
  EXPECT_EQ(checked.code, 1) << checked.output;
  const auto report = ParseJson(checked.output);
  ASSERT_TRUE(report) << checked.output;
  std::set<std::string> rules;
  for (const Json& violation : (*report)["violations"]) rules.insert(violation["rule"].get<std::string>());
  EXPECT_THAT(rules, ::testing::ElementsAre("RP-101", "RP-301", "RP-302", "RP-303"));
  EXPECT_EQ(RulesAgainst(api::kPods, pod), rules) << "and the server names the same";
  checked = Shell("$PLUGIN check -n kube-system '" +
                  Write("exempt.json", R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"}})") + "'");
  EXPECT_EQ(checked.code, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("1 in no region or exempt, and not judged"));
}

TEST_F(CliTest, ChecksWhatHelmRenders) {
  Declare("Enforce");
  const std::string chart = "helm template rempart '" + std::string(REMPART_SOURCE_DIR) + "/charts/rempart'";
  auto checked = Shell(chart + " --namespace " + ns_ + " | $PLUGIN check -");
  EXPECT_EQ(checked.code, 1) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("Deployment " + ns_ + "/rempart"));
  EXPECT_THAT(checked.output, HasSubstr("RP-301"));
  EXPECT_THAT(checked.output, HasSubstr("of kinds that no rule is about"));
  EXPECT_THAT(checked.output, Not(HasSubstr("Could not be judged")));
  checked = Shell(chart + " --namespace " + Suite::Get().ns() + " | $PLUGIN check -");
  EXPECT_EQ(checked.code, 0) << checked.output << "Rempart's own namespace is exempt";
}

TEST_F(CliTest, ChecksWhatKustomizeBuilds) {
  Declare("Enforce");
  const std::string folder = LogPath(id_ + "-kustomize");
  ASSERT_EQ(Shell("mkdir '" + folder + "'").code, 0);
  files_.push_back(folder + "/kustomization.yaml");
  std::ofstream(files_.back()) << "namespace: " << ns_
                               << "\nresources: [web.yaml]\nimages: [{name: web, newName: registry.sas.example/web, "
                                  "digest: '"
                               << kDigest << "'}]\n";
  files_.push_back(folder + "/web.yaml");
  std::ofstream(files_.back())
      << "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n"
         "  selector: {matchLabels: {app: web}}\n  template:\n"
         "    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: web}]}\n";
  files_.push_back(folder);
  auto checked = Shell("kubectl kustomize '" + folder + "' | $PLUGIN check -");
  EXPECT_EQ(checked.code, 0) << checked.output << "the image is the region's once kustomize has built it";
  checked = Shell("$PLUGIN check -n " + ns_ + " '" + folder + "/web.yaml'");
  EXPECT_EQ(checked.code, 1) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("RP-301"));
}

TEST_F(CliTest, StatusAsJson) {
  Declare("Enforce");
  ASSERT_TRUE(AwaitRegion("Ready", "True").is_object());
  const auto told = Shell("$PLUGIN status -o json " + region_ + " 2>/dev/null");
  const auto status = ParseJson(told.output);
  ASSERT_TRUE(status) << told.output;
  const Json& region = (*status)["regions"].at(0);
  EXPECT_EQ(region["name"], region_);
  EXPECT_EQ(region["nodes"]["qualified"], 1) << told.output;
  EXPECT_EQ(told.code, region["isReady"] == true ? 0 : 1) << told.output;
  EXPECT_EQ(Shell("$PLUGIN status " + id_ + "-none").code, 2);
}

// Other tests' regions come and go meanwhile: applied is what is this test's.
TEST_F(CliTest, TheServerTakesThePoliciesThatAreThere) {
  Declare("Enforce");
  const auto printed = Shell("$PLUGIN policies 2>/dev/null");
  ASSERT_EQ(printed.code, 0) << printed.output;
  auto list = ParseJson(printed.output, {.max_bytes = 64 * 1024 * 1024});
  ASSERT_TRUE(list) << list.error().ToString();
  Json own = Json::array();
  for (const Json& item : (*list)["items"]) {
    const std::string name = item["metadata"]["name"];
    if (name == region_ || name.starts_with(region_ + ".")) own.push_back(item);
    if (name == region_) {
      EXPECT_EQ(item["spec"]["nodes"], Json({{NodeName("a"), true}}));
    }
    if (item["kind"] != api::kAdmissionPolicies.kind || !name.starts_with(region_ + ".")) continue;
    const auto stored = cluster().Get(api::kAdmissionPolicies, {"", name});
    ASSERT_TRUE(stored) << name;
    for (const char* member : {"matchConditions", "validations", "paramKind"})
      EXPECT_EQ(item["spec"].value(member, Json()), (*stored)["spec"].value(member, Json()))
          << name << ": as the operator's";
  }
  EXPECT_GE(own.size(), 10U);
  (*list)["items"] = std::move(own);
  const auto applied = Shell("kubectl apply --dry-run=server -f - < '" + Write("policies.json", list->dump()) + "'");
  EXPECT_EQ(applied.code, 0) << applied.output;
  EXPECT_THAT(applied.output, HasSubstr("perimeterparameters.rempart.dev/" + region_));
  EXPECT_THAT(applied.output, HasSubstr("validatingadmissionpolicy.admissionregistration.k8s.io/" + PolicyName()));
}

// kubectl asks kubectl_complete-rempart what may follow `kubectl rempart`.
TEST_F(CliTest, KubectlCompletesIt) {
  const auto completed = Shell("PATH=\"" REMPART_BIN_DIR ":$PATH\" kubectl __complete rempart st 2>/dev/null");
  EXPECT_EQ(completed.code, 0) << completed.output;
  EXPECT_THAT(completed.output, ::testing::StartsWith("status"));
}

TEST_F(CliTest, WithoutAClusterNothingIsTold) {
  for (const char* command : {"policies", "status", "explain node x", "check -"}) {
    const auto told = Shell(std::string("echo | $PLUGIN ") + command + " --kubeconfig /nonexistent 2>&1");
    EXPECT_EQ(told.code, 2) << command << ": " << told.output;
    EXPECT_THAT(told.output, Not(HasSubstr("(not found)"))) << command;
  }
}

}  // namespace
}  // namespace rempart::test
