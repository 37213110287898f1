#include "operator/cli/check_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/unit/cli/check_fixture.h"

namespace rempart::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr CheckFormat kFormats[] = {CheckFormat::kTable, CheckFormat::kJson, CheckFormat::kSarif, CheckFormat::kJunit,
                                    CheckFormat::kGithub};

// Every thing that a report can have, with names that have to be escaped somewhere.
CheckReport Report() {
  CheckReport report;
  report.files = {"chart/web.yaml", "-", "/srv/a b,c:%.yaml", "./gone.yaml"};
  report.documents = 5;
  report.objects = {{0, 1, 2, "apps/v1", "Deployment", "acme", "web"},
                    {0, 2, 30, "v1", "Namespace", "", "acme"},
                    {1, 1, 1, "v1", "Pod", "kube-system", "dns", false},
                    {2, 1, 1, "v1", "Pod", "acme", "web-*"},
                    {2, 2, 9, "v1", "ConfigMap", "acme", "x", true, false}};
  report.findings = {
      {0, 7, "RP-101", "spec.template.spec.nodeName", "\"fr-par-9\" is not a node of region france"},
      {0, 12, "RP-201", "spec.template.spec.containers[1].image", "100% <not> & \xC3\xA9t\xC3\xA9:\nsecond line"},
      {3, 0, "RP-900", "", "as a whole"}};
  report.problems = {{0, 40, 3, "YAML: end of sequence flow not found"},
                     {3, 0, 0, "read ./gone.yaml: No such file or directory"},
                     {CheckProblem::kNoFile, 0, 0, "of no file"}};
  return report;
}

CheckOutput Output(CheckFormat format) {
  return {format,
          "0.1.0",
          {{"RP-101", "A pod is on a qualified node.", "Take nodeName away.", "All of it."},
           {"RP-102", "Never found.", ""}}};
}

