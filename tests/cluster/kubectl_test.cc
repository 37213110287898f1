// The custom resources as kubectl's users meet them: columns, short names, the category, explain, diff, dry runs, and
// what waits for conditions and for children of every kind.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

using Row = std::map<std::string, std::string>;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

// A table of kubectl's, row by row: columns begin where their headings do, and may be empty.
std::vector<Row> Table(const std::string& text) {
  const auto lines = Lines(text);
  std::vector<Row> rows;
  if (lines.empty()) return rows;
  const std::string& head = lines[0];
  std::vector<std::size_t> begins;
  for (std::size_t i = 0; i < head.size(); ++i)
    if (head[i] != ' ' && (i == 0 || head[i - 1] == ' ')) begins.push_back(i);
  const auto cell = [&](const std::string& line, std::size_t column) {
    const std::size_t begin = begins[column], end = column + 1 < begins.size() ? begins[column + 1] : std::string::npos;
    if (begin >= line.size()) return std::string();
    std::string value = line.substr(begin, end == std::string::npos ? end : end - begin);
    value.erase(value.find_last_not_of(' ') + 1);
    return value;
  };
  for (std::size_t i = 1; i < lines.size(); ++i) {
    Row row;
    for (std::size_t column = 0; column < begins.size(); ++column) row[cell(head, column)] = cell(lines[i], column);
    rows.push_back(std::move(row));
  }
  return rows;
}

class KubectlTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    MakeNodes({"a", "b", "foreign"});
    MakeRegionOf({"a", "b"});
    ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeRegionLabel, region_));
    ASSERT_TRUE(AwaitNodeLabel(NodeName("b"), api::kNodeRegionLabel, region_));
  }
  void TearDown() override {
    for (const std::string& file : files_) std::remove(file.c_str());
    ClusterTest::TearDown();
  }
  // What kubectl prints, which must have gone well.
  static std::string Kubectl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "kubectl");
    const auto result = RunCommand(arguments);
    EXPECT_EQ(result.code, 0) << ::testing::PrintToString(arguments) << result.output;
    return result.output;
  }
  // The one row of a table, by the columns' headings.
  static Row TheRow(std::vector<std::string> arguments) {
    const std::string printed = Kubectl(std::move(arguments));
    const auto rows = Table(printed);
    EXPECT_EQ(rows.size(), 1U) << printed;
    return rows.empty() ? Row{} : rows[0];
  }
  std::string Write(const Json& object) {
    files_.push_back(LogPath(UniqueName(id_) + ".json"));
    std::ofstream(files_.back()) << object;
    return files_.back();
  }
  void CreateOfKind(const std::string& name, const std::string& kind, Json spec, int replicas = 1) {
    Json workload = MakeWorkload(ns_, name, region_, replicas);
    workload["spec"][kind] = std::move(spec);
    Create(workload);
  }

  std::vector<std::string> files_;
};

TEST_F(KubectlTest, ColumnsOfWorkloads) {
  CreateOfKind("web", "deployment", Json::object(), 2);
  ASSERT_TRUE(cluster().Await(api::kWorkloads, {ns_, "web"}, [](const Json& w) {
    return HasCondition(w, "Ready", "True") && w["status"].value("ready", 0) == 2;
  }));
  const Row web = TheRow({"get", "tw", "web", "-n", ns_});
  EXPECT_THAT(web.at("AGE"), MatchesRegex("[0-9]+[smh]([0-9]+s)?"));
  Row rest = web;
  rest.erase("AGE");
  EXPECT_EQ(rest, (Row{{"NAME", "web"},
                       {"REGION", region_},
                       {"KIND", "Deployment"},
                       {"READY", "2"},
                       {"REPLICAS", "2"},
                       {"PLACED", "True"},
                       {"STATUS", "Ready"}}));
  EXPECT_EQ(TheRow({"get", "tw", "web", "-n", ns_, "-o", "wide"})["MESSAGE"], "2 of 2 pods ready");

  Json refused = MakeWorkload(ns_, "refused", region_);
  refused["spec"]["template"]["spec"]["nodeName"] = NodeName("foreign");
  Create(refused);
  ASSERT_TRUE(AwaitWorkload("refused", "Stalled", "True", "PlacementRefused").is_object());
  Row stalled = TheRow({"get", "tw", "refused", "-n", ns_, "-o", "wide"});
  EXPECT_EQ(stalled["KIND"], "");
  EXPECT_EQ(stalled["READY"], "0");
  EXPECT_EQ(stalled["STATUS"], "PlacementRefused");
  EXPECT_THAT(stalled["MESSAGE"], HasSubstr("nodeName"));
}

