#include "tests/cluster/suite.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

namespace rempart::test {
namespace {

const std::string kSource = REMPART_SOURCE_DIR;

// How often it has said that our definitions are not there.
std::size_t SaysMissing(const Process& op) {
  const std::string output = op.Output(), text = "custom resource definitions are not installed";
  std::size_t n = 0;
  for (auto at = output.find(text); at != std::string::npos; at = output.find(text, at + 1)) ++n;
  return n;
}

}  // namespace

Suite& Suite::Get() {
  static Suite* suite = static_cast<Suite*>(::testing::AddGlobalTestEnvironment(new Suite));
  return *suite;
}

// Registered before main runs.
[[maybe_unused]] const bool kRegistered = (Suite::Get(), true);

void Suite::SetUp() {
  cluster_ = std::make_unique<Cluster>();
  role_kubeconfig_ = InstallRole(*cluster_, kSource, ns_);

  const bool installed = RunCommand({"kubectl", "get", "crd", "tenantworkloads.rempart.dev"}).code == 0;
  operators_[0] = Start();
  if (!installed) {
    // It must say so, and live.
    SystemClock clock;
    const auto limit = clock.Mono() + std::chrono::seconds(30);
    while (SaysMissing(*operators_[0]) == 0 && clock.Mono() < limit && operators_[0]->Running())
      clock.SleepFor(std::chrono::milliseconds(50), {});  // a log file gives no event
  }
  if (!installed) ready_without_definitions_ = Serves(0, "health", "/readyz").value_or("no answer");
  InstallDefinitions(kSource);
  if (!installed) said_crds_missing_ = SaysMissing(*operators_[0]);  // the other kinds were asked for meanwhile
  operators_[1] = Start();
}

void Suite::TearDown() {
  for (auto& op : operators_) {
    if (!op) continue;
    EXPECT_TRUE(op->Running()) << "no test may end an operator that all share";
    op->Signal(SIGTERM);
    EXPECT_EQ(op->Wait(std::chrono::seconds(30)), 0) << "the operator did not stop in good order";
  }
  // Here and not when the program ends: the HTTP client's own thread is gone by then.
  for (auto& op : operators_) op.reset();
  cluster_.reset();
}

std::unique_ptr<Process> Suite::Start() {
  return StartOperator(role_kubeconfig_, {"--leader-elect=true", "--lease-namespace", ns_, "--health-addr",
                                          "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0"});
}

Result<std::string> Suite::Serves(int index, const std::string& what, const std::string& path) {
  // Port 0 is any that is free, and the log says which.
  const std::string output = operators_[index]->Output(), begin = R"("what":")" + what + R"(","port":)";
  const auto at = output.rfind(begin);
  if (at == std::string::npos) return Fail(Error::NotFound(what + " is not served"));
  const int port = std::atoi(output.c_str() + at + begin.size());
  const auto answer = RunCommand(
      {"curl", "-s", "--max-time", "10", "-w", "%{http_code}", fmt::format("http://127.0.0.1:{}{}", port, path)});
  if (answer.code != 0) return Fail(Error::Transient("curl ended with " + std::to_string(answer.code)));
  return answer.output;
}

std::string Suite::Logs() {
  std::string text;
  for (auto& op : operators_)
    if (op) text += op->Output();
  return text;
}

void ClusterTest::SetUp() {
  id_ = UniqueName("t");
  region_ = id_ + "-region";
  ns_ = id_ + "-ns";
  Create(MakeNamespace(ns_));
}

void ClusterTest::TearDown() {
  for (const auto& w : cluster().List(api::kWorkloads, ns_).value_or(std::vector<Json>{}))
    (void)cluster().Delete(api::kWorkloads, {ns_, w["metadata"]["name"]});
  (void)cluster().Delete(api::kNamespaces, {"", ns_});
  for (const auto& region : made_regions_) (void)cluster().Delete(api::kRegions, {"", region});
  for (const auto& region : made_regions_)
    EXPECT_TRUE(cluster().Await(
        api::kRegions, {"", region}, [](const Json& r) { return r.is_null(); }, kCollected))
        << region << " did not go";
  for (const auto& profile : made_profiles_) (void)cluster().Delete(api::kProfiles, {"", profile});
  // Last: a region waits for its pods, and only a node's kubelet (here kwok) lets those on it go.
  for (const auto& node : made_nodes_) (void)cluster().Delete(api::kNodes, {"", node});
}

void ClusterTest::Create(const Json& object) {
  const auto made = cluster().Create(object);
  ASSERT_TRUE(made) << made.error().ToString();
  if (object["kind"] == "Node") made_nodes_.push_back(object["metadata"]["name"]);
  if (object["kind"] == "SovereignRegion") made_regions_.push_back(object["metadata"]["name"]);
  if (object["kind"] == "HostingProfile") made_profiles_.push_back(object["metadata"]["name"]);
}

void ClusterTest::MakeNodes(const std::vector<std::string>& zones) {
  for (const auto& zone : zones) Create(MakeNode(NodeName(zone), id_, Zone(zone), "kwok://" + NodeName(zone)));
}

void ClusterTest::MakeRegionOf(const std::vector<std::string>& zones, const Json& extra_hosting) {
  std::vector<std::string> names;
  for (const auto& zone : zones) names.push_back(Zone(zone));
  Create(MakeRegion(region_, id_, names, extra_hosting));
}

Json ClusterTest::AwaitWorkload(const std::string& name, const std::string& condition, const std::string& status,
                                const std::string& reason) {
  return cluster()
      .Await(api::kWorkloads, {ns_, name}, [&](const Json& w) { return HasCondition(w, condition, status, reason); })
      .value_or(Json());
}

Json ClusterTest::AwaitRegion(const std::string& condition, const std::string& status, const std::string& reason) {
  return cluster()
      .Await(api::kRegions, {"", region_}, [&](const Json& r) { return HasCondition(r, condition, status, reason); })
      .value_or(Json());
}

bool ClusterTest::AwaitNodeLabel(const std::string& node, std::string_view label, const std::string& value,
                                 std::chrono::milliseconds limit) {
  return cluster()
      .Await(
          api::kNodes, {"", node},
          [&](const Json& n) {
            return n.is_object() &&
                   n["metadata"].value("labels", Json::object()).value(std::string(label), "") == value;
          },
          limit)
      .has_value();
}

std::vector<std::string> ClusterTest::NodesOfPods(const std::string& workload) {
  std::vector<std::string> nodes;
  for (const auto& pod :
       cluster().List(api::kPods, ns_, "rempart.dev/workload=" + workload).value_or(std::vector<Json>{}))
    if (!pod["metadata"].contains("deletionTimestamp")) nodes.push_back(pod["spec"].value("nodeName", ""));
  std::ranges::sort(nodes);
  return nodes;
}

}  // namespace rempart::test
