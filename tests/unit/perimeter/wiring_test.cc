// Which regions and nodes a change of a pod or of its workload wakes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "operator/cache/caches.h"
#include "src/crypto/private_key.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::cache {
namespace {

using namespace std::chrono_literals;
using perimeter::test::Frankfurt;
using perimeter::test::Labelled;
using perimeter::test::Next;
using perimeter::test::Node;
using perimeter::test::Pod;
using perimeter::test::Region;
using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;

api::TenantWorkload Web() {
  api::TenantWorkload workload;
  workload.meta.key = {"acme", "web"};
  workload.region = "france";
  return workload;
}

// Held by its labels only.
api::Pod Bare(std::string node) {
  api::Pod pod = Pod("p", std::move(node), "");
  pod.region_label = "france";
  return pod;
}

struct WiringTest : ::testing::Test {
  WiringTest() {
    WireCaches(caches, queue, {0, 1, 2, 3, 4, 5, 6, 7});
    caches.regions.Put(Next(Region()));
    caches.nodes.Put(Next(Labelled(Node("fr-1"))));
    caches.nodes.Put(Next(Frankfurt("de-1")));
  }
  // What is due by then: "region france", "node de-1", "workload acme/web".
  std::set<std::string> Woken(Duration by = 1s) {
    std::set<std::string> names;
    clock.Advance(by);
    while (queue.depth() > 0) {
      const auto key = queue.Take({});
      const char* kinds[] = {"region ",    "node ",  "workload ",    "gate ",
                             "self_test ", "audit ", "attestation ", "guard "};
      names.insert(kinds[key->controller] + key->object.ToString());
      queue.Done(*key);
    }
    return names;
  }

