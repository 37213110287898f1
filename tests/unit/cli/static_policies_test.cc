#include "operator/cli/static_policies.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "src/kube/manifests.h"

namespace rempart::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const rules::PolicyContext kContext = rules::PolicyContext::Of("system:serviceaccount:rempart-system:rempart");

api::SovereignRegion France() {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.meta.uid = "u";
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  region.rules.images.emplace();
  region.rules.images->registries = {"registry.sas.example", "docker.io/acme"};
  region.rules.images->require_release = true;
  region.rules.images->released = {"sha256:" + std::string(64, 'a')};
  return region;
}

std::vector<Json> Objects(const std::string& text) {
  std::vector<Json> objects;
  for (const kube::DocumentText& document : kube::SplitDocuments(text)) {
    kube::Manifests manifests = kube::ReadDocument(document);
    EXPECT_TRUE(manifests.problems.empty());
    EXPECT_FALSE(manifests.objects.empty()) << "a document of comments alone is refused by the API server";
    for (auto& manifest : manifests.objects) objects.push_back(std::move(manifest.object));
  }
  return objects;
}

// What the API server's loader asks for: names, no parameters, and a policy for each binding.
TEST(StaticPolicies, AreWhatTheApiServerLoads) {
  const auto objects = Objects(StaticPoliciesOf({France()}, {}, {}, kContext).manifests);
  ASSERT_FALSE(objects.empty());
  std::vector<std::string> policies;
  for (const Json& object : objects) {
    const std::string name = object["metadata"]["name"];
    EXPECT_TRUE(name.starts_with("france.") && name.ends_with(".rempart.dev.static.k8s.io")) << name;
    EXPECT_FALSE(object["spec"].contains("paramKind")) << name;
    EXPECT_FALSE(object["spec"].contains("paramRef")) << name;
    EXPECT_FALSE(object["metadata"].contains("ownerReferences"));
    EXPECT_THAT(object.dump(), Not(HasSubstr("params")));
    if (object["kind"] == "ValidatingAdmissionPolicy")
      policies.push_back(name);
    else
      EXPECT_THAT(policies, Contains(object["spec"]["policyName"].get<std::string>()));
  }
  EXPECT_EQ(policies.size() * 2, objects.size());
}

TEST(StaticPolicies, HaveTheSpecsListsInThem) {
  const auto made = StaticPoliciesOf({France()}, {}, {}, kContext);
  EXPECT_THAT(made.manifests, HasSubstr(R"(in [\"registry.sas.example\"])"));
  EXPECT_THAT(made.manifests, HasSubstr(R"(in [\"sha256:aaaa)"));
  EXPECT_THAT(made.manifests, HasSubstr("RP-103"));
  ASSERT_EQ(made.left_out.size(), 2U);
  EXPECT_THAT(made.left_out[0], HasSubstr("region france: RP-101: which nodes are qualified"));
  EXPECT_THAT(made.left_out[1], HasSubstr("RP-102"));
  EXPECT_THAT(made.manifests, HasSubstr("# Not here: region france: RP-101"));
}

TEST(StaticPolicies, LeaveOutAListThatIsTooLong) {
  auto region = France();
  for (int i = 0; i < 10'000; ++i) region.rules.images->released.push_back(fmt::format("sha256:{:064x}", i));
  const auto made = StaticPoliciesOf({region}, {}, {}, kContext);
  ASSERT_EQ(made.left_out.size(), 3U);
  EXPECT_THAT(made.left_out[2], HasSubstr("RP-303: 10001 entries"));
  EXPECT_LT(made.manifests.size(), 200'000U);
  EXPECT_THAT(made.manifests, HasSubstr(R"(|| it.?image.orValue(\"\").matches(\"@sha256:[0-9a-f]{64}$\"))"))
      << "what the rule that is left out would imply is asked by itself";
}

// As the operator has it: a taint does not keep pods off the nodes of other regions, which have none.
TEST(StaticPolicies, AskForTheSelectorBesideATaintWhereOthersHaveNodes) {
  auto tainted = France(), other = France();
  tainted.taint_outside_nodes = true;
  other.meta.key.name = "gaul";
  const auto ask = [&](const std::vector<api::SovereignRegion>& regions, const QualifiedNodes& nodes) {
    const std::string manifests = StaticPoliciesOf(regions, {}, nodes, kContext).manifests;
    return manifests.substr(0, manifests.find("gaul.pods")).contains("RP-103");
  };
  EXPECT_FALSE(ask({tainted}, {}));
  EXPECT_FALSE(ask({tainted, other}, {{"france", {"a"}}, {"gaul", {}}}));
  EXPECT_TRUE(ask({tainted, other}, {{"france", {"a"}}, {"gaul", {"b"}}}));
  EXPECT_TRUE(ask({tainted, other}, {{"france", {"a"}}})) << "nobody knows";
}

TEST(StaticPolicies, OfNoRegionThatCanBeUsed) {
  EXPECT_EQ(StaticPoliciesOf({}, {}, {}, kContext).manifests, "");
  auto region = France();
  region.invalid = "spec.country: no";
  const auto made = StaticPoliciesOf({region}, {}, {}, kContext);
  EXPECT_EQ(made.manifests, "");
  EXPECT_THAT(made.left_out, ElementsAre("region france: its spec cannot be used: spec.country: no"));
}

}  // namespace
}  // namespace rempart::cli
