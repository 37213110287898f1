#include "operator/main/cluster_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/names.h"
#include "tests/unit/kube/fake_api.h"

namespace rempart {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ReadQualifiedNodes, FromTheParametersThatThereAre) {
  kube::test::FakeStore store;
  kube::test::FakeApi api(store);
  std::vector<api::SovereignRegion> regions(2);
  regions[0].meta.key.name = "france";
  regions[1].meta.key.name = "germany";
  store.Put(api::kPerimeterParameters.Path("", "france"), {{"spec", {{"nodes", {{"b", true}, {"a", true}}}}}});
  auto nodes = ReadQualifiedNodes(api, regions);
  ASSERT_TRUE(nodes) << nodes.error().message;
  EXPECT_THAT(*nodes, ElementsAre(Pair("france", ElementsAre("a", "b"))));
  api.FailNext(Error::Denied("not you"));
  nodes = ReadQualifiedNodes(api, regions);
  ASSERT_TRUE(nodes);
  EXPECT_TRUE(nodes->empty());
  api.FailNext(Error::Transient("not now"));
  EXPECT_FALSE(ReadQualifiedNodes(api, regions)) << "another answer a moment later is not to give another verdict";
}

}  // namespace
}  // namespace rempart
