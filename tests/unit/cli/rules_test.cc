#include "operator/cli/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace rempart::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ExplainRule, SaysWhatItAsksInBothLanguagesAndCel) {
  const auto text = ExplainRule("rp-301");
  ASSERT_TRUE(text);
  for (const char* part :
       {"RP-301\n", "pods, pods/ephemeralcontainers (CREATE, UPDATE)", "spec.containers[*].image",
        "spec.volumes[*].image.reference", "does not allow; use one of: <registry> (SecNumCloud 3.2: 12.10.c)",
        "n'admet pas ; utilisez", "params.?spec.?registries"})
    EXPECT_THAT(*text, HasSubstr(part));
}

TEST(ExplainRule, NamesThoseThatThereAre) {
  const auto text = ExplainRule("RP-999");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(text.error().message, HasSubstr("RP-101, RP-102"));
  EXPECT_THAT(text.error().message, HasSubstr("RP-704"));
}

TEST(JudgeBy, ManifestsByTheRegionsRules) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.rules.images.emplace();
  region.rules.network.emplace();
  const auto judge = JudgeBy(region, false);
  ASSERT_TRUE(judge);
  const auto found = [&](const char* text) {
    std::string ids;
    for (const auto& violation : (*judge)(Json::parse(text)))
      ids += (ids.empty() ? "" : ", ") + violation.rule + " " + violation.field;
    return ids;
  };
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx"}]}})"),
            "RP-103 spec.nodeSelector.rempart.node-restriction.kubernetes.io/region, RP-302 spec.containers[0].image");
  EXPECT_EQ(found(R"({"apiVersion":"rempart.dev/v1alpha1","kind":"Pod","spec":{"containers":[{"image":"nginx"}]}})"),
            "RP-302 spec.containers[0].image")
      << "the operator holds a TenantWorkload's pods to the region";
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"Service","spec":{"type":"ExternalName"}})"), "RP-501 spec.type");
  EXPECT_EQ(found(R"({"apiVersion":"serving.knative.dev/v1","kind":"Service","spec":{"type":"ExternalName"}})"), "");
  EXPECT_EQ(found(R"({"apiVersion":"v1","kind":"ConfigMap"})"), "");
  EXPECT_EQ(RuleTexts().size(), 40U);
  region.invalid = "spec.country: no";
  EXPECT_EQ(JudgeBy(region, false).error().kind, ErrorKind::kInvalid);
}

TEST(JudgeBy, WhereTheServerAddsTheSelector) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  const auto found = [&](const char* spec, bool mutates) {
    const auto judge = JudgeBy(region, mutates);
    std::string ids;
    for (const auto& violation : (*judge)({{"apiVersion", "v1"}, {"kind", "Pod"}, {"spec", Json::parse(spec)}}))
      ids += violation.rule + " ";
    return ids;
  };
  const char* const none = "{}";
  const char* const another = R"({"nodeSelector":{"rempart.node-restriction.kubernetes.io/region":"x"}})";
  EXPECT_EQ(found(none, true), "RP-103 ") << "a region that only audits changes nothing";
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  EXPECT_EQ(found(none, false), "RP-103 ");
  EXPECT_EQ(found(none, true), "");
  EXPECT_EQ(found(R"({"nodeSelector":{"disk":"fast"}})", true), "");
  EXPECT_EQ(found(another, true), "RP-103 ") << "what is there is left as it is";
  EXPECT_EQ(found(R"({"nodeSelector":7})", true), "RP-103 ");
}

TEST(PrintPolicies, AreObjectsThatKubectlTakes) {
  api::SovereignRegion region;
  region.meta.key.name = "france";
  region.meta.uid = "uid";
  const Json list = Json::parse(PrintPolicies({region}, {{"france", {"a"}}}, {{"operator"}, "rempart-system"}, true));
  EXPECT_EQ(list["kind"], "List");
  std::string kinds;
  for (const auto& item : list["items"]) {
    kinds += item["kind"].get<std::string>() + " ";
    EXPECT_FALSE(item["metadata"].contains("ownerReferences"));
  }
  EXPECT_THAT(kinds, HasSubstr("PerimeterParameters ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding"));
  EXPECT_THAT(kinds, Not(HasSubstr("Mutating"))) << "it only audits";
  region.rules.enforcement = api::RegionRules::Enforcement::kEnforce;
  EXPECT_THAT(PrintPolicies({region}, {}, {{"operator"}, "rempart-system"}, true),
              HasSubstr("MutatingAdmissionPolicyBinding"));
  EXPECT_THAT(PrintPolicies({region}, {}, {{"operator"}, "rempart-system"}, false), Not(HasSubstr("Mutating")));
}

}  // namespace
}  // namespace rempart::cli
