// What is kept in a namespace of a region, by mode, and what is left alone.
#include "operator/perimeter/guard_plan.h"

#include <gmock/gmock.h>

#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using Enforcement = api::RegionRules::Enforcement;
using PodSecurity = api::RegionRules::PodSecurity;
using test::Ptr;
using ::testing::HasSubstr;

constexpr char kAudit[] = "pod-security.kubernetes.io/audit";
constexpr char kWarn[] = "pod-security.kubernetes.io/warn";
constexpr char kEnforce[] = "pod-security.kubernetes.io/enforce";
constexpr char kVersion[] = "pod-security.kubernetes.io/enforce-version";
const rules::PolicyContext kOperator = rules::PolicyContext::Of("system:serviceaccount:rempart-system:rempart");

api::Namespace Acme(kube::Labels more = {}, std::string guarded = "") {
  api::Namespace ns;
  ns.meta.key.name = "acme";
  ns.meta.resource_version = 7;
  ns.labels = {{"rempart.dev/region", "france"}, {"kubernetes.io/metadata.name", "acme"}};
  ns.labels.insert(more.begin(), more.end());
  ns.guarded = std::move(guarded);
  return ns;
}

api::SovereignRegion In(Enforcement mode) {
  auto region = test::Region();
  region.rules.enforcement = mode;
  return region;
}
api::SovereignRegion Declaring(Enforcement mode = Enforcement::kEnforce) {
  auto region = In(mode);
  region.rules.network.emplace().egress =
      std::vector<api::RegionRules::Egress>{{"10.0.0.0/8", {}}, {"192.0.2.0/24", {{"TCP", 443, 0}, {"UDP", 1, 9}}}};
  return region;
}

GuardPlan Plan(const api::Namespace& ns, const api::SovereignRegion& region, const NetworkGuardPtr& policy = nullptr,
               const GuardMemory& memory = {}) {
  return PlanGuards(Ptr(ns), {Ptr(region), false}, policy, memory);
}

// As the API server would, and as the cache then has it.
api::Namespace After(api::Namespace ns, const GuardPlan& plan) {
  if (plan.namespace_patch.is_null()) return ns;
  const Json& metadata = plan.namespace_patch["metadata"];
  const Json labels = metadata.value("labels", Json::object());
  for (const auto& [key, value] : labels.items()) {
    if (value.is_null()) {
      ns.labels.erase(key);
    } else {
      ns.labels[key] = value.get<std::string>();
    }
  }
  if (metadata.contains("annotations")) {
    const Json& record = metadata["annotations"]["rempart.dev/pod-security"];
    ns.guarded = record.is_null() ? "" : record.get<std::string>();
  }
  return ns;
}
std::string Label(const api::Namespace& ns, const std::string& key) {
  const auto found = ns.labels.find(key);
  return found == ns.labels.end() ? "-" : found->second;
}
// audit, warn and enforce, after one look; a second must find nothing to do.
std::string Levels(const api::Namespace& before, const api::SovereignRegion& region) {
  const auto after = After(before, Plan(before, region));
  EXPECT_TRUE(Plan(after, region).namespace_patch.is_null()) << Plan(after, region).namespace_patch;
  return Label(after, kAudit) + " " + Label(after, kWarn) + " " + Label(after, kEnforce);
}

TEST(GuardLabels, AreThoseOfTheMode) {
  EXPECT_EQ(Levels(Acme(), In(Enforcement::kAudit)), "restricted - -");
  EXPECT_EQ(Levels(Acme(), In(Enforcement::kWarn)), "restricted restricted -");
  EXPECT_EQ(Levels(Acme(), In(Enforcement::kEnforce)), "restricted restricted restricted");
  auto region = In(Enforcement::kEnforce);
  region.rules.pod_security = PodSecurity::kBaseline;
  EXPECT_EQ(Levels(Acme(), region), "baseline baseline baseline");
  region.rules.pod_security = PodSecurity::kUnmanaged;
  EXPECT_EQ(Levels(Acme(), region), "- - -");
}

TEST(GuardLabels, AGentlerModeTakesOffWhatAStricterOneSet) {
  const auto enforced = After(Acme(), Plan(Acme(), In(Enforcement::kEnforce)));
  EXPECT_EQ(enforced.guarded, "audit=restricted,enforce=restricted,warn=restricted");
  EXPECT_EQ(Levels(enforced, In(Enforcement::kAudit)), "restricted - -");
  auto region = In(Enforcement::kEnforce);
  region.rules.pod_security = PodSecurity::kUnmanaged;
  EXPECT_EQ(Levels(enforced, region), "- - -");
  region.rules.pod_security = PodSecurity::kBaseline;
  EXPECT_EQ(Levels(enforced, region), "baseline baseline baseline");
  const auto left = After(enforced, PlanGuards(Ptr(enforced), {}, nullptr, {}));  // out of the region
  EXPECT_EQ(Label(left, kEnforce) + Label(left, kAudit) + left.guarded, "--");
}

