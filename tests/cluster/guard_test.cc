// What the operator keeps in a region's namespaces, on the real API server: Pod Security's labels and the default-deny
// policy, which a tenant can neither delete nor widen.
#include <gmock/gmock.h>

#include "operator/perimeter/rules/probe_objects.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

constexpr char kEnforce[] = "pod-security.kubernetes.io/enforce";
constexpr char kWarn[] = "pod-security.kubernetes.io/warn";
constexpr char kAudit[] = "pod-security.kubernetes.io/audit";
const std::string kDefaultDeny{api::kDefaultDenyName};

class GuardTest : public GateTest {
 protected:
  Json Egress() const { return {{"network", {{"egress", Json::array({{{"cidr", "10.0.0.0/8"}}})}}}}; }

  bool AwaitLabel(const char* key, const Json& value) {
    return cluster()
        .Await(
            api::kNamespaces, {"", ns_},
            [&](const Json& now) { return now.is_object() && now["metadata"]["labels"].value(key, Json()) == value; })
        .has_value();
  }
  std::optional<Json> AwaitPolicy(const std::function<bool(const Json&)>& is) {
    return cluster().Await(api::kNetworkPolicies, {ns_, kDefaultDeny}, is);
  }
  Json Policy(const Json& egress) const {
    Json policy = rules::probe::NetworkPolicy();
    policy["metadata"]["namespace"] = ns_;
    policy["spec"]["egress"] = egress;
    return policy;
  }
  static Json To(const Json& peer) { return Json::array({{{"to", Json::array({peer})}}}); }
};

TEST_F(GuardTest, ANamespaceHasBothAndGetsThemBack) {
  Declare("Enforce", Egress());
  EXPECT_TRUE(AwaitLabel(kEnforce, "restricted"));
  const auto policy = AwaitPolicy([](const Json& now) { return now.is_object(); });
  ASSERT_TRUE(policy);
  EXPECT_EQ((*policy)["spec"]["policyTypes"], Json::array({"Ingress", "Egress"}));
  EXPECT_EQ((*policy)["spec"]["egress"].size(), 3U);

  // The gate keeps everybody off but the operator: so here somebody has its name.
  const auto by_hand = [](std::vector<std::string> command) {
    const std::vector<std::string> as = {"kubectl", "--as=system:serviceaccount:" + Suite::Get().ns() + ":rempart",
                                         "--as-group=system:masters"};
    command.insert(command.begin(), as.begin(), as.end());
    Must(command);
  };
  const auto same = [&](const Json& now) { return now.is_object() && now["spec"] == (*policy)["spec"]; };
  const auto of_meta = [](const Json& now, const char* field) { return now["metadata"][field]; };
  by_hand({"patch", "networkpolicy", kDefaultDeny, "-n", ns_, "--type=merge", "-p", R"({"spec":{"egress":[{}]}})"});
  EXPECT_TRUE(AwaitPolicy([&](const Json& now) {
    return same(now) && of_meta(now, "generation") > of_meta(*policy, "generation");
  })) << "it was edited";
  by_hand({"delete", "networkpolicy", kDefaultDeny, "-n", ns_});
  EXPECT_TRUE(AwaitPolicy([&](const Json& now) { return same(now) && of_meta(now, "uid") != of_meta(*policy, "uid"); }))
      << "it was deleted";
  by_hand({"label", "namespace", ns_, std::string(kEnforce) + "=privileged", "--overwrite"});
  EXPECT_TRUE(AwaitLabel(kEnforce, "restricted")) << "it was loosened";
}

// By the API server itself, so that there is no moment, and no dead operator, in which pods could do more.
TEST_F(GuardTest, ANamespaceThatComesHasItsLevelFromTheBeginning) {
  Declare("Enforce");
  const auto made = [&](const Json& labels, const std::string& name) -> Json {
    const Json ns = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}, {"labels", labels}}}};
    const auto reply = cluster().api().Create(api::kNamespaces, "", ns.dump(), {}, "dryRun=All");
    return reply ? Json::parse(reply->body)["metadata"] : Json(reply.error().message);
  };
  const Json ours = {{"rempart.dev/region", region_}};
  Json got;
  EXPECT_TRUE(AwaitServer([&] {
    got = made(ours, ns_ + "-new");
    return got.is_object() && got["labels"].value(kEnforce, "") == "restricted";
  })) << got;
  EXPECT_EQ(got["annotations"].value("rempart.dev/pod-security", ""), "enforce=restricted") << "it is the operator's";
  EXPECT_FALSE(made(Json::object(), ns_ + "-free")["labels"].contains(kEnforce));
  Json privileged = ours;
  privileged[kEnforce] = "privileged";
  EXPECT_THAT(made(privileged, ns_ + "-new").dump(), ::testing::HasSubstr("RP-705"));
}

