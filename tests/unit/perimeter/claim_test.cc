// Which region a node belongs to when several could have it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/qualification.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::Frankfurt;
using test::Germany;
using test::kNow;
using test::Labelled;
using test::Node;
using test::Ptr;
using test::Ptrs;
using test::Region;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const std::vector<RegionPtr>& regions) {
  std::vector<std::string> names;
  for (const RegionPtr& region : regions) names.push_back(region->meta.key.name);
  return names;
}

std::string NameOf(const RegionPtr& region) { return region ? region->meta.key.name : "-"; }

api::SovereignRegion Newer(std::string name = "paris") {
  api::SovereignRegion region = Region(std::move(name));
  region.meta.created = kNow - 1h;
  return region;
}

api::SovereignRegion Unusable(api::SovereignRegion region) {
  region.invalid = "spec.hosting.locations: is missing";
  return region;
}

TEST(SortByAge, OlderFirstThenByName) {
  auto regions = Ptrs(Newer("b"), Newer("a"), Region("z"), Region("y"));
  SortByAge(regions);
  EXPECT_THAT(Names(regions), ElementsAre("y", "z", "a", "b"));
}

TEST(Claim, TheOldestThatQualifiesTheNodeHasIt) {
  std::vector<RegionPtr> contenders;
  const auto regions = Ptrs(Region("france"), Germany(), Newer("paris"), Newer("quais"));
  EXPECT_EQ(NameOf(Claim(Node("n"), regions, &contenders)), "france");
  EXPECT_THAT(Names(contenders), ElementsAre("paris", "quais"));
  EXPECT_EQ(NameOf(Claim(Frankfurt(), regions, &contenders)), "germany");
  EXPECT_THAT(Names(contenders), ElementsAre());
  EXPECT_EQ(Claim(Node("n", "", ""), regions, &contenders), nullptr);
  EXPECT_EQ(Claim(Node("n"), {}), nullptr);
}

TEST(Claim, TheLabelOnTheNodeGivesAUsableRegionNoRight) {
  EXPECT_EQ(NameOf(Claim(Labelled(Node("n"), "paris"), Ptrs(Region(), Newer("paris")))), "france");
  EXPECT_EQ(Claim(Labelled(Frankfurt()), Ptrs(Region())), nullptr);
}

TEST(Claim, AnUnusableRegionKeepsWhatCarriesItsLabelAndGetsNothingNew) {
  EXPECT_EQ(NameOf(Claim(Labelled(Node("n")), Ptrs(Unusable(Region())))), "france");
  EXPECT_EQ(NameOf(Claim(Labelled(Frankfurt()), Ptrs(Unusable(Region())))), "france") << "its locations cannot be read";
  EXPECT_EQ(Claim(Node("n"), Ptrs(Unusable(Region()))), nullptr);
  EXPECT_EQ(Claim(Labelled(Node("n"), "other"), Ptrs(Unusable(Region()))), nullptr);
  std::vector<RegionPtr> contenders;
  EXPECT_EQ(NameOf(Claim(Labelled(Node("n")), Ptrs(Unusable(Region()), Newer("paris")), &contenders)), "france");
  EXPECT_THAT(Names(contenders), ElementsAre("paris"));
  EXPECT_EQ(NameOf(Claim(Labelled(Node("n"), "paris"), Ptrs(Region(), Unusable(Newer("paris"))))), "france")
      << "age decides as ever";
}

TEST(Claimants, ARegionLeavesOnceItIsBeingDeletedAndUnused) {
  api::SovereignRegion going = Region("going");
  going.meta.deleting = true;
  const auto regions = Ptrs(going, Region("staying"));
  EXPECT_THAT(Names(Claimants(regions, {})), ElementsAre("going", "staying")) << "it still has users";
  EXPECT_THAT(Names(Claimants(regions, {"going"})), ElementsAre("staying"));
  EXPECT_THAT(Names(Claimants(regions, {"staying"})), ElementsAre("going", "staying"))
      << "unused, but nobody deletes it";
}