// Compares with tests/golden/check/NAME; with REMPART_UPDATE_GOLDEN set, writes it.
void ExpectGolden(const std::string& name, const std::string& text) {
  const std::string path = std::string(REMPART_SOURCE_DIR) + "/tests/golden/check/" + name;
  if (std::getenv("REMPART_UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " (REMPART_UPDATE_GOLDEN=1 writes it)";
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, golden) << path << " (REMPART_UPDATE_GOLDEN=1 writes it)";
}

TEST(PrintCheck, Golden) {
  const std::pair<CheckFormat, const char*> kFiles[] = {{CheckFormat::kTable, "table.txt"},
                                                        {CheckFormat::kJson, "report.json"},
                                                        {CheckFormat::kSarif, "report.sarif"},
                                                        {CheckFormat::kJunit, "junit.xml"},
                                                        {CheckFormat::kGithub, "github.txt"}};
  for (const auto& [format, name] : kFiles) ExpectGolden(name, PrintCheck(Report(), Output(format)));
}

TEST(PrintCheck, ACleanReport) {
  CheckReport report;
  report.files = {"a.yaml"};
  report.documents = 1;
  report.objects = {{0, 1, 1, "v1", "Pod", "acme", "web"}};
  EXPECT_EQ(PrintCheck(report, Output(CheckFormat::kTable)), "no violations in 1 object (1 file)\n");
  EXPECT_EQ(PrintCheck(report, Output(CheckFormat::kGithub)), "no violations in 1 object (1 file)\n");
  EXPECT_THAT(PrintCheck(report, Output(CheckFormat::kJunit)), HasSubstr("tests=\"1\" failures=\"0\" errors=\"0\""));
  const Json sarif = Json::parse(PrintCheck(report, Output(CheckFormat::kSarif)));
  EXPECT_EQ(sarif["runs"][0]["results"], Json::array());
  EXPECT_EQ(sarif["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

// What SARIF 2.1.0's schema asks for, as far as we write it.
TEST(PrintCheck, SarifIsWellFormed) {
  const Json sarif = Json::parse(PrintCheck(Report(), Output(CheckFormat::kSarif)));
  EXPECT_EQ(sarif["version"], "2.1.0");
  EXPECT_THAT(sarif["$schema"].get<std::string>(), HasSubstr("sarif-schema-2.1.0.json"));
  const Json& run = sarif["runs"][0];
  const Json& rules = run["tool"]["driver"]["rules"];
  EXPECT_EQ(run["results"].size(), 3U);
  for (const Json& result : run["results"]) {
    EXPECT_EQ(rules.at(result["ruleIndex"].get<std::size_t>())["id"], result["ruleId"]);
    const Json& physical = result["locations"][0]["physicalLocation"];
    const std::string uri = physical["artifactLocation"]["uri"];
    EXPECT_EQ(uri.find_first_of(" :%", uri.starts_with("file://") ? 7 : 0) == uri.npos, uri == "chart/web.yaml") << uri;
    if (physical.contains("region")) EXPECT_GE(physical["region"]["startLine"], 1);
  }
  EXPECT_EQ(run["results"][2]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "file:///srv/a%20b,c%3A%25.yaml");
  EXPECT_EQ(run["invocations"][0]["exitCode"], 2);
}

// Two objects of one name in one file, each with the same finding.
TEST(PrintCheck, LikeNamedObjectsAreToldApart) {
  CheckReport report;
  report.files = {"out.d/a.b.yaml"};
  report.objects = {{0, 1, 1, "v1", "Pod", "acme", "web"},
                    {0, 2, 9, "v1", "Pod", "acme", "web"},
                    {0, 3, 20, "v1", "Pod", "acme", "db"},
                    {0, 4, 30, "v1", "Pod", "acme", "db"}};
  report.findings = {{0, 2, "RP-101", "f", "x"}, {1, 10, "RP-101", "f", "x"}};
  const auto fingerprint = [](const Json& sarif, int i) {
    return sarif["runs"][0]["results"][i]["partialFingerprints"]["rempartFinding/v1"].get<std::string>();
  };
  const Json sarif = Json::parse(PrintCheck(report, Output(CheckFormat::kSarif)));
  EXPECT_NE(fingerprint(sarif, 0), fingerprint(sarif, 1));
  report.objects[0].document = 5, report.objects[1].document = 6;
  report.findings[0].line = 90;
  const Json moved = Json::parse(PrintCheck(report, Output(CheckFormat::kSarif)));
  EXPECT_EQ(fingerprint(sarif, 0), fingerprint(moved, 0)) << "what was added above makes no new finding of it";
  const std::string junit = PrintCheck(report, Output(CheckFormat::kJunit));
  for (const char* name :
       {"name=\"Pod acme/db\"", "name=\"Pod acme/db (2)\"", "name=\"Pod acme/web RP-101 f\"",
        "name=\"Pod acme/web RP-101 f (2)\"", "classname=\"out_d/a_b_yaml\"", "file=\"out.d/a.b.yaml\""})
    EXPECT_THAT(junit, HasSubstr(name));
}

TEST(PrintCheck, TextFromOutsideCannotBreakOut) {
  CheckReport report;
  const std::string evil = "x\x1b[2J\r\n::error::y\n]]><a>\"'&\xff\xEF\xBF\xBF\x01" + std::string(1, '\0') + "%,:";
  report.files = {evil};
  report.documents = 1;
  report.objects = {{0, 1, 1, "v1", evil, evil, evil}};
  report.findings = {{0, 1, evil, evil, evil + std::string(100'000, 'z')}};
  report.problems = {{0, 1, 1, evil}};
  for (const CheckFormat format : kFormats) {
    const std::string text = PrintCheck(report, {format, "1", {}});
    EXPECT_LT(text.size(), 100'000U);
    EXPECT_THAT(text, Not(HasSubstr("\xff")));
    EXPECT_THAT(text, Not(HasSubstr("\n::error::")));
    if (format == CheckFormat::kTable || format == CheckFormat::kJunit) EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    if (format == CheckFormat::kJunit) {
      EXPECT_THAT(text, Not(HasSubstr("<a>")));
      EXPECT_THAT(text, Not(HasSubstr("\xEF\xBF\xBF")));
      EXPECT_THAT(text, Not(HasSubstr("\x01")));
    }
  }
  EXPECT_TRUE(Json::accept(PrintCheck(report, {CheckFormat::kJson, "1", {}})));
  EXPECT_TRUE(Json::accept(PrintCheck(report, {CheckFormat::kSarif, "1", {}})));
}

TEST(ParseCheckFormat, KnowsItsNames) {
  EXPECT_EQ(ParseCheckFormat("sarif"), CheckFormat::kSarif);
  EXPECT_EQ(ParseCheckFormat("SARIF"), std::nullopt);
  EXPECT_EQ(ParseCheckFormat(""), std::nullopt);
}

}  // namespace
}  // namespace rempart::cli