TEST_F(GuardTest, ATenantNeitherTakesThePolicyNorWidensIt) {
  Declare("Enforce", Egress());
  ASSERT_TRUE(AwaitPolicy([](const Json& now) { return now.is_object(); }));
  const auto deny = [&](const Result<kube::Reply>& answer, const char* rule) {
    return !answer && answer.error().message.contains(rule);
  };
  const auto named = api::kNetworkPolicies.Path(ns_, kDefaultDeny) + "?dryRun=All";
  const auto ask = [&](const char* method, const std::string& target, const Json& body = nullptr) {
    kube::Api::Call call{.method = method, .target = target, .doing = "try"};
    if (!body.is_null()) call.body = body.dump(), call.content_type = "application/merge-patch+json";
    return cluster().api().Do(call, {});
  };
  EXPECT_TRUE(AwaitServer([&] { return deny(ask("DELETE", named), "RP-507"); }));
  EXPECT_TRUE(deny(ask("DELETE", api::kNetworkPolicies.Path(ns_) + "?dryRun=All"), "RP-507")) << "nor with all others";
  EXPECT_TRUE(deny(ask("PATCH", named, {{"spec", {{"egress", Json::array({Json::object()})}}}}), "RP-507"));
  EXPECT_TRUE(deny(ask("PATCH", named, {{"metadata", {{"labels", {{"x", "y"}}}}}}), "RP-507"));

  EXPECT_TRUE(AwaitServer([&] {
    return RulesAgainst(api::kNetworkPolicies, Policy(Json::array({Json::object()}))) ==
           std::set<std::string>{"RP-508"};
  }));
  const Json region_label = {{"matchLabels", {{"rempart.dev/region", region_}}}};
  const struct {
    Json egress;
    bool allowed;
  } rows[] = {
      {Json::array(), true},
      {To({{"podSelector", Json::object()}}), true},
      {To({{"ipBlock", {{"cidr", "10.1.0.0/16"}}}}), true},
      {To({{"ipBlock", {{"cidr", "0.0.0.0/0"}}}}), false},
      {To({{"namespaceSelector", Json::object()}}), false},
      {To({{"namespaceSelector", region_label}}), true},
      {To({{"namespaceSelector", region_label}, {"podSelector", {{"matchLabels", {{"app", "db"}}}}}}), true},
      {To({{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", "kube-system"}}}}}}), false},
      {To({{"namespaceSelector", {{"matchLabels", {{"kubernetes.io/metadata.name", "kube-system"}}}}},
           {"podSelector", {{"matchLabels", {{"k8s-app", "kube-dns"}}}}}}),
       true},
  };
  for (const auto& [egress, allowed] : rows)
    EXPECT_EQ(RulesAgainst(api::kNetworkPolicies, Policy(egress)),
              allowed ? std::set<std::string>{} : std::set<std::string>{"RP-508"})
        << egress;
  // A label that would let pods do more, in the moment before the operator puts it back.
  const auto ns = api::kNamespaces.Path("", ns_) + "?dryRun=All";
  EXPECT_TRUE(AwaitServer([&] {
    return deny(ask("PATCH", ns, {{"metadata", {{"labels", {{kEnforce, "privileged"}}}}}}), "RP-705");
  }));
  // A namespace goes, with its policy.
  ASSERT_TRUE(cluster().Delete(api::kNamespaces, {"", ns_}));
  EXPECT_TRUE(cluster().Await(api::kNamespaces, {"", ns_}, [](const Json& now) { return now.is_null(); }));
}

TEST_F(GuardTest, FollowTheModeAndGoWithTheRegion) {
  Declare("Warn", Egress());  // Audit is silent, and Declare waits for a word of the gate
  EXPECT_TRUE(AwaitLabel(kWarn, "restricted"));
  const auto set = [&](const Json& spec) {
    return cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", spec}}).has_value();
  };
  ASSERT_TRUE(set({{"enforcement", "Audit"}}));
  EXPECT_TRUE(AwaitLabel(kWarn, nullptr)) << "Audit says nothing";
  EXPECT_TRUE(AwaitLabel(kAudit, "restricted"));
  EXPECT_TRUE(AwaitLabel(kEnforce, nullptr)) << "and refuses nothing";
  EXPECT_FALSE(cluster().Get(api::kNetworkPolicies, {ns_, kDefaultDeny}));
  ASSERT_TRUE(set({{"enforcement", "Enforce"}}));
  EXPECT_TRUE(AwaitPolicy([](const Json& now) { return now.is_object(); }));
  EXPECT_TRUE(AwaitLabel(kEnforce, "restricted"));
  ASSERT_TRUE(set({{"enforcement", "Warn"}}));
  EXPECT_TRUE(AwaitPolicy([](const Json& now) { return now.is_null(); }));
  EXPECT_TRUE(AwaitLabel(kEnforce, nullptr));
  ASSERT_TRUE(set({{"enforcement", "Enforce"}}));
  EXPECT_TRUE(AwaitPolicy([](const Json& now) { return now.is_object(); }));
  ASSERT_TRUE(cluster().Delete(api::kRegions, {"", region_}));
  EXPECT_TRUE(AwaitPolicy([](const Json& now) { return now.is_null(); }));
  EXPECT_TRUE(AwaitLabel(kEnforce, nullptr));
  EXPECT_TRUE(AwaitLabel(kAudit, nullptr));
}

}  // namespace
}  // namespace rempart::test