TEST(ViewOf, EachNodeIsQualifiedOrOutsideForOneReason) {
  api::SovereignRegion paris = Newer("paris");
  paris.locations.push_back(test::Place("fr-mrs", {"fr-mrs-1"}, "FR"));
  const auto claimants = Ptrs(Region("france"), paris);
  const std::vector<NodePtr> nodes =
      Ptrs(Node("c", "fr-mrs", "fr-mrs-1"), Node("b"), Frankfurt("d"), Node("a", "", ""));

  const RegionView old = ViewOf(*claimants[0], claimants, nodes);
  ASSERT_EQ(old.qualified.size(), 1u);
  EXPECT_EQ(old.qualified[0]->meta.key.name, "b");
  ASSERT_EQ(old.outside.size(), 3u);
  EXPECT_EQ(old.outside[0].node + old.outside[0].reason, "aNoLocation");
  EXPECT_EQ(old.outside[1].node + old.outside[1].reason, "cUnknownLocation");
  EXPECT_EQ(old.outside[2].node + old.outside[2].reason, "dUnknownLocation");
  EXPECT_TRUE(old.claimed_by_older.empty());

  const RegionView view = ViewOf(*claimants[1], claimants, nodes);
  ASSERT_EQ(view.qualified.size(), 1u);
  EXPECT_EQ(view.qualified[0]->meta.key.name, "c");
  ASSERT_EQ(view.outside.size(), 3u);
  EXPECT_EQ(view.outside[1].node + view.outside[1].reason, "bClaimedByOlderRegion");
  EXPECT_THAT(view.outside[1].message, HasSubstr("france"));
  ASSERT_EQ(view.claimed_by_older.size(), 1u);
  EXPECT_EQ(view.claimed_by_older[0].node, "b");
  EXPECT_EQ(view.claimed_by_older[0].owner, "france");
}

TEST(ViewOf, AnUnusableRegionHasNoQualifiedNodeAndSaysThatLabelsStay) {
  const auto claimants = Ptrs(Unusable(Region()));
  const RegionView view = ViewOf(*claimants[0], claimants, Ptrs(Labelled(Node("a")), Node("b")));
  EXPECT_TRUE(view.qualified.empty());
  ASSERT_EQ(view.outside.size(), 2u);
  EXPECT_EQ(view.outside[0].reason, "RegionUnusable");
  EXPECT_THAT(view.outside[0].message, HasSubstr("stays as it is"));
  EXPECT_THAT(view.outside[1].message, testing::Not(HasSubstr("stays as it is")));
}

TEST(ViewOf, ALeavingRegionHasNoNode) {
  const RegionPtr region = Ptr(Region());
  const RegionView view = ViewOf(*region, {}, Ptrs(Node("a")));
  EXPECT_TRUE(view.qualified.empty());
  ASSERT_EQ(view.outside.size(), 1u);
  EXPECT_EQ(view.outside[0].reason, "RegionLeaving");
}

// 5,000 nodes, 10 locations: what a big cluster's status costs. The bound is far above what it takes (some 20 ms) and
// far below what compiling a pattern for each node would (50,000 compilations, seconds).
TEST(ViewOf, IsCheapForManyNodes) {
  api::SovereignRegion region = Region();
  region.locations.clear();
  for (int i = 0; i < 10; ++i) {
    const std::string name = "fr-" + std::to_string(i);
    region.locations.push_back(
        test::Place(name, {name + "-a", name + "-b"}, "FR", "^kwok://node-[0-9]+/" + name + "$"));
  }
  std::vector<NodePtr> nodes;
  for (int i = 0; i < 5000; ++i) {
    const std::string place = "fr-" + std::to_string(i % 10);
    api::Node node = Node("node-" + std::to_string(i), place, place + "-a");
    node.provider_id = "kwok://node-" + std::to_string(i) + "/" + place;
    nodes.push_back(Ptr(node));
  }
  const auto claimants = Ptrs(region);
  const auto start = std::chrono::steady_clock::now();
  const RegionView view = ViewOf(*claimants[0], claimants, nodes);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(view.qualified.size(), 5000u);
  RecordProperty("microseconds", static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  EXPECT_LT(took, 1s);
}

}  // namespace
}  // namespace rempart::perimeter
