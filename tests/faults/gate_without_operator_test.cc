// What holds while no operator runs: it is killed, and the API server alone refuses, mends and taints. For how long is
// said by $REMPART_DEAD_SECONDS (600 is what is promised; by default everything is asked once).
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <map>

#include "tests/faults/own_region.h"

namespace rempart::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr kube::Resource kBindings{"", "v1", "bindings", "Binding", true};

struct Mode {
  const char* name;
  bool taint;  // else pods are held by their node selector, which the API server gives them
};

class GateWithoutOperator : public ::testing::TestWithParam<Mode> {
 protected:
  static std::chrono::seconds DeadFor() {
    const char* seconds = std::getenv("REMPART_DEAD_SECONDS");
    return std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  }
  // Of what runs in a namespace with the level `restricted`, and says nothing of where.
  static Json PlainPod() {
    return {{"securityContext", {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
            {"containers",
             Json::array({{{"name", "app"},
                           {"image", "registry.example/app:1"},
                           {"securityContext",
                            {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", {"ALL"}}}}}}}})}};
  }
};

TEST_P(GateWithoutOperator, RefusesMendsAndLetsIn) {
  Cluster cluster;
  // Under an account of its own: what the gate lets the operator do, others may not.
  const std::string home = UniqueName("gate");
  auto op = StartOperator(InstallRole(cluster, REMPART_SOURCE_DIR, home));
  OwnRegion region(cluster, {"a"}, {{"taintOutsideNodes", GetParam().taint}});
  const Json rules = {{"spec",
                       {{"enforcement", "Enforce"},
                        {"images", {{"registries", Json::array({"registry.example"})}, {"requireDigest", false}}}}}};
  const auto declared = cluster.MergePatch(api::kRegions, {"", region.id()}, rules);
  ASSERT_TRUE(declared) << declared.error().ToString();
  ASSERT_TRUE(cluster.Await(
      api::kRegions, {"", region.id()},
      [&](const Json& now) {
        return HasCondition(now, "SelfTested", "True") && HasCondition(now, "Ready", "True") &&
               now["status"].value("observedGeneration", 0) >= (*declared)["metadata"].value("generation", 0);
      },
      60s))
      << op->Output();

  // A node that joins where the region has none.
  const std::string foreign = region.id() + "-foreign";
  const Json joining = MakeNode(foreign, "elsewhere", "elsewhere-1", "kwok://" + foreign);
  if (GetParam().taint) {
    // The self-test asks nothing of policies that mutate, which the server takes up at times of their own.
    ASSERT_TRUE(AwaitServer([&] {
      const auto would = cluster.api().Create(api::kNodes, "", joining.dump(), {}, "dryRun=All");
      return would && would->body.contains("rempart.dev/outside");
    }));
  }
  op->Signal(SIGKILL);
  ASSERT_TRUE(op->Wait(10s));
  region.Create(joining);
  const auto joined = cluster.Get(api::kNodes, {"", foreign});
  ASSERT_TRUE(joined);
  EXPECT_EQ((*joined)["spec"].dump().find("rempart.dev/outside") != std::string::npos, GetParam().taint);

  // What anybody applies, and nothing of which names a place.
  region.Create({{"apiVersion", "apps/v1"},
                 {"kind", "Deployment"},
                 {"metadata", {{"name", "plain"}, {"namespace", region.ns()}}},
                 {"spec",
                  {{"replicas", 6},
                   {"selector", {{"matchLabels", {{"app", "plain"}}}}},
                   {"template", {{"metadata", {{"labels", {{"app", "plain"}}}}}, {"spec", PlainPod()}}}}}});
  std::vector<std::string> nodes;
  EXPECT_TRUE(cluster.AwaitList(
      api::kPods, region.ns(), "app=plain",
      [&](const std::vector<Json>& pods) {
        nodes.clear();
        for (const Json& pod : pods)
          if (pod["status"].value("phase", "") == "Running") nodes.push_back(pod["spec"].value("nodeName", ""));
        return nodes.size() == 6;
      },
      60s));
  EXPECT_THAT(nodes, ::testing::Each(region.Node("a")));

  const auto make = [&](const kube::Resource& resource, const Json& object) {
    return cluster.api().Create(resource, resource.namespaced ? region.ns() : "", object.dump(), {}, "dryRun=All");
  };
  const auto pod_with = [&](const Json& spec) {
    Json pod = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", {{"name", "probe"}, {"namespace", region.ns()}}}};
    pod["spec"] = PlainPod();
    if (!GetParam().taint) pod["spec"]["nodeSelector"][std::string(api::kNodeRegionLabel)] = region.id();
    pod["spec"].merge_patch(spec);
    return pod;
  };
  Json another_image = PlainPod()["containers"];
  another_image[0]["image"] = "docker.io/library/nginx:1";
  std::map<std::string, Json> refused = {
      {"RP-101", pod_with({{"nodeName", foreign}})},
      {"RP-104", pod_with({{"tolerations", Json::array({{{"operator", "Exists"}}})}})},
      {"RP-301", pod_with({{"containers", another_image}})}};
  if (!GetParam().taint)
    refused["RP-103"] = pod_with({{"nodeSelector", {{std::string(api::kNodeRegionLabel), "elsewhere"}}}});
  const Json new_namespace = MakeNamespace(region.ns() + "-new", region.id());

  SystemClock clock;
  for (const auto end = std::chrono::steady_clock::now() + DeadFor();; clock.SleepFor(1s, {})) {
    for (const auto& [rule, pod] : refused) {
      const auto answer = make(api::kPods, pod);
      ASSERT_FALSE(answer) << rule << " let it in";
      ASSERT_THAT(answer.error().message, HasSubstr(rule));
    }
    const Json binding = {{"apiVersion", "v1"},
                          {"kind", "Binding"},
                          {"metadata", {{"name", "unscheduled"}, {"namespace", region.ns()}}},
                          {"target", {{"kind", "Node"}, {"name", foreign}}}};
    const auto bound = make(kBindings, binding);
    ASSERT_FALSE(bound);
    ASSERT_THAT(bound.error().message, HasSubstr("RP-102"));
    const auto admitted = make(api::kPods, pod_with(Json::object()));
    ASSERT_TRUE(admitted) << admitted.error().ToString();
    const auto level = make(api::kNamespaces, new_namespace);
    ASSERT_TRUE(level) << level.error().ToString();
    ASSERT_THAT(level->body, HasSubstr(R"("pod-security.kubernetes.io/enforce":"restricted")"));
    if (std::chrono::steady_clock::now() >= end) break;
  }
  // Without its parameters the gate knows nothing, and so lets nothing in.
  ASSERT_TRUE(cluster.Delete(api::kPerimeterParameters, {"", region.id()}));
  EXPECT_TRUE(AwaitServer([&] {
    const auto answer = make(api::kPods, pod_with(Json::object()));
    return !answer && answer.error().message.contains("no params found");
  }));
  EXPECT_TRUE(cluster.Delete(api::kNodes, {"", foreign}));
  EXPECT_TRUE(cluster.Delete(api::kNamespaces, {"", home}));
}

INSTANTIATE_TEST_SUITE_P(Modes, GateWithoutOperator, ::testing::Values(Mode{"Selector", false}, Mode{"Taint", true}),
                         [](const auto& mode) { return std::string(mode.param.name); });

}  // namespace
}  // namespace rempart::test
