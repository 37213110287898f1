// Each rule has a request that it refuses, and no other rule does; take the rule out, and the request gets in.
#include "operator/perimeter/rules/probes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "operator/perimeter/rules/judge.h"
#include "tests/unit/rules/builders.h"

namespace rempart::rules {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Region = api::SovereignRegion;
using Rules = std::vector<Rule>;

std::set<std::string> Against(const Region& region, const Rules& rules, const std::vector<std::string>& nodes,
                              const Probe& probe) {
  const Json request = probe.Request();
  std::set<std::string> ids;
  for (const auto& violation : Judge(rules, region.rules.language, ParametersOf(region, nodes),
                                     {probe.gate, probe.object.is_null() ? nullptr : &probe.object,
                                      probe.old_object.is_null() ? nullptr : &probe.old_object, &request}))
    ids.insert(violation.rule);
  return ids;
}

struct World {
  const char* name;
  Region region;
  std::vector<std::string> nodes = {"fr-par-1-a"};
  std::vector<std::string> also = {};     // "RP-302 RP-303": the first's probe is refused by the second as well
  std::vector<std::string> missing = {};  // rules, and gates by their names
};
void PrintTo(const World& world, std::ostream* out) { *out << world.name; }

Region With(const std::function<void(Region&)>& change, Region region = test::Region()) {
  change(region);
  return region;
}

std::vector<World> Worlds() {
  using Access = std::vector<std::string>;
  Region minimal;
  minimal.meta.key.name = "minimal";
  const std::vector<std::string> stepping_in = {"access"}, digest = {"RP-302 RP-303"};
  const auto full = [&](const std::function<void(Region&)>& change) { return With(change); };
  return {
      {"Minimal", minimal},
      {"Full", test::Region(), {"fr-par-1-a"}, digest, stepping_in},
      {"French",
       full([](Region& r) { r.rules.language = api::RegionRules::Language::kFrench; }),
       {"n"},
       digest,
       stepping_in},
      {"Tainted", full([](Region& r) { r.taint_outside_nodes = true; }), {"n"}, digest, stepping_in},
      {"NameWithDots", full([](Region& r) { r.meta.key.name = "fr.eu-1"; }), {"n"}, digest, stepping_in},
      {"NoNodes", test::Region(), {}, digest, {"access", "bindings"}},
      {"NamesOfProbesTaken",
       full([](Region& r) {
         r.rules.images->registries = {"rempart-probe.invalid", "rempart-probe-1.invalid:5000/team"};
         r.rules.storage->classes = {"rempart-probe"};
         r.rules.network->load_balancer_classes = {"rempart.dev/probe"};
         r.rules.keys->allowed_stores = {"rempart-probe"};
         r.rules.access.exec = {"user:rempart-probe"};
       }),
       {"rempart-probe"},
       digest,
       stepping_in},
      // What its name alone is wrong with is a store of a provider that every cluster knows, listed or not.
      {"OtherProviders",
       full([](Region& r) {
         r.rules.keys->providers = {{"vault", {"https://vault.example"}}, {"gcpsm"}, {"aws"}};
       }),
       {"n"},
       {"RP-302 RP-303", "RP-601 RP-608", "RP-604 RP-609", "RP-607 RP-608"},
       stepping_in},
      {"AllProviders",
       full([](Region& r) {
         r.rules.keys->providers = {{"vault"}, {"gcpsm"}, {"aws"}, {"fake"}};
       }),
       {"n"},
       digest,
       {"access", "RP-608", "RP-609"}},
      {"DigestAlone", With([](Region& r) { r.rules.images.emplace(); }, minimal)},
      {"ReleaseAlone", With(
                           [](Region& r) {
                             r.rules.images = {{}, false, true, {test::kDigest}};
                           },
                           minimal)},
      {"RegistriesAlone", With(
                              [](Region& r) {
                                r.rules.images = {{"docker.io"}, false, false, {}};
                              },
                              minimal)},
      {"RegistryThatNoImageCanMean",
       With(
           [](Region& r) {
             r.rules.images = {{"plain", "index.docker.io/x", "localhost"}, true, false, {}};
           },
           minimal)},
      // What lets no image in refuses all pods, whatever else is wrong with them.
      {"NothingReleased",
       With(
           [](Region& r) {
             r.rules.images = {{}, true, true, {}};
           },
           minimal),
       {"n"},
       {"RP-101 RP-303", "RP-103 RP-303", "RP-104 RP-303", "RP-302 RP-303"},
       {"pods"}},
      {"Storage", With([](Region& r) { r.rules.storage = {{"local"}}; }, minimal)},
      {"StorageOfAnyClass", With([](Region& r) { r.rules.storage.emplace(); }, minimal)},
      {"NetworkWithoutRanges", With([](Region& r) { r.rules.network.emplace(); }, minimal)},
      {"ExternalNames", With(
                            [](Region& r) {
                              r.rules.network = {true, {}, {"192.0.2.0/24"}};
                            },
                            minimal)},
      {"RangesOfOneFamily", With(
                                [](Region& r) {
                                  r.rules.network = {false, {}, {"0.0.0.0/0"}};
                                },
                                minimal)},
      {"RangeOfItsOwn", With(
                            [](Region& r) {
                              r.rules.network = {false, {}, {"193.51.0.0/16"}};
                            },
                            minimal)},
      {"RangesOfAll",
       With(
           [](Region& r) {
             r.rules.network = {false, {}, {"0.0.0.0/0", "::/0"}};
           },
           minimal),
       {"n"},
       {},
       {"RP-505", "RP-506"}},
      {"Keys", With([](Region& r) { r.rules.keys.emplace(); }, minimal)},
      {"KeysLeftAlone", With(
                            [](Region& r) {
                              r.rules.keys = {false, {}};
                            },
                            minimal)},
      {"Admins", With([](Region& r) { r.rules.access.admins = {"user:a"}; }, minimal)},
      {"Exec", With([](Region& r) { r.rules.access.exec = {"group:a"}; }, minimal), {"n"}, {}, stepping_in},
      {"OperatorMayExec",
       With([](Region& r) { r.rules.access.exec = {"user:" + std::string(test::kOperator)}; }, minimal)},
      {"NodeIdentity", With([](Region& r) { r.rules.access.node_identity = Access{"user:cloud"}; }, minimal)},
      {"SelectorOfItsOwn",
       full([](Region& r) {
         r.rules.namespace_selector =
             R"({"matchLabels":{"team":"a"},"matchExpressions":[{"key":"zone","operator":"In","values":["x","y"]},)"
             R"({"key":"tier","operator":"Exists"},{"key":"old","operator":"DoesNotExist"}]})";
       }),
       {"n"},
       digest,
       stepping_in},
  };
}

class ProbesOfRegion : public ::testing::TestWithParam<World> {
 protected:
  const World& world_ = GetParam();
  const Region& region_ = world_.region;
  Rules rules_ = RulesOf(region_, test::Context().rules);
  Probes all_ = ProbesOf(region_, rules_, ParametersOf(region_, world_.nodes), Sender::Of(test::kOperator));
};

TEST_P(ProbesOfRegion, EachIsRefusedByItsRuleAlone) {
  std::vector<std::string> also;
  for (const Probe& probe : all_.probes) {
    std::set<std::string> expected(probe.also.begin(), probe.also.end());
    if (!probe.rule.empty()) expected.insert(probe.rule);
    EXPECT_EQ(Against(region_, rules_, world_.nodes, probe), expected) << probe.object;
    for (const std::string& id : probe.also) also.push_back(probe.rule + " " + id);
  }
  EXPECT_EQ(also, world_.also);
}

TEST_P(ProbesOfRegion, ATableWithoutTheRuleLetsItIn) {
  for (const Probe& probe : all_.probes) {
    if (probe.rule.empty()) continue;
    Rules without = rules_;
    ASSERT_EQ(std::erase_if(without, [&](const Rule& rule) { return rule.id == probe.rule; }), 1);
    EXPECT_EQ(Against(region_, without, world_.nodes, probe),
              std::set<std::string>(probe.also.begin(), probe.also.end()))
        << probe.rule << " is not what refuses " << probe.object;
  }
}

TEST_P(ProbesOfRegion, NothingIsLeftOutUnsaid) {
  std::set<std::string> wanted, told;
  std::vector<std::string> missing, expected = world_.missing;
  for (const Rule& rule : rules_) {
    if (rule.audit_only) expected.push_back(rule.id);
    wanted.insert(rule.id);
    wanted.emplace(RequestsOf(rule.gate).name);
  }
  for (const Probe& probe : all_.probes) {
    EXPECT_TRUE(told.insert(probe.rule.empty() ? std::string(RequestsOf(probe.gate).name) : probe.rule).second);
  }
  for (const auto& [rule, gate, why, audit_only] : all_.missing) {
    EXPECT_FALSE(why.empty());
    missing.push_back(rule.empty() ? std::string(RequestsOf(gate).name) : rule);
    EXPECT_TRUE(told.insert(missing.back()).second);
  }
  EXPECT_EQ(told, wanted);
  EXPECT_THAT(missing, ::testing::UnorderedElementsAreArray(expected));
}

INSTANTIATE_TEST_SUITE_P(Regions, ProbesOfRegion, ::testing::ValuesIn(Worlds()),
                         [](const auto& world) { return std::string(world.param.name); });

Probe ProbeOf(const std::string& rule, Gate gate = Gate::kPods, const Region& region = test::Region()) {
  const auto all = ProbesOf(region, RulesOf(region, test::Context().rules), ParametersOf(region, {"fr-par-1-a"}),
                            Sender::Of(test::kOperator));
  for (const Probe& probe : all.probes)
    if (probe.rule == rule && (!rule.empty() || probe.gate == gate)) return probe;
  ADD_FAILURE() << "no probe of " << rule;
  return {};
}

TEST(Probe, SaysWhichTheOperatorCannotSendItself) {
  std::set<std::string> unsent;
  const auto region = test::Region();
  for (const Probe& probe : ProbesOf(region, RulesOf(region, test::Context().rules), ParametersOf(region, {"n"}),
                                     Sender::Of(test::kOperator))
                                .probes)
    if (!probe.unsent.empty()) unsent.insert(probe.rule);
  EXPECT_THAT(unsent,
              UnorderedElementsAre("RP-201", "RP-507", "RP-604", "RP-607", "RP-701", "RP-702", "RP-704", "RP-705"));
}

TEST(Probe, IsADryRun) {
  const auto region = test::Region();
  const auto all = ProbesOf(region, RulesOf(region, test::Context().rules), ParametersOf(region, {"n"}),
                            Sender::Of(test::kOperator));
  ASSERT_FALSE(all.probes.empty());
  for (const Probe& probe : all.probes) {
    const auto call = probe.CallIn("acme");
    if (probe.gate == Gate::kAccess) {
      EXPECT_EQ(call.target, "/api/v1/namespaces/acme/pods/rempart-probe/exec?command=true&stdout=true");
    } else {
      EXPECT_TRUE(call.target.ends_with("?dryRun=All")) << call.target;
    }
  }
}

TEST(Probe, Calls) {
  const auto call = [](const Probe& probe) {
    const auto made = probe.CallIn("acme");
    return made.method + " " + made.target;
  };
  EXPECT_EQ(call(ProbeOf("RP-301")), "POST /api/v1/namespaces/acme/pods?dryRun=All");
  EXPECT_EQ(call(ProbeOf("RP-102")), "POST /api/v1/namespaces/acme/pods/rempart-probe/binding?dryRun=All");
  EXPECT_EQ(call(ProbeOf("RP-505")), "POST /apis/discovery.k8s.io/v1/namespaces/acme/endpointslices?dryRun=All");
  EXPECT_EQ(call(ProbeOf("RP-202")), "PATCH /api/v1/nodes/fr-par-1-a?dryRun=All");
  EXPECT_EQ(ProbeOf("RP-202").CallIn("").body,
            R"({"metadata":{"labels":{"failure-domain.beta.kubernetes.io/zone":"rempart-probe"}}})");
  EXPECT_EQ(call(ProbeOf("RP-701")), "POST /api/v1/namespaces?dryRun=All");
}

// What the server says, and what that tells.
class Answers : public ::testing::Test {
 protected:
  static Result<kube::Reply> Refused(ErrorKind kind, const std::string& message) { return Fail({kind, message}); }
  static Result<kube::Reply> Let(std::vector<std::string> warnings = {}) {
    return kube::Reply{201, "{}", std::move(warnings)};
  }
  Told Hear(const Probe& probe, const Result<kube::Reply>& answer) const { return WhatItTells(probe, region_, answer); }
  Region region_ = test::Region();
  Probe bad_ = ProbeOf("RP-101"), good_ = ProbeOf(""), binding_ = ProbeOf("RP-102"), exec_ = ProbeOf("RP-703");
};

TEST_F(Answers, OfAGateThatEnforces) {
  const std::string refusal =
      "pods \"rempart-probe\" is forbidden: ValidatingAdmissionPolicy 'france.pods.rempart.dev' with binding "
      "'france.pods.rempart.dev' denied request: RP-101 spec.nodeName: x";
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kDenied, refusal)), Told::kHolds);
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kDenied,
                               "ValidatingAdmissionPolicy 'france.pods.rempart.dev.static.k8s.io' with binding "
                               "'france.pods.rempart.dev.static.k8s.io' denied request: RP-101 spec.nodeName: x")),
            Told::kHolds)
      << "the same rule, from a file of the API server's";
  EXPECT_EQ(Hear(bad_, Let()), Told::kOpen);
  EXPECT_EQ(Hear(bad_, Let({"RP-101 spec.nodeName: x"})), Told::kOpen) << "somebody made it a warning";
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kConflict, "pods \"rempart-probe\" already exists")), Told::kOpen);
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kDenied, "user may not create pods")), Told::kNothing);
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kDenied, "RP-1010: another's")), Told::kNothing);
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kDenied, "a webhook's word of RP-101 spec.nodeName: x")), Told::kNothing);
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kTransient, "RP-101: no answer")), Told::kNothing);
  EXPECT_EQ(Hear(bad_, Refused(ErrorKind::kNotFound, "namespaces \"acme\" not found")), Told::kNothing);
  EXPECT_EQ(Hear(good_, Let()), Told::kHolds);
  EXPECT_EQ(Hear(good_, Refused(ErrorKind::kDenied, refusal)), Told::kShut);
  const auto over_quota =
      Refused(ErrorKind::kDenied, "pods \"rempart-probe\" is forbidden: exceeded quota: small, requested: x");
  EXPECT_EQ(Hear(good_, over_quota), Told::kHolds) << "quotas are asked after the gate";
  EXPECT_EQ(Hear(bad_, over_quota), Told::kOpen);
  EXPECT_EQ(Hear(good_, Refused(ErrorKind::kDenied, "no right")), Told::kNothing);
}