TEST_F(KubectlTest, ColumnsOfRegionsAndProfiles) {
  Create(MakeWorkload(ns_, "web", region_));
  ASSERT_TRUE(cluster().Await(api::kRegions, {"", region_}, [](const Json& r) {
    return HasCondition(r, "Ready", "True") && r["status"].value("workloads", 0) == 1 &&
           r.value(Json::json_pointer("/status/nodes/qualified"), 0) == 2;
  }));
  Row region = TheRow({"get", "sr", region_, "-o", "wide"});
  EXPECT_EQ(region["NAME"], region_);
  EXPECT_EQ(region["COUNTRY"], "FR");
  EXPECT_EQ(region["QUALIFIED"], "2");
  EXPECT_THAT(region["OUTSIDE"], MatchesRegex("[1-9][0-9]*"));
  EXPECT_EQ(region["WORKLOADS"], "1");
  EXPECT_EQ(region["READY"], "True");
  EXPECT_EQ(region["REASON"], "Qualified");
  const auto stored = cluster().Get(api::kRegions, {"", region_});
  ASSERT_TRUE(stored);
  EXPECT_EQ(region["GATE"], ConditionOf(*stored, "SelfTested").value("reason", "none"));

  Create(MakeProfile(id_, id_, {{"since", "2022-11"}, {"expires", "2099-01-01T00:00:00Z"}}));
  Row profile = TheRow({"get", "hp", id_});
  profile.erase("AGE");
  EXPECT_EQ(profile, (Row{{"NAME", id_},
                          {"SYSTEM", "Cloud of a test"},
                          {"PROVIDER", "nobody"},
                          {"STATE", "Live"},
                          {"SINCE", "2022-11"},
                          {"EXPIRES", "2099-01-01T00:00:00Z"}}));
}

TEST_F(KubectlTest, ShortNamesAndTheCategory) {
  std::map<std::string, std::string> short_names;
  for (Row& row : Table(Kubectl({"api-resources", "--api-group=rempart.dev", "-o", "wide"}))) {
    short_names[row["NAME"]] = row["SHORTNAMES"];
    EXPECT_EQ(row["CATEGORIES"], "rempart") << row["NAME"];
  }
  EXPECT_EQ(short_names, (std::map<std::string, std::string>{{"hostingprofiles", "hp"},
                                                             {"nodeattestations", "na"},
                                                             {"perimeterparameters", ""},
                                                             {"sovereignregions", "sr"},
                                                             {"tenantworkloads", "tw"}}));
  Create(MakeWorkload(ns_, "web", region_));
  Create(MakeProfile(id_, id_));
  EXPECT_THAT(Lines(Kubectl({"get", "rempart", "-n", ns_, "-o", "name"})),
              AllOf(Contains("tenantworkload.rempart.dev/web"), Contains("sovereignregion.rempart.dev/" + region_),
                    Contains("hostingprofile.rempart.dev/" + id_)));
}

TEST_F(KubectlTest, ExplainsDownToTheContainers) {
  // explain takes a short name from the copy of discovery that kubectl keeps on disk, be it from before the definitions
  // were installed; this reads it anew.
  Kubectl({"api-resources", "--api-group=rempart.dev"});
  EXPECT_THAT(Kubectl({"explain", "tw.spec.template.spec.containers"}),
              AllOf(HasSubstr("FIELD: containers"), HasSubstr("imagePullPolicy")));
  EXPECT_THAT(Kubectl({"explain", "sr.spec.hosting.onLoss.gracePeriod"}), HasSubstr("How long a node may be"));
  EXPECT_NE(RunCommand({"kubectl", "explain", "tw.spec.template.spec.contaners"}).code, 0);
}

TEST_F(KubectlTest, DryRunsAndDiffsChangeNothing) {
  const std::string manifest = Write(MakeWorkload(ns_, "web", region_, 2));
  EXPECT_THAT(Kubectl({"apply", "--dry-run=server", "-f", manifest}), HasSubstr("created (server dry run)"));
  EXPECT_FALSE(cluster().Get(api::kWorkloads, {ns_, "web"}));
  Kubectl({"apply", "-f", manifest});
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  EXPECT_EQ(Kubectl({"diff", "-f", manifest}), "") << "what was applied does not differ";

  const std::string changed = Write(MakeWorkload(ns_, "web", region_, 3));
  EXPECT_THAT(Kubectl({"apply", "--dry-run=server", "-f", changed}), HasSubstr("configured (server dry run)"));
  const auto diff = RunCommand({"kubectl", "diff", "-f", changed});
  EXPECT_EQ(diff.code, 1) << diff.output;  // 1: there are differences
  EXPECT_THAT(diff.output, AllOf(HasSubstr("-  replicas: 2"), HasSubstr("+  replicas: 3")));
  const auto stored = cluster().Get(api::kWorkloads, {ns_, "web"});
  ASSERT_TRUE(stored);
  EXPECT_EQ((*stored)["spec"]["replicas"], 2);

  Json typo = MakeWorkload(ns_, "typo", region_);
  typo["spec"]["template"]["spec"]["contaners"] = Json::array();
  const auto refused = RunCommand({"kubectl", "apply", "--dry-run=server", "-f", Write(typo)});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.output, HasSubstr("unknown field \"spec.template.spec.contaners\""));
}

