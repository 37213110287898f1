#include "operator/cli/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "tests/unit/cli/check_fixture.h"
#include "tests/unit/kube/temp_dir.h"

namespace rempart::cli {
namespace {

using kube::test::TempDir;
using test::CheckText;
using test::JudgePod;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// "line label rule field".
std::vector<std::string> Found(const CheckReport& report) {
  std::vector<std::string> found;
  for (const Finding& f : report.findings) {
    found.push_back(std::to_string(f.line) + " " + report.objects[f.object].Label() + " " + f.rule + " " + f.field);
  }
  return found;
}

constexpr const char* kDeployment =
    "apiVersion: apps/v1\n"
    "kind: Deployment\n"
    "metadata: {name: web, namespace: acme}\n"
    "spec:\n"
    "  template:\n"
    "    spec:\n"
    "      nodeName: n\n"
    "      containers:\n"
    "      - name: a\n"
    "        image: registry.example/a\n"
    "      - name: b\n"
    "        image: b\n"
    "      - name: c\n";

TEST(RunCheck, TellsAllWithLines) {
  const CheckReport report =
      CheckText(std::string(kDeployment) + "---\napiVersion: v1\nkind: Pod\nspec: {nodeName: m}\n");
  EXPECT_THAT(Found(report), ElementsAre("7 Deployment acme/web RP-101 spec.template.spec.nodeName",
                                         "12 Deployment acme/web RP-201 spec.template.spec.containers[1].image",
                                         "13 Deployment acme/web RP-201 spec.template.spec.containers[2].image",
                                         "17 Pod default/(unnamed) RP-101 spec.nodeName"));
  EXPECT_EQ(report.findings[0].message, "is set: take it away");
  EXPECT_EQ(report.documents, 2);
  EXPECT_EQ(report.objects.size(), 2U);
  EXPECT_EQ(report.objects[1].document, 2);
  EXPECT_EQ(ExitCode(report), 1);
}

TEST(RunCheck, CleanIsZero) {
  const CheckReport report = CheckText("apiVersion: v1\nkind: Pod\n---\napiVersion: v1\nkind: Service\n");
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(ExitCode(report), 0);
}

TEST(RunCheck, NothingIsNotClean) {
  for (const char* text : {"", "# nothing\n---\n", "null\n", "apiVersion: v1\nkind: List\nitems: []\n"}) {
    const CheckReport report = CheckText(text);
    ASSERT_EQ(report.problems.size(), 1U) << text;
    EXPECT_THAT(report.problems[0].message, HasSubstr("nothing to judge"));
    EXPECT_EQ(ExitCode(report), 2);
  }
}

TEST(RunCheck, AProblemOutweighsViolationsAndHidesNone) {
  const CheckReport report = CheckText("a: [\n---\n" + std::string(kDeployment) + "---\nkind: Pod\n");
  EXPECT_EQ(report.findings.size(), 3U);
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_EQ(report.problems[0].document, 1);
  EXPECT_EQ(report.problems[1].line, 17);
  EXPECT_EQ(report.problems[1].document, 3);
  EXPECT_EQ(ExitCode(report), 2);
}

TEST(RunCheck, WhatCannotBeJudgedIsAProblem) {
  const std::pair<const char*, const char*> kCases[] = {
      {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template: x\n",
       "Deployment default/a: spec.template is no object"},
      {"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: 7\n", "Pod a: metadata.namespace is no text"}};
  for (const auto& [text, says] : kCases) {
    const CheckReport report = CheckText(text);
    ASSERT_EQ(report.problems.size(), 1U) << text;
    EXPECT_EQ(report.problems[0].message, says);
    EXPECT_EQ(report.problems[0].line, 5);
    EXPECT_EQ(ExitCode(report), 2);
  }
}

TEST(RunCheck, TheJudgeSeesWhatTheServerWould) {
  std::mutex mutex;
  std::vector<std::string> seen;
  const Judge judge = [&](const Json& object) {
    std::scoped_lock lock(mutex);
    seen.push_back(object["kind"].get<std::string>() + " in " + object["metadata"].value("namespace", "none"));
    return std::vector<Violation>{};
  };
  CheckText(
      "apiVersion: v1\nkind: PodList\nitems:\n- {}\n- metadata: {namespace: acme}\n- metadata: {namespace: ''}\n"
      "- metadata: {namespace: null}\n- metadata: null\n"
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
      "---\napiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: {template: {}}}}\n",
      judge);
  EXPECT_THAT(seen, ElementsAre("Pod in default", "Pod in acme", "Pod in default", "Pod in default", "Pod in default",
                                "Namespace in none", "CronJob in default", "Pod in default"));
}

TEST(RunCheck, ANamespaceDecidesWhoJudges) {
  const Judge judge = JudgePod;
  CheckInput input;
  input.paths = {"-"};
  input.read_stdin = [&]() -> Result<std::string> {
    return "apiVersion: v1\nkind: Pod\nmetadata: {namespace: kube-system}\nspec: {nodeName: n}\n---\n"
           "apiVersion: v1\nkind: Pod\nspec: {nodeName: n}\n---\napiVersion: v1\nkind: Namespace\n";
  };
  input.default_namespace = "acme";
  std::mutex mutex;
  std::set<std::string> asked;
  input.judge_of = [&](const std::string& ns) {
    std::scoped_lock lock(mutex);
    asked.insert(ns);
    return ns == "kube-system" ? nullptr : &judge;
  };
  const CheckReport report = RunCheck(input);
  EXPECT_THAT(Found(report), ElementsAre("8 Pod acme/(unnamed) RP-101 spec.nodeName"));
  EXPECT_FALSE(report.objects[0].judged);
  EXPECT_TRUE(report.objects[1].judged);
  EXPECT_THAT(asked, UnorderedElementsAre("kube-system", "acme", ""));
}

TEST(RunCheck, FilesKeepTheirOrderOnAllThreads) {
  TempDir dir;
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    const std::string name = std::to_string(1000 + i);
    dir.Write(name + ".yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: b" + name + "}\nspec: {nodeName: n}\n---\n" +
                                  "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"a" + name +
                                  "\"},\n\"spec\": {\"nodeName\": \"n\"}}\n");
    expected.push_back("4 Pod default/b" + name + " RP-101 spec.nodeName");
    expected.push_back("7 Pod default/a" + name + " RP-101 spec.nodeName");
  }
  const Judge judge = JudgePod;
  CheckInput input;
  input.paths = {dir.path(), dir / "absent.yaml"};
  input.judge_of = [&](const std::string&) { return &judge; };
  const CheckReport report = RunCheck(input);
  EXPECT_EQ(Found(report), expected);
  EXPECT_EQ(report.files.size(), 301U);
  EXPECT_EQ(report.objects[601 - 2].file, 299U);
  EXPECT_EQ(report.objects[601 - 2].document, 2);
  ASSERT_EQ(report.problems.size(), 1U);
  EXPECT_EQ(report.problems[0].file, 300U);
  EXPECT_EQ(report.problems[0].line, 0);
}

TEST(RunCheck, FieldsThatAreNotThereAreAtTheirParent) {
  const Judge judge = [](const Json& object) {
    return object["kind"] == "Pod"
               ? std::vector<Violation>{{"RP-1", "spec.nodeSelector[rempart.dev/region]", "is missing"},
                                        {"RP-2", "", "as a whole"}}
               : std::vector<Violation>{};
  };
  EXPECT_THAT(Found(CheckText(kDeployment, judge)),
              ElementsAre("5 Deployment acme/web RP-2 spec.template",
                          "6 Deployment acme/web RP-1 spec.template.spec.nodeSelector[rempart.dev/region]"));
}

TEST(RunCheck, AFileThatCannotBeReadIsNamedOnce) {
  TempDir dir, empty;
  CheckInput input;
  input.paths = {empty.path(), dir / "absent.yaml"};
  const CheckReport report = RunCheck(input);
  ASSERT_EQ(report.problems.size(), 2U);
  EXPECT_THAT(report.problems[0].message, ::testing::StartsWith("a directory without a .yaml"));
  EXPECT_EQ(report.problems[1].message, "No such file or directory");
}

TEST(RunCheck, WhatNoRuleIsAboutIsNotCalledClean) {
  const Judge judge = [](const Json& object) -> std::optional<std::vector<Violation>> {
    if (object["kind"] != "Pod") return std::nullopt;
    return std::vector<Violation>{};
  };
  const CheckReport report = CheckText(
      "apiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: Pod\n---\napiVersion: apps/v1\nkind: Deployment\n"
      "spec: {template: {spec: {}}}\n---\napiVersion: a.example/v1\nkind: Thing\nspec: {x: {spec: {containers: "
      "[{}]}}}\n",
      judge);
  std::vector<bool> has_rule;
  for (const CheckedObject& object : report.objects) has_rule.push_back(object.has_rule);
  EXPECT_THAT(has_rule, ElementsAre(false, true, true, true));
  EXPECT_EQ(ExitCode(report), 0);
}

TEST(RunCheck, ATemplateInACustomResourceHasItsLine) {
  const CheckReport report = CheckText(
      "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: train}\nspec:\n  pytorchReplicaSpecs:\n"
      "    Worker:\n      template:\n        spec:\n          containers:\n          - image: evil\n"
      "    wor.ker:\n      template: {spec: {containers: [{image: other}]}}\n");
  EXPECT_THAT(Found(report), ElementsAre("10 PyTorchJob default/train RP-201 "
                                         "spec.pytorchReplicaSpecs.Worker.template.spec.containers[0].image",
                                         "12 PyTorchJob default/train RP-201 "
                                         "spec.pytorchReplicaSpecs[\"wor.ker\"].template.spec.containers[0].image"));
}

TEST(RunCheck, NobodyToJudgeIsNoCrash) {
  CheckInput input;
  input.paths = {"-"};
  const CheckReport report = RunCheck(input);
  EXPECT_EQ(ExitCode(report), 2);
  input.read_stdin = []() -> Result<std::string> { return "apiVersion: v1\nkind: Pod\n"; };
  EXPECT_FALSE(RunCheck(input).objects.at(0).judged);
}

}  // namespace
}  // namespace rempart::cli