// The server names the rules that refuse an object in the order of their ids.
TEST_F(Answers, OfAProbeThatAnotherRuleRefusesFirst) {
  Probe probe = bad_;
  probe.rule = "RP-608";
  probe.also = {"RP-607"};
  const auto said = [](const std::string& rules) {
    return Refused(ErrorKind::kDenied,
                   "ValidatingAdmissionPolicy 'france.pods.rempart.dev' with binding 'france.pods.rempart.dev' denied "
                   "request: " +
                       rules);
  };
  EXPECT_EQ(Hear(probe, said("RP-607 metadata.name: x. RP-608 spec.provider: fake")), Told::kHolds);
  EXPECT_EQ(Hear(probe, said("RP-607 metadata.name: x")), Told::kNothing);
  EXPECT_EQ(Hear(probe, said("RP-601 metadata.name: x. RP-608 spec.provider: fake")), Told::kNothing);
}

TEST_F(Answers, OfRequestsForAPodThatIsNotThere) {
  const auto missing = Refused(ErrorKind::kNotFound, "pods \"rempart-probe\" not found");
  EXPECT_EQ(Hear(binding_, missing), Told::kOpen);
  EXPECT_EQ(Hear(exec_, missing), Told::kOpen);
  EXPECT_EQ(Hear(ProbeOf("", Gate::kBindings), missing), Told::kHolds);
  EXPECT_EQ(Hear(exec_, Refused(ErrorKind::kNotFound, "namespaces \"acme\" not found")), Told::kNothing);
  EXPECT_EQ(
      Hear(exec_, Refused(ErrorKind::kDenied,
                          "ValidatingAdmissionPolicy 'france.access.rempart.dev' with binding "
                          "'france.access.rempart.dev' denied request: RP-703: only those whom the region lists")),
      Told::kHolds);
}

