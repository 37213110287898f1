// The rules as the API server holds them: policies that the operator compiled, on the real control plane.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/judge.h"
#include "operator/perimeter/rules/policies.h"
#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a'), kOther = "sha256:" + std::string(64, 'b');
constexpr kube::Resource kServices{"", "v1", "services", "Service", true};

class GateTest : public ClusterTest {
 protected:
  // A region with nodes, images and network declared, and a namespace of its own.
  void Declare(const std::string& enforcement) {
    MakeNodes({"a", "foreign"});
    Json region = MakeRegion(region_, id_, {Zone("a")});
    region["spec"].update({{"enforcement", enforcement},
                           {"images",
                            {{"registries", {"registry.sas.example", "registry.example:5000/team"}},
                             {"requireRelease", true},
                             {"released", Json::array({kDigest})}}},
                           {"network", {{"ranges", {"10.0.0.0/8"}}, {"loadBalancerClasses", {"metal.example/fr"}}}},
                           {"storage", {{"classes", Json::array({"local-fr"})}}}});
    Create(region);
    ASSERT_TRUE(cluster().MergePatch(api::kNamespaces, {"", ns_},
                                     {{"metadata", {{"labels", {{"rempart.dev/region", region_}}}}}}));
    ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), api::kNodeRegionLabel, region_));
    AwaitGate();
  }

  Json Pod() const {
    return {{"apiVersion", "v1"},
            {"kind", "Pod"},
            {"metadata", {{"name", "probe"}, {"namespace", ns_}}},
            {"spec",
             {{"nodeSelector", {{std::string(api::kNodeRegionLabel), region_}}},
              {"containers", Json::array({{{"name", "app"}, {"image", "registry.sas.example/app@" + kDigest}}})}}}};
  }

  Result<kube::Reply> DryRun(const kube::Resource& resource, const Json& object) {
    return cluster().api().Create(resource, ns_, object.dump(), {}, "dryRun=All");
  }

  // The rules that a request is against: those that refuse it (the server names the first alone) or warn.
  std::set<std::string> RulesAgainst(const kube::Resource& resource, const Json& object) {
    const auto reply = DryRun(resource, object);
    std::set<std::string> ids;
    if (!reply) {
      Collect(reply.error().message, ids);
      if (ids.empty()) ids.insert("refused: " + reply.error().message);
      return ids;
    }
    for (const std::string& warning : reply->warnings) Collect(warning, ids);
    return ids;
  }
  static void Collect(const std::string& text, std::set<std::string>& ids) {
    for (auto at = text.find("RP-"); at != std::string::npos; at = text.find("RP-", at + 1))
      ids.insert(text.substr(at, 6));
  }

  // The server's own caches take a moment to see policies, bindings and parameters: until a bad pod is noticed for its
  // node (which needs the parameters) and a good one passes.
  void AwaitGate() {
    Json bad = Pod();
    bad["spec"]["nodeName"] = NodeName("foreign");
    bad["spec"]["nodeSelector"] = nullptr;
    SystemClock clock;
    std::set<std::string> against, nothing;
    for (int i = 0; i < 300; ++i) {
      against = RulesAgainst(api::kPods, bad), nothing = RulesAgainst(api::kPods, Pod());
      if (!against.empty() && against.begin()->starts_with("RP-10") && nothing.empty()) return;
      clock.SleepFor(std::chrono::milliseconds(100), {});  // nothing tells when the server has them
    }
    FAIL() << "the gate is not shut: against the bad pod " << ::testing::PrintToString(against)
           << ", against the good one " << ::testing::PrintToString(nothing);
  }

  std::string PolicyName() const { return api::GateObjectName(region_, "pods"); }
};

TEST_F(GateTest, EnforceRefusesByNameAndLetsTheRestThrough) {
  Declare("Enforce");
  const auto reply = DryRun(api::kPods, [&] {
    Json pod = Pod();
    pod["spec"]["nodeName"] = NodeName("foreign");
    return pod;
  }());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::kDenied);
  EXPECT_THAT(reply.error().message, ::testing::HasSubstr("RP-101 spec.nodeName: " + NodeName("foreign") +
                                                          " is not a qualified node of region " + region_));
  Json on_our_node = Pod();
  on_our_node["spec"]["nodeName"] = NodeName("a");
  EXPECT_EQ(RulesAgainst(api::kPods, on_our_node), std::set<std::string>{});

  const Json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "out"}, {"namespace", ns_}}},
                        {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}};
  EXPECT_EQ(RulesAgainst(kServices, service), std::set<std::string>{"RP-501"});
}

