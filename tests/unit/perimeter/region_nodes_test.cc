#include "operator/perimeter/region_nodes.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/perimeter/attesting.h"

namespace rempart::perimeter {
namespace {

using test::Frankfurt;
using test::Labelled;
using test::Next;
using test::Node;
using test::Region;

api::TenantWorkload WorkloadOf(const std::string& region) {
  api::TenantWorkload workload;
  workload.meta.key = {"acme", "web"};
  workload.region = region;
  return workload;
}

struct RegionNodesTest : ::testing::Test {
  // A node that two regions declare, of which the older is being deleted.
  void PutRivals() {
    auto older = Region(), newer = Region("newer");
    older.meta.deleting = true;
    newer.meta.created = test::kNow - std::chrono::hours(1);
    caches.regions.Put(older);
    caches.regions.Put(newer);
    caches.nodes.Put(Next(Node("par-1")));
  }
  SimClock clock;
  cache::Caches caches;
  AttestationBook book;
  RegionNodes nodes{caches, clock, book};
};

TEST_F(RegionNodesTest, CountsANodeThatIsNotLabelledYet) {
  EXPECT_FALSE(nodes.AnyOf("france"));
  caches.regions.Put(Region());
  EXPECT_FALSE(nodes.AnyOf("france"));
  caches.nodes.Put(Next(Frankfurt()));
  EXPECT_FALSE(nodes.AnyOf("france"));
  caches.nodes.Put(Next(Node("par-1")));
  EXPECT_TRUE(nodes.AnyOf("france"));
  EXPECT_FALSE(nodes.AnyOf("germany"));
}

TEST_F(RegionNodesTest, FollowsNodesAndRegions) {
  caches.regions.Put(Region());
  caches.nodes.Put(Next(Node("par-1")));
  EXPECT_TRUE(nodes.AnyOf("france"));
  caches.nodes.Remove({"", "par-1"}, 0);
  EXPECT_FALSE(nodes.AnyOf("france"));
  caches.nodes.Put(Next(Node("par-2")));
  EXPECT_TRUE(nodes.AnyOf("france"));
  caches.regions.Remove({"", "france"}, 0);
  EXPECT_FALSE(nodes.AnyOf("france"));
}

TEST_F(RegionNodesTest, FollowsTheProfileAndItsEnd) {
  caches.regions.Put(test::ByProfile());
  caches.nodes.Put(Next(Node("par-1")));
  EXPECT_FALSE(nodes.AnyOf("france")) << "there is no such profile";
  auto profile = test::Profile();
  profile.expires = clock.Now() + std::chrono::hours(1);
  caches.profiles.Put(Next(profile));
  EXPECT_TRUE(nodes.AnyOf("france"));
  clock.Advance(std::chrono::minutes(59));
  EXPECT_TRUE(nodes.AnyOf("france"));
  clock.Advance(std::chrono::minutes(1));
  EXPECT_FALSE(nodes.AnyOf("france")) << "though nothing changed that is watched";
  profile.expires = clock.Now() + std::chrono::hours(1);
  caches.profiles.Put(Next(profile));
  EXPECT_TRUE(nodes.AnyOf("france"));
  profile.expires.reset();
  profile.locations.clear();
  caches.profiles.Put(Next(profile));
  EXPECT_FALSE(nodes.AnyOf("france"));
}

TEST_F(RegionNodesTest, FollowsAttestationsAndTheirEnd) {
  auto region = Region();
  region.attestation = test::Policy();
  caches.regions.Put(region);
  auto node = Node("par-1");
  node.system_uuid = "uuid";
  node.machine_id = "machine";
  caches.nodes.Put(Next(node));
  EXPECT_FALSE(nodes.AnyOf("france")) << "nobody attested it";
  HostingClaim claim = test::Hosted();
  claim.issued_at = clock.Now() + std::chrono::minutes(1);
  claim.expires_at = clock.Now() + std::chrono::minutes(9);
  auto attestation = test::Signed(test::Statement(claim, IdentityOf(node)), {0}, "par-1");
  caches.attestations.Put(Next(attestation));
  EXPECT_FALSE(nodes.AnyOf("france")) << "not yet";
  clock.Advance(std::chrono::minutes(1));
  EXPECT_TRUE(nodes.AnyOf("france")) << "though nothing changed that is watched";
  clock.Advance(std::chrono::minutes(8));
  EXPECT_FALSE(nodes.AnyOf("france"));
}

TEST_F(RegionNodesTest, ALabelledNodeCountsUntilItLosesTheLabel) {
  caches.nodes.Put(Next(Labelled(Frankfurt())));
  EXPECT_TRUE(nodes.AnyOf("france"));
}

TEST_F(RegionNodesTest, TheOlderRegionHasTheNode) {
  auto younger = Region("newer");
  younger.meta.created = test::kNow - std::chrono::hours(1);
  caches.regions.Put(Region());
  caches.regions.Put(younger);
  caches.nodes.Put(Next(Node("par-1")));
  EXPECT_TRUE(nodes.AnyOf("france"));
  EXPECT_FALSE(nodes.AnyOf("newer"));
}

// An older region that is being deleted keeps its nodes while it is used, and leaves them to the next one after.
TEST_F(RegionNodesTest, ARegionThatLeavesGivesItsNodesUp) {
  PutRivals();
  caches.workloads.Put(WorkloadOf("france"));
  EXPECT_TRUE(caches.RegionsLeaving().empty());
  EXPECT_FALSE(nodes.AnyOf("newer"));
  caches.workloads.Remove({"acme", "web"}, 0);
  EXPECT_TRUE(caches.RegionsLeaving().contains("france"));
  EXPECT_TRUE(nodes.AnyOf("newer"));
}

TEST_F(RegionNodesTest, APodThatHasNotEndedKeepsTheRegionFromLeaving) {
  PutRivals();
  const auto pod = Next(test::Pod("p", "par-1"));
  caches.pods.Put(pod);
  EXPECT_TRUE(nodes.AnyOf("france"));
  EXPECT_FALSE(nodes.AnyOf("newer"));
  caches.pods.Remove(pod.meta.key, 0);
  EXPECT_FALSE(nodes.AnyOf("france"));
  EXPECT_TRUE(nodes.AnyOf("newer"));
}

}  // namespace
}  // namespace rempart::perimeter
