#include "operator/perimeter/rules/policies.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/rules/cel.h"
#include "tests/unit/rules/builders.h"

namespace rempart::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Policy Named(const std::string& gate, const api::SovereignRegion& region = test::Region()) {
  for (auto& policy : PoliciesOf(region, test::Context()))
    if (policy.name == "france." + gate + ".rempart.dev") return policy;
  ADD_FAILURE() << "no policy for " << gate;
  return {};
}

TEST(Policies, OneAGateWithAllItsRules) {
  std::vector<std::string> names;
  for (const auto& policy : PoliciesOf(test::Region(), test::Context())) {
    names.push_back(policy.name);
    EXPECT_EQ(policy.policy["metadata"]["name"], policy.name);
    EXPECT_EQ(policy.binding["metadata"]["name"], policy.name);
    EXPECT_EQ(policy.binding["spec"]["policyName"], policy.name);
    EXPECT_EQ(policy.policy["spec"]["failurePolicy"], "Fail");
    EXPECT_EQ(policy.policy["metadata"]["ownerReferences"][0]["uid"], "uid-of-region");
    EXPECT_EQ(policy.policy["spec"]["validations"].size(), 1U);
  }
  EXPECT_THAT(
      names, ElementsAre("france.pods.rempart.dev", "france.bindings.rempart.dev", "france.access.rempart.dev",
                         "france.nodes.rempart.dev", "france.namespaces.rempart.dev", "france.services.rempart.dev",
                         "france.endpoints.rempart.dev", "france.claims.rempart.dev", "france.stores.rempart.dev",
                         "france.rempart.rempart.dev", "france.guards.rempart.dev", "france.policies.rempart.dev",
                         "france.ingresses.rempart.dev", "france.gateways.rempart.dev", "france.routes.rempart.dev",
                         "france.classes.rempart.dev", "france.volumes.rempart.dev", "france.clusterstores.rempart.dev",
                         "france.snapshots.rempart.dev"));
}

TEST(Policies, ParametersAreAskedForWhereTheyAreUsedAndMissingOnesRefuse) {
  const Policy pods = Named("pods"), services = Named("services");
  EXPECT_EQ(pods.policy["spec"]["paramKind"],
            Json({{"apiVersion", "rempart.dev/v1alpha1"}, {"kind", "PerimeterParameters"}}));
  EXPECT_EQ(pods.binding["spec"]["paramRef"], Json({{"name", "france"}, {"parameterNotFoundAction", "Deny"}}));
  EXPECT_FALSE(services.policy["spec"].contains("paramKind"));
  EXPECT_FALSE(services.binding["spec"].contains("paramRef"));
}

TEST(Policies, OnlyAGateThatIsToEnforceFailsClosed) {
  auto region = test::Region();
  using Enforcement = api::RegionRules::Enforcement;
  for (const auto mode : {Enforcement::kAudit, Enforcement::kWarn}) {
    region.rules.enforcement = mode;
    EXPECT_EQ(Named("pods", region).policy["spec"]["failurePolicy"], "Ignore");
    EXPECT_EQ(Named("pods", region).binding["spec"]["paramRef"]["parameterNotFoundAction"], "Allow");
  }
}

TEST(Policies, BindingsSelectTheRegionAndLeaveExemptNamespacesOut) {
  auto region = test::Region();
  region.rules.exempt_namespaces = {"monitoring"};
  const Json exempt = {{"key", "kubernetes.io/metadata.name"},
                       {"operator", "NotIn"},
                       {"values", {"kube-system", "monitoring", "rempart-system"}}};
  EXPECT_EQ(Named("pods", region).binding["spec"]["matchResources"]["namespaceSelector"],
            Json({{"matchLabels", {{"rempart.dev/region", "france"}}}, {"matchExpressions", Json::array({exempt})}}));
  EXPECT_FALSE(Named("nodes").binding["spec"].contains("matchResources"))
      << "one outside may want to look like one of it";
  region.rules.namespace_selector = R"({"matchExpressions":[{"key":"team","operator":"Exists"}]})";
  const Json selector = Named("pods", region).binding["spec"]["matchResources"]["namespaceSelector"];
  EXPECT_FALSE(selector.contains("matchLabels"));
  EXPECT_EQ(selector["matchExpressions"].size(), 2U);
  EXPECT_THAT(Named("namespaces", region).policy["spec"]["matchConditions"][0]["expression"].get<std::string>(),
              HasSubstr("?team"));
}