TEST_F(KubectlTest, TheServerTakesTheSamples) {
  const std::string samples = std::string(REMPART_SOURCE_DIR) + "/crds/samples";
  Create(MakeNamespace("acme"));  // workloads are tried in there
  std::set<std::string> kinds;
  for (const auto& sample : std::filesystem::directory_iterator(samples)) {
    const auto tried = RunCommand({"kubectl", "apply", "--dry-run=server", "-o", "json", "-f", sample.path().string()});
    EXPECT_EQ(tried.code, 0) << tried.output;
    if (const auto object = ParseJson(tried.output)) kinds.insert((*object)["kind"].get<std::string>());
  }
  EXPECT_TRUE(cluster().Delete(api::kNamespaces, {"", "acme"}));
  EXPECT_THAT(kinds, ::testing::IsSupersetOf({"SovereignRegion", "HostingProfile", "TenantWorkload"}));
}

TEST_F(KubectlTest, WaitsAndScales) {
  Create(MakeWorkload(ns_, "web", region_));
  EXPECT_THAT(Kubectl({"wait", "tw/web", "-n", ns_, "--for=condition=Ready", "--timeout=60s"}),
              HasSubstr("condition met"));
  EXPECT_THAT(Kubectl({"wait", "sr/" + region_, "--for=condition=Ready", "--timeout=60s"}), HasSubstr("condition met"));
  EXPECT_NE(RunCommand({"kubectl", "wait", "tw/web", "-n", ns_, "--for=condition=Stalled", "--timeout=1s"}).code, 0);

  Kubectl({"scale", "tw/web", "-n", ns_, "--replicas=3"});
  Kubectl({"wait", "tw/web", "-n", ns_, "--for=jsonpath={.status.ready}=3", "--timeout=60s"});
  const auto stale = RunCommand({"kubectl", "scale", "tw/web", "-n", ns_, "--current-replicas=7", "--replicas=1"});
  EXPECT_NE(stale.code, 0) << "the scale subresource says how many there are";
  EXPECT_THAT(stale.output, HasSubstr("xpected replicas to be 7, was 3"));
}

TEST_F(KubectlTest, RolloutStatusOfChildrenOfEveryKind) {
  CreateOfKind("deploy", "deployment", Json::object(), 2);
  CreateOfKind("stateful", "statefulSet", {{"serviceName", "stateful"}, {"podManagementPolicy", "Parallel"}}, 2);
  CreateOfKind("daemon", "daemonSet", Json::object());
  CreateOfKind("once", "job", {{"completions", 2}, {"parallelism", 2}});
  CreateOfKind("cron", "cronJob", {{"schedule", "0 0 1 1 *"}});
  const std::vector<std::pair<std::string, kube::Resource>> rolled = {
      {"deploy", api::kDeployments}, {"stateful", api::kStatefulSets}, {"daemon", api::kDaemonSets}};
  const auto status = [&](const std::string& name, const kube::Resource& resource) {
    Kubectl({"wait", "--for=create", std::string(resource.plural) + "/" + name, "-n", ns_, "--timeout=60s"});
    return Kubectl({"rollout", "status", std::string(resource.plural) + "/" + name, "-n", ns_, "--timeout=60s"});
  };
  const auto all_rolled_out = AllOf(
      Not(HasSubstr("error")), ::testing::AnyOf(HasSubstr("successfully rolled out"),
                                                HasSubstr("rolling update complete"), HasSubstr("roll out complete")));
  for (const auto& [name, resource] : rolled) EXPECT_THAT(status(name, resource), all_rolled_out) << name;

  // Of a change that came through the workload, to its end.
  const Json image = Json::array({{{"name", "app"}, {"image", "registry.example/app:2"}}});
  for (const auto& [name, resource] : rolled) {
    const Json change = {{"spec", {{"template", {{"spec", {{"containers", image}}}}}}}};
    ASSERT_TRUE(cluster().MergePatch(api::kWorkloads, {ns_, name}, change));
    ASSERT_TRUE(cluster().Await(resource, {ns_, name}, [&](const Json& child) {
      return child.is_object() && child["spec"]["template"]["spec"]["containers"][0]["image"] == image[0]["image"];
    })) << name;
    EXPECT_THAT(status(name, resource), all_rolled_out) << name;
    for (const Json& pod :
         cluster().List(api::kPods, ns_, "rempart.dev/workload=" + name).value_or(std::vector<Json>{}))
      if (!pod["metadata"].contains("deletionTimestamp"))
        EXPECT_EQ(pod["spec"]["containers"][0]["image"], image[0]["image"]) << pod["metadata"]["name"];
  }

  Kubectl({"wait", "--for=create", "job/once", "-n", ns_, "--timeout=60s"});
  EXPECT_THAT(Kubectl({"wait", "job/once", "-n", ns_, "--for=condition=Complete", "--timeout=60s"}),
              HasSubstr("condition met"));
  Kubectl({"wait", "tw/cron", "-n", ns_, "--for=condition=Ready", "--timeout=60s"});
}

}  // namespace
}  // namespace rempart::test