// Even a scheduler cannot put a tenant's pod on a foreign node.
TEST_F(GateTest, BindingToAForeignNodeIsRefused) {
  Declare("Enforce");
  Json pod = Pod();
  pod["spec"]["schedulerName"] = "nobody";  // stays without a node
  Create(pod);
  const auto bind = [&](const std::string& node) {
    const Json binding = {{"apiVersion", "v1"},
                          {"kind", "Binding"},
                          {"metadata", {{"name", "probe"}, {"namespace", ns_}}},
                          {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
    return cluster().api().Do(
        {.method = "POST", .target = api::kPods.Path(ns_, "probe", "binding"), .body = binding.dump(), .doing = "bind"},
        {});
  };
  const auto foreign = bind(NodeName("foreign"));
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, ::testing::HasSubstr("RP-102"));
  const auto ours = bind(NodeName("a"));
  EXPECT_TRUE(ours) << ours.error().ToString();
}

TEST_F(GateTest, WhatSomebodyEditsOrDeletesIsBack) {
  Declare("Enforce");
  struct Look {
    const kube::Resource& resource;
    std::string name;
  };
  for (const auto& [resource, name] :
       {Look{api::kAdmissionPolicies, PolicyName()}, Look{api::kAdmissionPolicyBindings, PolicyName()},
        Look{api::kPerimeterParameters, region_}}) {
    const auto before = cluster().Get(resource, {"", name});
    ASSERT_TRUE(before) << before.error().ToString();
    const auto same = [&](const Json& now) { return now.is_object() && now["spec"] == (*before)["spec"]; };
    Json edit = {{"spec", {{"nodes", {{NodeName("foreign"), true}}}}}};
    if (resource.kind == api::kAdmissionPolicies.kind)  // what is added to it would switch it off
      edit = {{"spec", {{"matchConditions", Json::array({{{"name", "never"}, {"expression", "false"}}})}}}};
    if (resource.kind == api::kAdmissionPolicyBindings.kind) edit = {{"spec", {{"validationActions", {"Audit"}}}}};
    ASSERT_TRUE(cluster().MergePatch(resource, {"", name}, edit)) << resource.kind;
    EXPECT_TRUE(cluster().Await(resource, {"", name}, same)) << resource.kind << " was edited";
    ASSERT_TRUE(cluster().Delete(resource, {"", name}));
    EXPECT_TRUE(cluster().Await(
        resource, {"", name},
        [&](const Json& now) { return same(now) && now["metadata"]["uid"] != (*before)["metadata"]["uid"]; }))
        << resource.kind << " was deleted";
  }
}

TEST_F(GateTest, FollowsTheRegion) {
  Declare("Enforce");
  ASSERT_TRUE(
      cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"network", nullptr}, {"enforcement", "Audit"}}}}));
  EXPECT_TRUE(cluster().Await(api::kAdmissionPolicies, {"", api::GateObjectName(region_, "services")},
                              [](const Json& now) { return now.is_null(); }))
      << "what the region no longer asks for goes";
  EXPECT_TRUE(cluster().Await(api::kAdmissionPolicyBindings, {"", PolicyName()}, [](const Json& now) {
    return now.is_object() && now["spec"]["validationActions"] == Json::array({"Audit"});
  }));
  // A node that is lost leaves the parameters.
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")},
                                   {{"metadata", {{"labels", {{std::string(api::kTopologyZone), "elsewhere"}}}}}}));
  EXPECT_TRUE(cluster().Await(api::kPerimeterParameters, {"", region_},
                              [](const Json& now) { return now.is_object() && now["spec"]["nodes"].empty(); }));
}

// The evaluator and the server must come to the same rules for whatever a generator that knows their edges thinks of.
class Generator {
 public:
  Generator(std::uint64_t seed, std::string region, std::string node, std::string foreign)
      : random_(seed), region_(std::move(region)), node_(std::move(node)), foreign_(std::move(foreign)) {}

  Json Pod(Json pod) {
    Json& spec = pod["spec"];
    if (Sometimes()) spec["nodeName"] = One({Json(nullptr), "", node_, foreign_, "no such node", "é", 7});
    if (Sometimes()) spec["nodeSelector"] = NodeSelector();
    if (Sometimes()) spec["tolerations"] = Tolerations();
    for (Json& container : spec["containers"])
      if (Sometimes()) container["image"] = Image();
    if (Rarely()) spec["containers"].push_back({{"name", "more"}, {"image", Image()}});
    if (Rarely()) spec["initContainers"] = Json::array({{{"name", "init"}, {"image", Image()}}});
    if (Rarely()) spec["volumes"] = Volumes();
    if (Rarely())
      spec[One({"containers", "tolerations", "volumes", "nodeSelector", "initContainers"}).get<std::string>()] =
          One({Json(nullptr), Json::array(), Json::object(), "x", true, Json::array({nullptr})});
    return pod;
  }

 private:
  bool Sometimes() { return random_() % 3 == 0; }
  bool Rarely() { return random_() % 8 == 0; }
  Json One(const std::vector<Json>& choices) { return choices[random_() % choices.size()]; }