TEST(GuardLabels, OthersLabelsStayWhereTheyAskForAsMuch) {
  EXPECT_EQ(Levels(Acme({{kEnforce, "restricted"}}), In(Enforcement::kAudit)), "restricted - restricted")
      << "Audit takes nothing away either";
  auto baseline = In(Enforcement::kEnforce);
  baseline.rules.pod_security = PodSecurity::kBaseline;
  EXPECT_EQ(Levels(Acme({{kEnforce, "restricted"}}), baseline), "baseline baseline restricted");
  EXPECT_EQ(Levels(Acme({{kEnforce, "privileged"}}), In(Enforcement::kWarn)), "restricted restricted privileged");
  EXPECT_EQ(Levels(Acme({{kEnforce, "privileged"}}), In(Enforcement::kEnforce)), "restricted restricted restricted");
  EXPECT_EQ(Levels(Acme({{kEnforce, "nonsense"}}), In(Enforcement::kEnforce)), "restricted restricted restricted");
  const auto theirs = Acme({{kEnforce, "restricted"}});
  const auto left = PlanGuards(Ptr(After(theirs, Plan(theirs, In(Enforcement::kEnforce)))), {}, nullptr, {});
  EXPECT_FALSE(left.namespace_patch["metadata"]["labels"].contains(kEnforce)) << "it is not ours to take off";
}

TEST(GuardLabels, WhatIsChangedByHandIsPutBackAndToldOf) {
  const auto region = In(Enforcement::kEnforce);
  auto ns = After(Acme(), Plan(Acme(), region));
  EXPECT_FALSE(Plan(Acme(), region).labels_restored) << "the first time is no restoring";
  ns.labels[kEnforce] = "privileged";
  auto plan = Plan(ns, region);
  EXPECT_TRUE(plan.labels_restored);
  EXPECT_EQ(Label(After(ns, plan), kEnforce), "restricted");
  EXPECT_EQ(plan.namespace_patch["metadata"]["resourceVersion"], "7") << "made from what was seen";
  ns.labels.erase(kEnforce);
  EXPECT_TRUE(Plan(ns, region).labels_restored);
  ns = Acme({{kVersion, "v1.20"}});
  EXPECT_EQ(Label(After(ns, Plan(ns, region)), kVersion), "-") << "what restricted asked for then was less";
  EXPECT_EQ(Label(After(ns, Plan(ns, In(Enforcement::kAudit))), kVersion), "v1.20");
  ns = Acme({{kVersion, "latest"}});
  EXPECT_EQ(Label(After(ns, Plan(ns, region)), kVersion), "latest");
}

TEST(GuardPolicy, OnlyARegionThatEnforcesAndDeclaresEgressHasOne) {
  EXPECT_TRUE(Plan(Acme(), In(Enforcement::kEnforce)).policy.empty());
  EXPECT_TRUE(Plan(Acme(), Declaring(Enforcement::kAudit)).policy.empty());
  EXPECT_TRUE(Plan(Acme(), Declaring(Enforcement::kWarn)).policy.empty());
  const auto plan = Plan(Acme(), Declaring());
  EXPECT_TRUE(plan.create);
  const Json policy = Json::parse(plan.policy);
  EXPECT_EQ(policy["metadata"]["name"], "rempart-default-deny");
  EXPECT_EQ(policy["metadata"]["namespace"], "acme");
  EXPECT_EQ(policy["metadata"]["ownerReferences"][0]["uid"], "uid-of-france");
  EXPECT_EQ(policy["spec"].dump(),
            R"({"egress":[{"to":[{"podSelector":{}}]},)"
            R"({"ports":[{"port":53,"protocol":"UDP"},{"port":53,"protocol":"TCP"}],"to":[{"namespaceSelector":)"
            R"({"matchLabels":{"kubernetes.io/metadata.name":"kube-system"}},"podSelector":{"matchLabels":{"k8s-app":)"
            R"("kube-dns"}}}]},{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}]},{"ports":[{"port":443,"protocol":"TCP"},)"
            R"({"endPort":9,"port":1,"protocol":"UDP"}],"to":[{"ipBlock":{"cidr":"192.0.2.0/24"}}]}],)"
            R"("ingress":[{"from":[{"podSelector":{}}]}],"podSelector":{},"policyTypes":["Ingress","Egress"]})");
  auto nothing = Declaring();
  nothing.rules.network->egress->clear();
  EXPECT_FALSE(Plan(Acme(), nothing).policy.empty()) << "an empty list lets out nothing, no list is not asked for";
}

api::NetworkGuard Stored(std::string digest = "as-stored", bool ours = true) {
  api::NetworkGuard guard;
  guard.meta.key = {"acme", "rempart-default-deny"};
  guard.meta.resource_version = 9;
  guard.ours = ours;
  guard.digest = std::move(digest);
  return guard;
}

