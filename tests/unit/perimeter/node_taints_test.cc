// The taint of nodes outside every region.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/node_plan.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::Frankfurt;
using test::kNow;
using test::Labelled;
using test::Node;
using test::Patched;
using test::Ptr;
using test::Ptrs;
using test::Region;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const api::Taint kOurs = {"rempart.dev/outside", "true", "NoSchedule", ""};
const api::Taint kGpu = {"nvidia.com/gpu", "", "NoSchedule", ""};
const api::Taint kUnreachable = {"node.kubernetes.io/unreachable", "", "NoExecute", "2026-11-22T10:00:00Z"};

api::SovereignRegion Tainting(std::string name = "france") {
  api::SovereignRegion region = Region(std::move(name));
  region.taint_outside_nodes = true;
  return region;
}
api::SovereignRegion Unusable(api::SovereignRegion region) {
  region.invalid = "spec.country: is no country";
  return region;
}
api::Node Tainted(api::Node node, std::vector<api::Taint> taints) {
  node.taints = std::move(taints);
  return node;
}

std::vector<api::Taint> TaintsAfter(const api::Node& node, std::vector<RegionPtr> regions, RegionNames leaving = {}) {
  return Patched(node, PlanNode({Ptr(node), std::move(regions), std::move(leaving), {}}, kNow).patch).taints;
}

TEST(OutsideTaint, IsPutOnNodesThatNoRegionClaims) {
  EXPECT_THAT(TaintsAfter(Frankfurt(), Ptrs(Tainting())), ElementsAre(kOurs));
  EXPECT_THAT(TaintsAfter(Node("n", "", ""), Ptrs(Region(), Tainting("paris"))), ElementsAre(kOurs))
      << "any region may ask";
  EXPECT_THAT(TaintsAfter(Labelled(Frankfurt()), Ptrs(Tainting())), ElementsAre(kOurs)) << "lost in this very round";
  EXPECT_THAT(TaintsAfter(Node("n"), Ptrs(Tainting())), IsEmpty());
}

TEST(OutsideTaint, IsTakenOffOnceClaimedOrNotAskedFor) {
  EXPECT_THAT(TaintsAfter(Tainted(Node("n"), {kOurs}), Ptrs(Tainting())), IsEmpty());
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {kOurs}), Ptrs(Region())), IsEmpty());
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {kOurs}), {}), IsEmpty());
}

TEST(OutsideTaint, OthersAreKeptAsTheyAre) {
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {kUnreachable, kGpu}), Ptrs(Tainting())),
              ElementsAre(kUnreachable, kGpu, kOurs));
  EXPECT_THAT(TaintsAfter(Tainted(Node("n"), {kUnreachable, kOurs, kGpu}), Ptrs(Tainting())),
              ElementsAre(kUnreachable, kGpu));
}

TEST(OutsideTaint, WhatIsInOrderIsNotWritten) {
  for (const auto& node :
       {Tainted(Frankfurt(), {kGpu, kOurs, kUnreachable}), Tainted(Labelled(Node("n")), {kUnreachable})}) {
    EXPECT_TRUE(PlanNode({Ptr(node), Ptrs(Tainting()), {}, {}}, kNow).patch.is_null());
  }
}

TEST(OutsideTaint, AnythingElseUnderOurKeyIsPutRight) {
  const api::Taint evicting = {"rempart.dev/outside", "true", "NoExecute", "2026-11-22T10:00:00Z"};
  const api::Taint denied = {"rempart.dev/outside", "false", "NoSchedule", ""};
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {evicting, kGpu}), Ptrs(Tainting())), ElementsAre(kGpu, kOurs));
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {denied}), Ptrs(Tainting())), ElementsAre(kOurs));
  EXPECT_THAT(TaintsAfter(Tainted(Node("n"), {denied, evicting}), Ptrs(Tainting())), IsEmpty());
}

TEST(OutsideTaint, IsLeftAsItIsWhileAnUnusableRegionMayAskForIt) {
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {kOurs}), Ptrs(Unusable(Region()))), ElementsAre(kOurs));
  EXPECT_THAT(TaintsAfter(Frankfurt(), Ptrs(Unusable(Tainting()))), IsEmpty());
  EXPECT_THAT(TaintsAfter(Tainted(Node("n"), {kOurs}), Ptrs(Unusable(Tainting()), Region("paris"))), IsEmpty())
      << "claimed: not outside";
  EXPECT_THAT(TaintsAfter(Tainted(Labelled(Node("n")), {kOurs}), Ptrs(Unusable(Tainting()))), IsEmpty())
      << "kept: not outside";
  EXPECT_THAT(TaintsAfter(Frankfurt(), Ptrs(Unusable(Region()), Tainting("paris"))), ElementsAre(kOurs))
      << "a usable one asks";
}

TEST(OutsideTaint, ALeavingRegionAsksForNothing) {
  api::SovereignRegion region = Tainting();
  region.meta.deleting = true;
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {kOurs}), Ptrs(region)), ElementsAre(kOurs));
  EXPECT_THAT(TaintsAfter(Tainted(Frankfurt(), {kOurs}), Ptrs(region), {"france"}), IsEmpty());
}

}  // namespace
}  // namespace rempart::perimeter
