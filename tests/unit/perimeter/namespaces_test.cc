#include "operator/perimeter/namespaces.h"

#include <gmock/gmock.h>

#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::Ptr;
using test::Region;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

NamespacePtr Named(std::string name, kube::Labels labels = {}) {
  api::Namespace ns;
  labels["kubernetes.io/metadata.name"] = name;
  ns.meta.key.name = std::move(name);
  ns.labels = std::move(labels);
  return Ptr(std::move(ns));
}

const rules::PolicyContext kOperator = rules::PolicyContext::Of("system:serviceaccount:rempart-system:rempart");

TEST(Namespaces, AreGovernedByTheirLabelAndExemptByName) {
  const auto region = Region();
  const auto view = NamespacesOf(
      region, {Ptr(region)},
      {Named("z", {{"rempart.dev/region", "france"}}), Named("default"),
       Named("kube-system", {{"rempart.dev/region", "france"}}), Named("rempart-system"),
       Named("a", {{"rempart.dev/region", "france"}}), Named("other", {{"rempart.dev/region", "germany"}})},
      kOperator);
  EXPECT_THAT(view.governed, ElementsAre("a", "z"));
  EXPECT_THAT(view.in_no_region, ElementsAre("default", "other"))
      << "the label names a region that there is not; the system's own are exempt";
}

TEST(Namespaces, ASelectorOfTheRegionsOwnAndWhatOthersGovern) {
  auto france = Region();
  france.rules.namespace_selector = R"({"matchExpressions": [{"key": "team", "operator": "Exists"}]})";
  france.rules.exempt_namespaces = {"tools"};
  const auto view =
      NamespacesOf(france, {Ptr(france), Ptr(test::Germany())},
                   {Named("a", {{"team", "x"}}), Named("tools", {{"team", "x"}}),
                    Named("b", {{"rempart.dev/region", "france"}}), Named("c", {{"rempart.dev/region", "germany"}})},
                   kOperator);
  EXPECT_THAT(view.governed, ElementsAre("a"));
  EXPECT_THAT(view.in_no_region, ElementsAre("b"));
}

// What it governs is not known, which is not the same as nothing: see Guards, AnUnreadableSelectorLetsNothingLoose.
TEST(Namespaces, OfAnUnreadableSelectorAreNotKnown) {
  auto region = Region();
  EXPECT_TRUE(NamespacesOf(region, {}, {}, kOperator).known);
  region.rules.namespace_selector = R"({"matchExpressions": [{"key": "team", "operator": "Perhaps"}]})";
  const auto view = NamespacesOf(region, {}, {Named("a", {{"team", "x"}})}, kOperator);
  EXPECT_FALSE(view.known);
  EXPECT_THAT(view.governed, IsEmpty());
}

}  // namespace
}  // namespace rempart::perimeter
