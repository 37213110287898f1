// --dry-run against a cluster where there is something to do of every kind: told once each, and nothing is written.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "operator/api/gate_object.h"
#include "tests/faults/own_region.h"
#include "tests/support/events.h"
#include "tests/support/fault_proxy.h"

namespace rempart::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr kube::Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease", true};

// A write that would be made, as it is printed: "would DOING" and the body on the next line.
struct Plan {
  std::string doing;
  Json body;
  bool operator==(const Plan&) const = default;
};

struct DryRunOutput {
  std::vector<Plan> plans;
  int announced = -1;  // in its last line
  std::string log;
};

DryRunOutput Read(const std::string& path) {
  const std::string would = "would ", last = "dry run: ";
  DryRunOutput output;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(last)) output.announced = std::atoi(line.c_str() + last.size());
    if (!line.starts_with(would)) continue;
    std::string body;
    std::getline(in, body);
    output.plans.push_back({line.substr(would.size()), Json::parse(body, nullptr, false)});
  }
  return output;
}

class DryRun : public ::testing::Test {
 protected:
  // Of every object of this test that the operator writes, in any way: all of it but what kubelets and controllers
  // report of nodes meanwhile. Events only where an operator sent them.
  std::map<std::string, std::string> Versions() {
    const std::vector<kube::Resource> kinds = {api::kRegions,
                                               api::kWorkloads,
                                               api::kProfiles,
                                               api::kAttestations,
                                               api::kNodes,
                                               api::kPods,
                                               api::kNamespaces,
                                               api::kPerimeterParameters,
                                               api::kNetworkPolicies,
                                               api::kDeployments,
                                               api::kStatefulSets,
                                               api::kDaemonSets,
                                               api::kJobs,
                                               api::kCronJobs,
                                               kLeases,
                                               kEvents,
                                               api::kMutatingPolicies,
                                               api::kMutatingPolicyBindings,
                                               api::kAdmissionPolicies,
                                               api::kAdmissionPolicyBindings};
    std::map<std::string, std::string> versions;
    for (const auto& kind : kinds) {
      const auto objects = cluster_.List(kind);
      EXPECT_TRUE(objects) << kind.plural;
      for (const Json& object : objects.value_or(std::vector<Json>{})) {
        const Json& metadata = object["metadata"];
        const std::string name = metadata["name"], ns = metadata.value("namespace", "");
        const bool mine = name.find(region_.id()) != std::string::npos || ns == region_.ns();
        const bool lease = kind.kind == "Lease" && ns != "kube-system" && ns != "kube-node-lease";  // theirs go on
        const bool controllers_event =  // who tell of pods in their own time
            kind.kind == "Event" && object.value("reportingController", "") != "rempart.dev/operator";
        if ((!mine && !lease) || controllers_event) continue;
        Json version = metadata["resourceVersion"];
        if (kind.kind == "Node")
          version = Json{metadata["labels"], metadata.value("annotations", Json()), object["spec"]};
        versions[std::string(kind.plural) + " " + ns + "/" + name] = version.dump();
      }
    }
    return versions;
  }
  Json Pods(const std::string& node) {
    Json names = Json::array();
    for (const Json& pod : cluster_.List(api::kPods, region_.ns()).value_or(std::vector<Json>{}))
      if (pod["spec"].value("nodeName", "") == node) names.push_back(pod["metadata"]["name"]);
    return names;
  }
  bool AwaitNoPods(const std::string& workload) {
    return cluster_.AwaitList(api::kPods, region_.ns(), "rempart.dev/workload=" + workload,
                              [](const std::vector<Json>& pods) { return pods.empty(); });
  }
  // Runs it to its end; every request that writes is to say that it is a dry run.
  DryRunOutput RunDry() {
    FaultProxy proxy(UpstreamOf(cluster_));
    std::mutex mutex;
    std::vector<std::string> wrote;
    proxy.SetDecide([&](const Exchange& exchange) {
      std::scoped_lock lock(mutex);
      const bool asks = exchange.target.find("selfsubjectreviews") != std::string::npos;  // stores nothing
      if (exchange.method != "GET" && !asks && exchange.target.find("dryRun=All") == std::string::npos)
        wrote.push_back(exchange.method + " " + exchange.target);
      return Fault{};
    });
    // Its plans are on standard output, which is a file of its own here: the log is beside it.
    const std::string plans = LogPath(UniqueName("dry-run") + ".plans");
    Process dry({"sh", "-c", R"(exec "$0" --kubeconfig "$1" --dry-run --log-level debug >"$2")", OperatorPath(),
                 proxy.kubeconfig(), plans},
                {}, LogPath(UniqueName("dry-run") + ".log"));
    EXPECT_EQ(dry.Wait(60s), 0) << dry.Output();
    std::scoped_lock lock(mutex);
    EXPECT_THAT(wrote, IsEmpty());
    DryRunOutput output = Read(plans);
    output.log = dry.Output();
    return output;
  }
  // How often a write was told whose line is this, and whose body is so.
  static std::ptrdiff_t Told(
      const DryRunOutput& output, const std::string& doing,
      const std::function<bool(const Json&)>& is = [](const Json&) { return true; }) {
    return std::ranges::count_if(output.plans, [&](const Plan& p) { return p.doing == doing && is(p.body); });
  }

