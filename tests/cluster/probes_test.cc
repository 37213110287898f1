// The probes of a gate, sent to the real API server: each is refused by its rule, and lets itself in where the policy
// was compiled without that rule.
#include "operator/perimeter/rules/probes.h"

#include <gmock/gmock.h>

#include "operator/api/gate_object.h"
#include "operator/perimeter/rules/policies.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

constexpr kube::Resource kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount", true};
constexpr char kOperatorUser[] = "system:serviceaccount:rempart-system:rempart";

class ProbesTest : public GateTest {
 protected:
  void SetUp() override {
    GateTest::SetUp();
    ServeOthersKinds();
    // Somebody whom RBAC lets do everything and whom the server's own bypass for administrators does not know.
    Must({"kubectl", "create", "serviceaccount", "prober", "-n", ns_});
    Must({"kubectl", "create", "clusterrolebinding", id_ + "-prober", "--clusterrole=cluster-admin",
          "--serviceaccount=" + ns_ + ":prober"});
    prober_ = std::make_unique<Cluster>(KubeconfigOf(cluster(), ns_, "prober"));
    sender_ = rules::Sender::Of("system:serviceaccount:" + ns_ + ":prober");
  }
  void TearDown() override {
    RunCommand({"kubectl", "delete", "clusterrolebinding", id_ + "-prober"});
    GateTest::TearDown();
  }

  struct Answer {
    rules::Told told;
    std::string text;
  };
  Answer Send(const rules::Probe& probe, const api::SovereignRegion& region, const std::string& ns,
              Cluster* by = nullptr) {
    const bool needs_pod = probe.subresource == "ephemeralcontainers";
    if (needs_pod) MakePod(probe.old_object, ns);
    const auto answer = (by != nullptr ? *by : *prober_).api().Do(probe.CallIn(ns), {});
    if (needs_pod) (void)cluster().Delete(api::kPods, {ns, probe.name});
    return {rules::WhatItTells(probe, region, answer), answer ? "let in" : answer.error().ToString()};
  }
  // Without a node, so that nobody is needed to let it go.
  void MakePod(Json pod, const std::string& ns) {
    pod["metadata"]["namespace"] = ns;
    pod["spec"]["schedulerName"] = "nobody";
    ASSERT_TRUE(cluster().Await(kServiceAccounts, {ns, "default"}, [](const Json& now) { return now.is_object(); }));
    Result<Json> made = Fail(Error::Internal("not tried"));
    EXPECT_TRUE(AwaitServer([&] {  // one of that name may still be on its way out
      made = cluster().Create(pod);
      return made || made.error().kind != ErrorKind::kConflict;
    }));
    ASSERT_TRUE(made) << made.error().ToString();
  }

  std::unique_ptr<Cluster> prober_;
  rules::Sender sender_;
};