// By a subresource, labels are written as well.
TEST(Policies, NoWayAroundASubresource) {
  const auto resources = [](const std::string& gate) {
    return Named(gate).policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"];
  };
  EXPECT_EQ(resources("nodes"), Json({"nodes", "nodes/status"}));
  EXPECT_EQ(resources("namespaces"), Json({"namespaces", "namespaces/status", "namespaces/finalize"}));
}

TEST(Mutations, ThePlaceOfPodsOrTheTaintOfNodes) {
  auto region = test::Region();
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& mutation : MutationsOf(region, test::Context())) all.push_back(mutation.name);
    return all;
  };
  region.rules.pod_security = api::RegionRules::PodSecurity::kUnmanaged;
  EXPECT_THAT(names(), ElementsAre("france.placement.rempart.dev"));
  region.taint_outside_nodes = true;
  EXPECT_THAT(names(), ElementsAre("france.taints.rempart.dev"));
  const auto [name, policy, binding] = MutationsOf(region, test::Context()).front();
  EXPECT_EQ(policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"], Json({"nodes"}));
  EXPECT_EQ(policy["spec"]["failurePolicy"], "Ignore");
  EXPECT_EQ(binding["spec"], Json({{"policyName", name}}));
  EXPECT_THAT(policy["spec"]["mutations"][0]["jsonPatch"]["expression"].get<std::string>(),
              HasSubstr(R"({"key": "rempart.dev/outside", "value": "true", "effect": "NoSchedule"})"));
  region.rules.enforcement = api::RegionRules::Enforcement::kAudit;
  EXPECT_THAT(names(), ElementsAre("france.taints.rempart.dev")) << "as the operator taints them, in every mode";
  region.taint_outside_nodes = false;
  EXPECT_THAT(names(), ElementsAre()) << "what is only looked at is not changed";
}

// Nodes of another region carry no taint.
TEST(Mutations, ThePlaceOfPodsAlsoWhereThereAreOtherRegions) {
  auto region = test::Region();
  region.taint_outside_nodes = true;
  PolicyContext context = test::Context();
  EXPECT_FALSE(MutationOf(region, context));
  context.rules.other_regions = true;
  EXPECT_TRUE(MutationOf(region, context));
  EXPECT_EQ(MutationOf(region, context)->binding["spec"]["matchResources"]["objectSelector"],
            Json::parse(R"({"matchExpressions": [{"key": "rempart.dev/workload", "operator": "DoesNotExist"}]})"));
}

TEST(Mutations, TheLevelOfNamespacesThatCome) {
  auto region = test::Region();
  const auto mutation = NamespaceMutationOf(region, test::Context());
  ASSERT_TRUE(mutation);
  EXPECT_EQ(mutation->name, "france.pod-security.rempart.dev");
  const Json& rule = mutation->policy["spec"]["matchConstraints"]["resourceRules"][0];
  EXPECT_EQ(rule["operations"], Json({"CREATE"}));
  EXPECT_EQ(rule["resources"], Json({"namespaces"}));
  EXPECT_EQ(mutation->binding["spec"]["matchResources"]["objectSelector"],
            NamespaceSelectorOf(region, test::Context()));
  EXPECT_THAT(mutation->policy["spec"]["mutations"][0]["jsonPatch"]["expression"].get<std::string>(),
              HasSubstr(R"("enforce=restricted")"));
  region.rules.enforcement = api::RegionRules::Enforcement::kWarn;
  EXPECT_FALSE(NamespaceMutationOf(region, test::Context()));
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  region.rules.pod_security = api::RegionRules::PodSecurity::kUnmanaged;
  EXPECT_FALSE(NamespaceMutationOf(region, test::Context()));
}