  Cluster cluster_;
  OwnRegion region_{cluster_, {"a", "b"}, {{"onLoss", {{"action", "Evict"}, {"gracePeriod", "0s"}}}}};
};

TEST_F(DryRun, TellsEachPlanOnceAndWritesNothing) {
  const std::string ns = region_.ns(), policy = api::GateObjectName(region_.id(), "pods");
  const std::string leaving = region_.AddRegion(region_.id() + "-leaving", {"c"});
  {
    auto op = StartOperator(cluster_.kubeconfig());
    region_.Create(MakeWorkload(ns, "spread", region_.id(), 4));
    for (const char* name : {"changed", "edited", "deleted", "switched"})
      region_.Create(MakeWorkload(ns, name, region_.id()));
    region_.Create(MakeWorkload(ns, "elsewhere", leaving));
    ASSERT_TRUE(region_.AwaitSettled(6)) << op->Output();
    ASSERT_TRUE(cluster_.Await(api::kAdmissionPolicies, {"", policy}, [](const Json& p) { return p.is_object(); }));
    op->Signal(SIGTERM);
    ASSERT_EQ(op->Wait(30s), 0);
  }

  // Nobody is there: what changes now stays as it is.
  region_.Create(MakeWorkload(ns, "more", region_.id()));
  ASSERT_TRUE(cluster_.MergePatch(api::kWorkloads, {ns, "changed"}, {{"spec", {{"replicas", 2}}}}));
  const Json other_kind = {{"spec", {{"statefulSet", {{"serviceName", "switched"}}}}}};
  ASSERT_TRUE(cluster_.MergePatch(api::kWorkloads, {ns, "switched"}, other_kind));
  ASSERT_TRUE(cluster_.MergePatch(api::kDeployments, {ns, "edited"}, {{"spec", {{"paused", true}}}}));
  ASSERT_TRUE(cluster_.Delete(api::kDeployments, {ns, "deleted"}));
  ASSERT_TRUE(cluster_.MergePatch(api::kNodes, {"", region_.Node("a")},
                                  {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "gone"}}}}}}));
  ASSERT_TRUE(cluster_.MergePatch(api::kNodes, {"", region_.Node("b")},
                                  {{"metadata", {{"labels", {{std::string(api::kNodeCountryLabel), "DE"}}}}}}));
  ASSERT_TRUE(cluster_.Delete(api::kRegions, {"", leaving}));
  ASSERT_TRUE(cluster_.Delete(api::kAdmissionPolicies, {"", policy}));
  // What others do about that is over.
  ASSERT_TRUE(AwaitNoPods("deleted"));
  ASSERT_TRUE(cluster_.Await(api::kDeployments, {ns, "edited"}, [](const Json& d) {
    return d["status"].value("observedGeneration", 0) == d["metadata"]["generation"];
  }));
  const Json on_lost_node = Pods(region_.Node("a"));
  ASSERT_FALSE(on_lost_node.empty());

  const auto before = Versions();
  const DryRunOutput output = RunDry();
  const auto after = Versions();
  EXPECT_EQ(Json::diff(Json(before), Json(after)), Json::array()) << "something was written";
  EXPECT_GE(before.size(), 30U);

  const auto of_workload = [&](const char* verb, const char* name) {
    return Told(output, std::string(verb) + " " + ns + "/" + name);
  };
  for (const char* name : {"more", "changed", "edited", "deleted"})
    EXPECT_EQ(of_workload("apply deployments", name), 1) << name;
  EXPECT_EQ(of_workload("apply deployments", "spread"), 0);
  EXPECT_EQ(of_workload("delete deployments", "switched"), 1) << "its kind was changed";
  EXPECT_EQ(of_workload("patch tenantworkloads/status", "more"), 1);
  EXPECT_EQ(Told(output, "patch nodes " + region_.Node("a")), 1);
  EXPECT_EQ(Told(output, "patch nodes " + region_.Node("b")), 1);
  for (const Json& pod : on_lost_node) EXPECT_EQ(of_workload("evict pod", pod.get<std::string>().c_str()), 1) << pod;
  EXPECT_EQ(Told(output, "patch sovereignregions/status " + leaving,
                 [](const Json& body) { return body.dump().find("InUse") != std::string::npos; }),
            1);
  EXPECT_EQ(Told(output, "create validatingadmissionpolicies",
                 [&](const Json& body) { return body["metadata"]["name"] == policy; }),
            1);
  EXPECT_EQ(of_workload("patch deployments", "edited"), 0) << "who manages its fields is no difference";
  EXPECT_FALSE(std::ranges::any_of(output.plans, [&](const Plan& plan) {
    return plan.doing.starts_with("replace ") && plan.doing.find(region_.id()) != std::string::npos;
  })) << "the rest of the gate is as it should be";
  for (auto plan = output.plans.begin(); plan != output.plans.end(); ++plan) {
    EXPECT_EQ(std::count(plan, output.plans.end(), *plan), 1) << "told twice: " << plan->doing << "\n" << plan->body;
    if (plan->body.dump().find(region_.id()) != std::string::npos)
      EXPECT_THAT(plan->doing, Not(HasSubstr("the server would refuse it"))) << plan->body;
  }
  EXPECT_EQ(output.announced, static_cast<int>(output.plans.size()));

  // Its log tells of evictions and the like in the words of every run.
  std::istringstream log(output.log);
  for (std::string line; std::getline(log, line);)
    if (line.find("\"reconcile_id\"") != std::string::npos) EXPECT_THAT(line, HasSubstr("\"dry_run\":true"));

  // And it is what then is done.
  auto op = StartOperator(cluster_.kubeconfig());
  EXPECT_TRUE(cluster_.Await(api::kDeployments, {ns, "more"}, [](const Json& d) { return d.is_object(); }));
  EXPECT_TRUE(cluster_.Await(api::kAdmissionPolicies, {"", policy}, [](const Json& p) { return p.is_object(); }));
  EXPECT_TRUE(cluster_.AwaitList(api::kPods, ns, "", [&](const std::vector<Json>& pods) {
    return std::ranges::none_of(
        pods, [&](const Json& pod) { return pod["spec"].value("nodeName", "") == region_.Node("a"); });
  })) << op->Output();
  op->Signal(SIGTERM);
  EXPECT_EQ(op->Wait(30s), 0);
}

}  // namespace
}  // namespace rempart::test