TEST_F(Answers, OfAGateThatWarnsOrWatches) {
  region_.rules.enforcement = api::RegionRules::Enforcement::kWarn;
  const std::string warning =
      "Validation failed for ValidatingAdmissionPolicy 'france.pods.rempart.dev' with binding "
      "'france.pods.rempart.dev': RP-101 spec.nodeName: x";
  EXPECT_EQ(Hear(bad_, Let({warning})), Told::kHolds);
  EXPECT_EQ(Hear(bad_, Let({"RP-103: another"})), Told::kOpen);
  EXPECT_EQ(Hear(good_, Let({warning})), Told::kShut);
  EXPECT_EQ(Hear(good_, Let({"something else"})), Told::kHolds);
  EXPECT_EQ(Hear(binding_, Refused(ErrorKind::kNotFound, "pods \"rempart-probe\" not found")), Told::kNothing);
  region_.rules.enforcement = api::RegionRules::Enforcement::kAudit;
  EXPECT_EQ(Hear(bad_, Let()), Told::kNothing);
  EXPECT_EQ(Hear(good_, Let()), Told::kNothing);
}

TEST(Sender, OfAServiceAccountIsInItsGroups) {
  EXPECT_THAT(
      Sender::Of("system:serviceaccount:rempart-system:rempart").groups,
      UnorderedElementsAre("system:serviceaccounts", "system:serviceaccounts:rempart-system", "system:authenticated"));
  EXPECT_THAT(Sender::Of("alice").groups, UnorderedElementsAre("system:authenticated"));
}

}  // namespace
}  // namespace rempart::rules