TEST(GuardPolicy, IsPutBackAsItWasWritten) {
  const auto region = Declaring();
  const GuardMemory memory{Plan(Acme(), region).wanted_digest, "as-stored"};
  EXPECT_TRUE(Plan(Acme(), region, Ptr(Stored()), memory).policy.empty()) << "nothing differs";
  const auto edited = Plan(Acme(), region, Ptr(Stored("edited")), memory);
  EXPECT_TRUE(edited.policy_restored && !edited.create);
  EXPECT_THAT(edited.policy, HasSubstr(R"("resourceVersion":"9")")) << "in the place of what was seen";
  const auto deleted = Plan(Acme(), region, nullptr, memory);
  EXPECT_TRUE(deleted.policy_restored && deleted.create);
  auto other = region;
  other.rules.network->egress->pop_back();
  const auto changed = Plan(Acme(), other, Ptr(Stored()), memory);
  EXPECT_TRUE(!changed.policy.empty() && !changed.policy_restored) << "the region asks for another one";
  auto going = Stored("as-stored");
  going.meta.deleting = true;
  EXPECT_TRUE(Plan(Acme(), region, Ptr(going), memory).policy.empty()) << "made anew once it is gone";
  going = Stored("edited");
  going.meta.deleting = true;
  EXPECT_FALSE(Plan(Acme(), region, Ptr(going), memory).policy.empty()) << "a finalizer must not keep it open";
}

TEST(GuardPolicy, IsTakenAwayWhereItIsNotWantedAndOurs) {
  EXPECT_TRUE(Plan(Acme(), Declaring(Enforcement::kAudit), Ptr(Stored())).remove_policy);
  EXPECT_TRUE(Plan(Acme(), In(Enforcement::kEnforce), Ptr(Stored())).remove_policy);
  EXPECT_FALSE(Plan(Acme(), In(Enforcement::kEnforce), Ptr(Stored("theirs", false))).remove_policy);
  EXPECT_FALSE(Plan(Acme(), Declaring(), Ptr(Stored("theirs", false))).policy.empty()) << "the name is taken over";
  EXPECT_TRUE(PlanGuards(Ptr(Acme()), {}, Ptr(Stored()), {}).remove_policy) << "out of the region";
}

TEST(Guards, NothingIsLetLooseByARegionThatCannotBeRead) {
  const auto enforced = After(Acme(), Plan(Acme(), Declaring()));
  auto broken = Declaring();
  broken.invalid = "spec.network: no";
  const auto governor = GovernorOf(Ptr(enforced), {Ptr(broken)}, kOperator);
  EXPECT_TRUE(governor.unsure);
  const auto plan = PlanGuards(Ptr(enforced), governor, Ptr(Stored()), {});
  EXPECT_TRUE(plan.namespace_patch.is_null() && plan.policy.empty() && !plan.remove_policy);
  // Nor of a namespace that it might govern: its selector may be what cannot be read.
  broken.rules.namespace_selector = R"({"matchLabels":{"other":"x"}})";
  EXPECT_TRUE(GovernorOf(Ptr(enforced), {Ptr(broken)}, kOperator).unsure);
  EXPECT_FALSE(GovernorOf(Ptr(enforced), {}, kOperator).unsure);
  auto deleting = enforced;
  deleting.meta.deleting = true;
  EXPECT_TRUE(PlanGuards(Ptr(deleting), {}, Ptr(Stored()), {}).namespace_patch.is_null());
}

// As ReadRegionRules refuses: what the region governs is not known, so nobody's guards are taken off. Neither does it
// where the region has not been told to be invalid.
TEST(Guards, AnUnreadableSelectorLetsNothingLoose) {
  auto region = Declaring();
  region.rules.namespace_selector = R"({"matchExpressions": [{"key": "team", "operator": "In"}]})";
  for (const char* problem : {"", "spec.namespaceSelector.matchExpressions[0].values: is empty"}) {
    region.invalid = problem;
    const auto guarded = Ptr(Acme({{kEnforce, "restricted"}}, "enforce=restricted"));
    const Governor governor = GovernorOf(guarded, {Ptr(region)}, kOperator);
    EXPECT_TRUE(governor.unsure) << problem;
    api::NetworkGuard ours;
    ours.ours = true;
    const GuardPlan plan = PlanGuards(guarded, governor, Ptr(ours), {});
    EXPECT_TRUE(plan.namespace_patch.is_null());
    EXPECT_FALSE(plan.remove_policy);
  }
}

TEST(Guards, TheOldestRegionThatGovernsDecides) {
  auto young = Declaring();
  young.meta.key.name = "young";
  young.rules.namespace_selector = R"({"matchLabels":{"rempart.dev/region":"france"}})";
  EXPECT_EQ(GovernorOf(Ptr(Acme()), {Ptr(test::Region()), Ptr(young)}, kOperator).region->meta.key.name, "france");
  EXPECT_EQ(GovernorOf(Ptr(Acme()), {Ptr(test::Germany()), Ptr(young)}, kOperator).region->meta.key.name, "young");
  auto exempt = test::Region();
  exempt.rules.exempt_namespaces = {"acme"};
  EXPECT_EQ(GovernorOf(Ptr(Acme()), {Ptr(exempt)}, kOperator).region, nullptr);
}

}  // namespace
}  // namespace rempart::perimeter