  Json NodeSelector() {
    return One({Json(nullptr),
                Json::object(),
                {{"disk", "ssd"}},
                {{std::string(api::kNodeRegionLabel), region_}},
                {{std::string(api::kNodeRegionLabel), "other"}},
                {{std::string(api::kNodeRegionLabel), ""}},
                {{std::string(api::kNodeRegionLabel), region_}, {"disk", "ssd"}},
                {{std::string(api::kNodeRegionLabel), nullptr}}});
  }
  Json Tolerations() {
    Json list = Json::array();
    for (auto n = random_() % 3; n > 0; --n) {
      Json toleration = Json::object();
      if (Sometimes()) toleration["key"] = One({"", "gpu", "rempart.dev/outside", "rempart.dev/outsider", nullptr});
      if (Sometimes()) toleration["operator"] = One({"Exists", "Equal", "", nullptr});
      if (Sometimes()) toleration["effect"] = One({"", "NoSchedule", "NoExecute", "PreferNoSchedule", nullptr});
      list.push_back(toleration);
    }
    return list;
  }
  Json Image() {
    std::string image = One({"registry.sas.example/", "registry.example:5000/team/", "registry.example:5000/teammate/",
                             "registry.example:5000/", "", "docker.io/", "localhost/", "Registry.sas.example/",
                             "registry.sas.example:443/", "library/", "registry.sas.example"})
                            .get<std::string>() +
                        One({"app", "a/b", "app:1", "APP", "é", ""}).get<std::string>();
    if (random_() % 4 != 0)
      image += One({"@" + kDigest, "@" + kOther, "@sha256:abc", "@" + kDigest + "0", "@",
                    "@sha512:" + std::string(128, 'a')})
                   .get<std::string>();
    return Rarely() ? One({Json(nullptr), "", image + " ", 7}) : Json(image);
  }
  Json Volumes() {
    return One({Json::array(), Json::array({{{"name", "v"}, {"emptyDir", Json::object()}}}),
                Json::array({{{"name", "v"}, {"image", {{"reference", Image()}}}}}),
                Json::array({{{"name", "v"}, {"image", nullptr}}}), nullptr});
  }

  std::mt19937_64 random_;
  const std::string region_, node_, foreign_;
};

TEST_F(GateTest, EvaluatorAndServerAgree) {
  Declare("Warn");
  const char* wanted = std::getenv("REMPART_DIFFERENTIAL");
  const int count =
      wanted != nullptr ? std::atoi(wanted) : 18'000;  // of which some ten thousand are pods to the server
  const std::uint64_t seed = std::random_device()();
  std::printf("seed %llu, %d objects\n", static_cast<unsigned long long>(seed), count);

  const auto stored = cluster().Get(api::kRegions, {"", region_});
  ASSERT_TRUE(stored);
  kube::Document document;
  const auto view = document.Parse(stored->dump());
  ASSERT_TRUE(view);
  const auto region = api::DecodeSovereignRegion(*view);
  ASSERT_TRUE(region && region->Usable()) << region->invalid;
  const auto rules = rules::RulesOf(*region, {});
  const Json parameters = rules::ParametersOf(*region, {NodeName("a")});

  std::atomic<int> judged{0}, invalid{0}, violating{0};
  const auto part = [&](std::uint64_t part_seed, int n) {
    Generator generator(part_seed, region_, NodeName("a"), NodeName("foreign"));
    for (int i = 0; i < n; ++i) {
      const Json pod = generator.Pod(Pod());
      const auto reply = DryRun(api::kPods, pod);
      if (!reply) {  // no pod at all to the server: then it never comes to be
        ASSERT_EQ(reply.error().kind, ErrorKind::kInvalid) << reply.error().ToString() << "\n" << pod;
        ++invalid;
        continue;
      }
      std::set<std::string> by_server, by_us;
      for (const std::string& warning : reply->warnings) Collect(warning, by_server);
      for (const auto& violation : rules::Judge(rules, region->rules.language, parameters, {rules::Gate::kPods, &pod}))
        by_us.insert(violation.rule);
      EXPECT_EQ(by_us, by_server) << pod.dump() << "\n" << ::testing::PrintToString(reply->warnings);
      ++judged;
      violating += !by_us.empty();
      if (HasFailure()) return;
    }
  };
  {
    std::vector<std::jthread> threads;
    constexpr int kThreads = 4;
    for (int k = 0; k < kThreads; ++k)
      threads.emplace_back(part, seed + static_cast<std::uint64_t>(k), count / kThreads);
  }
  std::printf("%d judged by both, %d of them violate a rule; %d were no pods to the server\n", judged.load(),
              violating.load(), invalid.load());
  if (!HasFailure()) {
    EXPECT_GT(judged * 3, count) << "the generator makes too much that is no pod";
    EXPECT_GT(violating * 10, judged);
    EXPECT_LT(violating, judged);
  }
}

}  // namespace
}  // namespace rempart::test