TEST_F(ProbesTest, EachIsRefusedByItsRule) {
  Declare(
      "Enforce",
      {{"network",
        {{"ranges", {"10.0.0.0/8", "fd00::/8"}},
         {"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})},
         {"ingressClasses", Json::array({"nginx-fr"})},
         {"gatewayClasses", Json::array({"envoy-fr"})}}},
       {"storage", {{"provisioners", Json::array({"csi.example"})}, {"snapshotClasses", Json::array({"local-fr"})}}},
       {"keys",
        {{"allowedStores", {"vault-fr"}},
         {"providers", Json::array({{{"name", "vault"}, {"addresses", {"https://vault.example"}}}})}}},
       {"access",
        {{"admins", {"group:region-admins"}}, {"exec", {"group:tenant-admins"}}, {"nodeIdentity", {"user:cloud"}}}}});
  const auto region = Stored();
  auto table = rules::RulesOf(region, {kOperatorUser});
  std::erase_if(table, [](const auto& rule) { return rule.audit_only; });
  const auto all = rules::ProbesOf(region, table, rules::ParametersOf(region, {NodeName("a")}), sender_);
  EXPECT_EQ(table.size(), 49u);
  EXPECT_EQ(all.probes.size(), table.size() + 17) << "of nineteen gates, all but those that let only the listed pass";
  for (const auto& probe : all.probes) {
    EXPECT_TRUE(probe.unsent.empty() || probe.rule == "RP-704") << probe.rule << ": " << probe.unsent;
    Answer answer{};
    EXPECT_TRUE(AwaitServer([&] {  // the pods' policy is known to be there, the others may be a moment later
      answer = Send(probe, region, ns_);
      return answer.told == rules::Told::kHolds;
    })) << (probe.rule.empty() ? "good " : probe.rule + " ")
        << probe.resource.plural << ": " << answer.text << "\n"
        << probe.object;
  }
  // One probe a rule; what else steps into a pod is asked of the same one.
  for (const char* subresource : {"exec", "attach", "portforward", "proxy"}) {
    const auto answer = prober_->api().Do(
        {.method = "POST", .target = api::kPods.Path(ns_, "rempart-probe", subresource), .doing = "step in"}, {});
    ASSERT_FALSE(answer) << subresource;
    EXPECT_THAT(answer.error().message, ::testing::HasSubstr("RP-703")) << subresource;
  }
  // Whom the region lists gets as far as the pod, which is not there.
  const auto exec_as = [&](const std::vector<std::string>& groups) {
    std::vector<std::string> command = {
        "kubectl", "create",    "--raw",    api::kPods.Path(ns_, "rempart-probe", "exec") + "?command=true&stdout=true",
        "-f",      "/dev/null", "--as=bob", "--as-group=system:masters"};
    for (const std::string& group : groups) command.push_back("--as-group=" + group);
    return RunCommand(command).output;
  };
  EXPECT_THAT(exec_as({}), ::testing::HasSubstr("RP-703"));
  EXPECT_THAT(exec_as({"tenant-admins"}), ::testing::HasSubstr("\"rempart-probe\" not found"));
  // So do the operator's own test and audit, with the rights that the chart gives it for these kinds.
  EXPECT_TRUE(AwaitRegion("SelfTested", "True", "Proven").is_object());
  EXPECT_TRUE(cluster().Await(api::kRegions, {"", region_}, [](const Json& now) {
    return now.is_object() && now.contains(Json::json_pointer("/status/audit/objects"));
  }));
}

// One region a rule, which no operator knows: the policy of the rule's gate is compiled without it and installed by
// hand. That the policy is in force is seen by the other rules of the gate.
class MutantTest : public ProbesTest {
 protected:
  void TearDown() override {
    for (const auto& [resource, name] : installed_) (void)cluster().Delete(*resource, {"", name});
    for (const auto& ns : namespaces_) (void)cluster().Delete(api::kNamespaces, {"", ns});
    ProbesTest::TearDown();
  }

  api::SovereignRegion RegionWithout(const std::string& rule) {
    api::SovereignRegion region;
    region.meta.key.name = id_ + "-" + Lower(rule);
    region.country = "FR";
    auto& asked = region.rules;
    asked.enforcement = api::RegionRules::Enforcement::kEnforce;
    asked.images = {{"registry.sas.example"}, true, rule == "RP-303", {kDigest}};  // else RP-303 covers RP-302
    // What belongs to the cluster is seen by the policies of all these regions, so that each has names of its own.
    region.locations = {{"fr-par", {"fr-par-1"}, "FR", ""}};
    asked.storage = {{"class-" + Lower(rule)}, {"csi.example"}, {}, std::vector<std::string>{"local-fr"}};
    asked.network = {false, {"metal.example/fr"}, {"10.0.0.0/8"}};
    asked.network->egress.emplace();
    asked.network->ingress_classes = std::vector<std::string>{"nginx-fr"};
    asked.network->gateway_classes = std::vector<std::string>{"envoy-fr"};
    asked.keys = {true, {"vault-" + Lower(rule)}, {}, {{"fake"}}};
    asked.access = {{"group:region-admins"}, {"group:tenant-admins"}, {"user:cloud"}};
    // RP-604 and RP-607 are against all others who write the stores that these are about.
    if (rule == "RP-608" || rule == "RP-609") asked.access.admins.push_back("user:" + sender_.user);
    return region;
  }
  static std::string Lower(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
  }
  void Install(const kube::Resource& resource, const Json& object) {
    const auto made = cluster().api().Create(resource, "", object.dump(), {});
    ASSERT_TRUE(made) << made.error().ToString();
    installed_.emplace_back(&resource, object["metadata"]["name"].get<std::string>());
  }

  std::vector<std::pair<const kube::Resource*, std::string>> installed_;
  std::vector<std::string> namespaces_;
};

TEST_F(MutantTest, WithoutItsRuleEachGetsIn) {
  MakeNodes({"a"});
  struct Mutant {
    std::string rule, ns;
    api::SovereignRegion region;
    std::vector<rules::Probe> others;  // of the same gate
    rules::Probe probe;
  };
  std::vector<Mutant> mutants;
  for (const auto& rule : rules::RulesOf(RegionWithout("RP-303"), {kOperatorUser})) {
    if (rule.audit_only) continue;
    const auto region = RegionWithout(rule.id);
    // The operator takes the region's label off the node, which then is no node of the region. The same patch puts it
    // back, which is for the one that the rules hold for the operator.
    const bool moves_node = rule.id == "RP-202";
    const rules::PolicyContext context{{moves_node ? sender_.user : kOperatorUser}, "rempart-system"};
    const auto table = rules::RulesOf(region, context.rules);
    const Json parameters = rules::ParametersOf(region, {NodeName("a")});
    auto without = table;
    std::erase_if(without, [&](const auto& one) { return one.id == rule.id; });

    Mutant mutant{rule.id, region.meta.key.name + "-ns", region, {}, {}};
    for (auto& probe : rules::ProbesOf(region, table, parameters, sender_).probes) {
      if (probe.rule == "RP-202")
        probe.patch["metadata"]["labels"][std::string(api::kNodeRegionLabel)] = region.meta.key.name;
      if (probe.rule == "RP-702") probe.resource = api::kPerimeterParameters;  // the region is not there
      if (probe.rule == rule.id) {
        EXPECT_TRUE(probe.also.empty()) << rule.id;
        mutant.probe = std::move(probe);
      } else if (probe.gate == rule.gate && !probe.rule.empty() && probe.subresource != "ephemeralcontainers" &&
                 (probe.unsent.empty() || moves_node)) {
        std::erase(probe.also, rule.id);
        mutant.others.push_back(std::move(probe));
      }
    }
    Install(api::kPerimeterParameters, parameters);
    for (const auto& policy : rules::PoliciesOf(without, region, context)) {
      if (policy.name != api::GateObjectName(region.meta.key.name, rules::RequestsOf(rule.gate).name)) continue;
      Install(api::kAdmissionPolicies, policy.policy);
      Install(api::kAdmissionPolicyBindings, policy.binding);
    }
    namespaces_.push_back(mutant.ns);
    Create(MakeNamespace(mutant.ns, region.meta.key.name));
    mutants.push_back(std::move(mutant));
  }
  EXPECT_EQ(mutants.size(), 49u);
  int in_force = 0;
  for (const auto& mutant : mutants) {
    ASSERT_TRUE(
        cluster().Await(kServiceAccounts, {mutant.ns, "default"}, [](const Json& now) { return now.is_object(); }));
    Answer answer{};
    for (const auto& other : mutant.others) {
      EXPECT_TRUE(AwaitServer([&] {
        // Where the prober stands for the operator, the administrator is somebody else.
        answer = Send(other, mutant.region, mutant.ns, other.unsent.empty() ? nullptr : &cluster());
        return answer.told == rules::Told::kHolds;
      })) << mutant.rule
          << " is out, and so is " << other.rule << ": " << answer.text;
    }
    in_force += !mutant.others.empty();
    answer = Send(mutant.probe, mutant.region, mutant.ns);
    EXPECT_EQ(answer.told, rules::Told::kOpen) << mutant.rule << " is out: " << answer.text << mutant.probe.object;
  }
  EXPECT_EQ(in_force, 42) << "of 49 rules, seven are the only ones of their gate that the prober can show";
}

}  // namespace
}  // namespace rempart::test