TEST(Policies, ModesAreValidationActions) {
  auto region = test::Region();
  using Enforcement = api::RegionRules::Enforcement;
  for (const auto& [mode, actions] : {std::pair{Enforcement::kAudit, R"(["Audit"])"},
                                      {Enforcement::kWarn, R"(["Warn","Audit"])"},
                                      {Enforcement::kEnforce, R"(["Deny","Audit"])"}}) {
    region.rules.enforcement = mode;
    EXPECT_EQ(Named("pods", region).binding["spec"]["validationActions"].dump(), actions);
  }
}

TEST(Policies, SeeWhatAlsoLeadsIntoPodsAndWhatPoliciesLookUp) {
  const auto resources = [](const std::string& gate) {
    return Named(gate).policy["spec"]["matchConstraints"]["resourceRules"].dump();
  };
  EXPECT_THAT(resources("access"),
              HasSubstr(R"(["pods/exec","pods/attach","pods/portforward","pods/proxy","services/proxy"])"));
  EXPECT_THAT(resources("rempart"), HasSubstr(R"(["sovereignregions","sovereignregions/status","perimeterparameters",)"
                                              R"("hostingprofiles"])"));
  EXPECT_THAT(resources("policies"), HasSubstr("networksets"));
  EXPECT_THAT(resources("routes"), HasSubstr("udproutes"));
}

// The pods' gate is asked of every pod and at each of its updates.
TEST(Policies, OfAPodsAnnotationsOnlyThoseForNetworksAreCompared) {
  const std::string free = ToCel(RequestsOf(Gate::kPods).free);
  EXPECT_THAT(free, HasSubstr(R"((object.?spec == oldObject.?spec) && )"
                              R"((object.?metadata.?annotations[?"k8s.v1.cni.cncf.io/networks"] == )"
                              R"(oldObject.?metadata.?annotations[?"k8s.v1.cni.cncf.io/networks"]) && )"));
  EXPECT_THAT(free, Not(HasSubstr("annotations.orValue")));
}

// Whatever its controller's name: what cannot be emptied would never go.
TEST(Policies, ANamespaceThatGoesTakesItsDefaultDenyWithIt) {
  EXPECT_THAT(Named("guards").policy["spec"]["validations"][0]["expression"].get<std::string>(),
              HasSubstr(R"((namespaceObject.?status.?phase.orValue("") == "Terminating"))"));
}

TEST(Policies, TheSameRegionGivesTheSameText) {
  const auto a = PoliciesOf(test::Region(), test::Context()), b = PoliciesOf(test::Region(), test::Context());
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_EQ(a[i].policy.dump() + a[i].binding.dump(), b[i].policy.dump() + b[i].binding.dump());
}

TEST(Parameters, FitAtTheSizesThatArePromised) {
  auto region = test::Region();
  region.rules.images->released.clear();
  for (int i = 0; i < 10'000; ++i) region.rules.images->released.push_back(fmt::format("sha256:{:064x}", i));
  std::vector<std::string> nodes;
  for (int i = 0; i < 5'000; ++i) nodes.push_back(fmt::format("gke-production-pool-{:04d}.c.project.internal", i));
  const Json parameters = ParametersOf(region, nodes);
  EXPECT_EQ(parameters["spec"]["released"].size(), 10'000U);
  EXPECT_EQ(parameters["spec"]["nodes"].size(), 5'000U);
  EXPECT_EQ(parameters["spec"]["registries"],
            Json({{"registry.sas.example", true}}));  // a path is in the policy itself
  EXPECT_LT(parameters.dump().size(), 1'300'000U);    // etcd takes 1.5 MiB
}

}  // namespace
}  // namespace rempart::rules
