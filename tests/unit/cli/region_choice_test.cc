#include "operator/cli/region_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

api::SovereignRegion Region(const std::string& name, const std::string& selector = "") {
  api::SovereignRegion region;
  region.meta.key.name = name;
  region.rules.namespace_selector = selector;
  return region;
}

api::Namespace Namespace(const std::string& name, kube::Labels labels) {
  api::Namespace ns;
  ns.meta.key.name = name;
  labels["kubernetes.io/metadata.name"] = name;
  ns.labels = std::move(labels);
  return ns;
}

Result<Judge> NameOf(const api::SovereignRegion& region) {
  if (!region.Usable()) return Fail(Error::Invalid(region.invalid));
  return Judge([name = region.meta.key.name](const Json&) {
    return std::vector<Violation>{{"RP-1", "", name}, {"RP-2", "", "the same in all"}};
  });
}

std::vector<std::string> Said(const Judge* judge) {
  std::vector<std::string> said;
  if (judge == nullptr) return {"(not judged)"};
  for (const auto& violation : (*judge)(Json()).value_or(std::vector<Violation>())) said.push_back(violation.message);
  return said;
}

Result<std::unique_ptr<RegionChoice>> Choose(ClusterView cluster) {
  return RegionChoice::Of(std::move(cluster), rules::PolicyContext::Of("system:serviceaccount:rempart-system:rempart"),
                          NameOf);
}

TEST(RegionChoice, TakesTheRegionThatGovernsTheNamespace) {
  const auto choice =
      Choose({{Region("france"), Region("germany", R"({"matchLabels":{"country":"DE"}})")},
              {{Namespace("acme", {{"rempart.dev/region", "france"}}), Namespace("beta", {{"country", "DE"}}),
                Namespace("both", {{"country", "DE"}, {"rempart.dev/region", "france"}}), Namespace("default", {}),
                Namespace("rempart-system", {{"rempart.dev/region", "france"}}),
                Namespace("kube-system", {{"rempart.dev/region", "france"}})}}});
  ASSERT_TRUE(choice);
  EXPECT_THAT(Said((*choice)->JudgeOf("acme")), ElementsAre("france", "the same in all"));
  EXPECT_THAT(Said((*choice)->JudgeOf("beta")), ElementsAre("germany", "the same in all"));
  EXPECT_THAT(Said((*choice)->JudgeOf("both")), ElementsAre("france", "the same in all", "germany"));
  for (const char* outside : {"default", "rempart-system", "kube-system"})
    EXPECT_THAT(Said((*choice)->JudgeOf(outside)), ElementsAre("(not judged)")) << outside;
  EXPECT_THAT((*choice)->Unknown(), IsEmpty());
  EXPECT_THAT(Said((*choice)->JudgeOf("to-come")), ElementsAre("(not judged)"));
  EXPECT_THAT((*choice)->Unknown(), ElementsAre("to-come"));
}

TEST(RegionChoice, WhatIsExemptIsNotJudgedBeforeItIsThereEither) {
  auto france = Region("france");
  france.rules.exempt_namespaces = {"monitoring"};
  for (const bool lists : {false, true}) {
    const auto choice =
        Choose({{france},
                lists ? std::optional(std::vector<api::Namespace>{}) : std::optional<std::vector<api::Namespace>>()});
    ASSERT_TRUE(choice);
    for (const char* exempt : {"kube-system", "rempart-system", "monitoring"})
      EXPECT_THAT(Said((*choice)->JudgeOf(exempt)), ElementsAre("(not judged)")) << exempt;
    EXPECT_THAT(Said((*choice)->JudgeOf("acme")), ElementsAre("france", "the same in all"));
  }
  const auto two = Choose({{france, Region("germany")}, {{}}});
  EXPECT_EQ((*two)->JudgeOf("kube-system"), nullptr);
  EXPECT_THAT((*two)->Unknown(), IsEmpty());
  EXPECT_EQ((*two)->JudgeOf("monitoring"), nullptr);
  EXPECT_THAT((*two)->Unknown(), ElementsAre("monitoring")) << "exempt in one of the two";
}

TEST(RegionChoice, OneRegionJudgesWhatIsToCome) {
  const auto choice = Choose({{Region("france")}, {{Namespace("default", {})}}});
  ASSERT_TRUE(choice);
  EXPECT_THAT(Said((*choice)->JudgeOf("to-come")), ElementsAre("france", "the same in all"));
  EXPECT_THAT(Said((*choice)->JudgeOf("default")), ElementsAre("(not judged)"));
  EXPECT_THAT((*choice)->Unknown(), IsEmpty());
}

// What is applied is what they will be, and what they are does not end by that.
TEST(RegionChoice, NamespacesAmongTheManifests) {
  const auto choice = Choose({{Region("france"), Region("germany")},
                              {{Namespace("acme", {{"rempart.dev/region", "france"}}), Namespace("default", {})}}});
  ASSERT_TRUE(choice);
  (*choice)->Expect("new", {{"rempart.dev/region", "germany"}});
  (*choice)->Expect("free", {});
  (*choice)->Expect("acme", {{"rempart.dev/region", "germany"}});
  (*choice)->Expect("default", {{"rempart.dev/region", "france"}});
  (*choice)->Expect("kube-system", {{"rempart.dev/region", "france"}});
  EXPECT_THAT(Said((*choice)->JudgeOf("new")), ElementsAre("germany", "the same in all"));
  EXPECT_THAT(Said((*choice)->JudgeOf("acme")), ElementsAre("france", "the same in all", "germany"));
  EXPECT_THAT(Said((*choice)->JudgeOf("default")), ElementsAre("france", "the same in all"));
  EXPECT_THAT(Said((*choice)->JudgeOf("kube-system")), ElementsAre("(not judged)"));
  EXPECT_THAT((*choice)->Unknown(), IsEmpty());
  EXPECT_THAT(Said((*choice)->JudgeOf("free")), ElementsAre("(not judged)"));
  EXPECT_THAT((*choice)->Unknown(), ElementsAre("free")) << "somebody may move it into any of the two";

  const auto one = Choose({{Region("france")}, {{Namespace("default", {})}}});
  ASSERT_TRUE(one);
  (*one)->Expect("free", {});
  EXPECT_THAT(Said((*one)->JudgeOf("free")), ElementsAre("france", "the same in all")) << "as without its Namespace";

  const auto unlisted = Choose({{Region("france")}, std::nullopt});
  ASSERT_TRUE(unlisted);
  (*unlisted)->Expect("free", {});
  EXPECT_THAT(Said((*unlisted)->JudgeOf("free")), ElementsAre("france", "the same in all"))
      << "the cluster may have it already, with the region's label";
}

TEST(RegionChoice, WithoutTheRightToListNamespaces) {
  const auto one = Choose({{Region("france")}, std::nullopt});
  ASSERT_TRUE(one);
  EXPECT_THAT(Said((*one)->JudgeOf("default")), ElementsAre("france", "the same in all"));
  const auto two = Choose({{Region("france"), Region("germany")}, std::nullopt});
  ASSERT_FALSE(two);
  EXPECT_THAT(two.error().message, HasSubstr("list namespaces"));
}

TEST(RegionChoice, WithoutARegionToJudgeBy) {
  EXPECT_THAT(Choose({}).error().message, HasSubstr("no SovereignRegion"));
  auto broken = Region("france");
  broken.invalid = "spec.country: no";
  EXPECT_EQ(Choose({{Region("germany"), broken}, {{}}}).error().message, "spec.country: no");
}

}  // namespace
}  // namespace rempart::cli