  SimClock clock;
  SeededRandom random{1};
  Metrics metrics;
  kube::Queue queue{clock, random, metrics};
  Caches caches;
};

TEST_F(WiringTest, ANamespaceWakesRegionsWhateverItsLabels) {
  Woken();
  api::Namespace ns;
  ns.meta.key.name = "acme";
  caches.namespaces.Put(Next(ns));
  EXPECT_THAT(Woken(), ::testing::ElementsAre("guard acme", "region france", "self_test france"));
  EXPECT_THAT(Woken(8s), ::testing::IsEmpty());
  EXPECT_THAT(Woken(1s), ::testing::ElementsAre("audit france")) << "which lists much of the cluster";
  caches.namespaces.Put(Next(ns));
  EXPECT_THAT(Woken(10s), ::testing::IsEmpty()) << "nothing that counts changed";
  ns.labels = {{"team", "acme"}};
  caches.namespaces.Put(Next(ns));
  EXPECT_THAT(Woken(10s), ::testing::ElementsAre("audit france", "guard acme", "region france", "self_test france"));
}

TEST_F(WiringTest, ANamespacesGuardsFollowItsRegionAndThemselves) {
  api::Namespace ns;
  ns.meta.key.name = "acme";
  caches.namespaces.Put(Next(ns));
  Woken();
  ns.guarded = "enforce=restricted";
  caches.namespaces.Put(Next(ns));
  EXPECT_THAT(Woken(), ::testing::ElementsAre("guard acme"));
  api::NetworkGuard policy;
  policy.meta.key = {"acme", std::string(api::kDefaultDenyName)};
  caches.network_guards.Put(Next(policy));
  EXPECT_THAT(Woken(), ::testing::ElementsAre("guard acme"));
  caches.network_guards.Remove(policy.meta.key, 0);
  EXPECT_THAT(Woken(), ::testing::ElementsAre("guard acme")) << "somebody deleted it";
  auto region = Region();
  ++region.meta.generation;
  caches.regions.Put(Next(region));
  EXPECT_THAT(Woken(), Contains("guard acme"));
}

TEST_F(WiringTest, TheGateFollowsItsRegionItsNodesAndItself) {
  Woken();
  auto heartbeat = Labelled(Node("fr-1"));
  caches.nodes.Put(Next(heartbeat));
  EXPECT_THAT(Woken(), Not(Contains("gate france")));
  caches.nodes.Put(Next(Node("fr-1")));
  EXPECT_THAT(Woken(), Contains("gate france")) << "a node that it lists has left";
  caches.nodes.Put(Next(Labelled(Node("fr-2"))));
  EXPECT_THAT(Woken(), Contains("gate france"));
  api::GateObject policy;
  policy.kind = api::GateKind::kPolicy;
  policy.meta.key.name = "france.pods.rempart.dev";
  policy.region = "france";
  caches.Gate(api::GateKind::kPolicy).Put(Next(policy));
  EXPECT_THAT(Woken(), Contains("gate france"));
  caches.Gate(api::GateKind::kPolicy).Remove(policy.meta.key, 0);
  EXPECT_THAT(Woken(), Contains("gate france")) << "somebody deleted it";
  auto region = Region();
  region.meta.generation = 4;
  caches.regions.Put(Next(region));
  EXPECT_THAT(Woken(), Contains("gate france"));
}

// With nodes of another region about, the taint of those in none no longer holds pods to their own.
TEST_F(WiringTest, GatesFollowWhetherOtherRegionsHaveNodes) {
  caches.regions.Put(Next(perimeter::test::Germany()));
  Woken();
  auto node = Frankfurt("de-1");
  node.region_label = "germany";
  caches.nodes.Put(Next(node));
  EXPECT_THAT(Woken(), IsSupersetOf({"gate france", "gate germany"}));
  caches.nodes.Remove(node.meta.key, 0);
  EXPECT_THAT(Woken(), Contains("gate france"));
}

TEST_F(WiringTest, AProfileWakesWhatDependsOnTheRegionsThatNameIt) {
  caches.workloads.Put(Next(Web()));
  Woken();
  auto profile = perimeter::test::Profile();
  caches.profiles.Put(Next(profile));
  EXPECT_TRUE(Woken().empty()) << "nobody names it";
  caches.regions.Put(Next(perimeter::test::ByProfile()));
  auto other = perimeter::test::Germany();
  caches.regions.Put(Next(other));
  Woken();

  const std::set<std::string> all = {"region france", "region germany", "gate france",
                                     "node fr-1",     "node de-1",      "workload acme/web"};
  ++profile.meta.generation;
  caches.profiles.Put(Next(profile));
  EXPECT_EQ(Woken(), all) << "an older region's nodes are not a younger one's";
  caches.profiles.Put(Next(profile));
  EXPECT_TRUE(Woken().empty()) << "its labels or annotations only";
  caches.profiles.Remove(profile.meta.key, 0);
  EXPECT_EQ(Woken(), all);
  caches.profiles.Put(Next(profile));
  EXPECT_EQ(Woken(), all);
  profile.meta.uid = "another";
  caches.profiles.Put(Next(profile));
  EXPECT_EQ(Woken(), all);
}

TEST_F(WiringTest, ALabelThatAProfileMayAskForWakesTheNode) {
  Woken();
  auto node = Labelled(Node("fr-1"));
  caches.nodes.Put(Next(node));
  EXPECT_TRUE(Woken().empty());
  node.location_labels = {{"topology.x.org/net", "a"}};
  caches.nodes.Put(Next(node));
  EXPECT_THAT(Woken(), IsSupersetOf({"node fr-1", "region france"}));
  node.location_labels[0].value = "b";
  caches.nodes.Put(Next(node));
  EXPECT_THAT(Woken(), Contains("node fr-1"));
}

TEST_F(WiringTest, AnAttestationWakesItsNodeAndTheRegionsThatTakeItsWord) {
  api::SovereignRegion region = Region();
  region.attestation.authorities.push_back(
      {"somebody", crypto::PrivateKey::Generate().value().public_key(), std::nullopt});
  caches.regions.Put(Next(region));
  caches.regions.Put(Next(perimeter::test::Germany()));
  Woken();
  api::NodeAttestation attestation;
  attestation.meta.key.name = "a";
  attestation.node = "fr-1";
  attestation.digest = "1";
  const std::set<std::string> all = {"node fr-1", "region france", "attestation a"};
  caches.attestations.Put(Next(attestation));
  EXPECT_EQ(Woken(), all);
  caches.attestations.Put(Next(attestation));
  EXPECT_EQ(Woken(), std::set<std::string>{"attestation a"}) << "its status only";
  attestation.digest = "2";
  caches.attestations.Put(Next(attestation));
  EXPECT_EQ(Woken(), all) << "it was renewed";
  api::NodeAttestation other = attestation;
  other.meta.key.name = "b";
  caches.attestations.Put(Next(other));
  EXPECT_THAT(Woken(), IsSupersetOf({"attestation a", "attestation b", "node fr-1"})) << "they may contradict";
  EXPECT_EQ(caches.AttestationsOf("fr-1").size(), 2u);
  caches.attestations.Remove(other.meta.key, 0);
  EXPECT_EQ(Woken(), all);
  auto node = Labelled(Node("fr-1"));
  node.machine_id = "another";
  caches.nodes.Put(Next(node));
  EXPECT_THAT(Woken(), IsSupersetOf({"node fr-1", "attestation a"})) << "it is another machine now";
  ++region.meta.generation;
  caches.regions.Put(Next(region));
  EXPECT_THAT(Woken(), Contains("attestation a")) << "other authorities, perhaps";
}

TEST_F(WiringTest, ProfilesAreThoseThatRegionsName) {
  caches.profiles.Put(Next(perimeter::test::Profile()));
  caches.profiles.Put(Next(perimeter::test::Profile("unused")));
  EXPECT_TRUE(caches.ProfilesOf(caches.RegionsByAge()).empty());
  caches.regions.Put(Next(perimeter::test::ByProfile()));
  caches.regions.Put(Next(perimeter::test::ByProfile(perimeter::test::Germany())));
  caches.regions.Put(Next(perimeter::test::ByProfile(Region("spain", "ES"), "missing")));
  const auto profiles = caches.ProfilesOf(caches.RegionsByAge());
  ASSERT_EQ(profiles.size(), 1u);
  EXPECT_EQ(profiles[0]->meta.key.name, "cloud");
}

TEST_F(WiringTest, APodThatOnlyItsLabelsHoldWakesItsNode) {
  caches.workloads.Put(Next(Web()));
  Woken();
  caches.pods.Put(Next(Bare("de-1")));
  EXPECT_THAT(Woken(), IsSupersetOf({"node de-1", "region france", "workload acme/web"}));
  EXPECT_FALSE(caches.OnQualifiedNode(*caches.pods.Get({"acme", "p"})));
  EXPECT_EQ(caches.PodsOfRegion("france").size(), 1u);
  caches.pods.Put(Next(Bare("fr-1")));
  EXPECT_THAT(Woken(), Not(Contains("node fr-1"))) << "it sits where it should";
  EXPECT_TRUE(caches.OnQualifiedNode(*caches.pods.Get({"acme", "p"})));
}

TEST_F(WiringTest, AStrangersPodWithOurLabelsWakesNoNodeUntilThereIsItsWorkload) {
  Woken();
  caches.pods.Put(Next(Bare("de-1")));
  EXPECT_THAT(Woken(), Not(Contains("node de-1")));
  EXPECT_EQ(caches.PodsOfRegion("france").size(), 0u);
  EXPECT_EQ(caches.HeldTo(*caches.pods.Get({"acme", "p"})), "");
  caches.workloads.Put(Next(Web()));
  EXPECT_THAT(Woken(), IsSupersetOf({"node de-1", "region france"}));
  EXPECT_EQ(caches.HeldTo(*caches.pods.Get({"acme", "p"})), "france");
  caches.workloads.Remove({"acme", "web"}, 0);
  EXPECT_THAT(Woken(), IsSupersetOf({"node de-1", "region france"}));
}

// `kubectl delete --cascade=orphan`, or a workload that is moved to a region that does not exist.
TEST_F(WiringTest, ARegionIsInUseWhileAPodOfItHasNotEnded) {
  auto region = Region();
  region.meta.deleting = true;
  caches.regions.Put(Next(region));
  api::Pod pod = Pod("p", "fr-1");
  caches.pods.Put(Next(pod));
  EXPECT_TRUE(caches.InUse("france"));
  EXPECT_TRUE(caches.RegionsLeaving().empty());
  Woken();
  pod.phase = api::Pod::Phase::kSucceeded;
  caches.pods.Put(Next(pod));
  EXPECT_FALSE(caches.InUse("france"));
  EXPECT_TRUE(caches.RegionsLeaving().contains("france"));
  EXPECT_THAT(Woken(), Contains("region france"));
  pod.phase = api::Pod::Phase::kPending;
  pod.node.clear();
  caches.pods.Put(Next(pod));
  EXPECT_TRUE(caches.InUse("france")) << "it would fall to the next region of the name";
  Woken();
  caches.pods.Remove(pod.meta.key, 0);
  EXPECT_FALSE(caches.InUse("france"));
  EXPECT_THAT(Woken(), Contains("region france"));
}

}  // namespace
}  // namespace rempart::cache
