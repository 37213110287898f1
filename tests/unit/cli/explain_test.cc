#include "operator/cli/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/perimeter/attesting.h"

namespace rempart::cli {
namespace {

using perimeter::test::ByProfile;
using perimeter::test::Frankfurt;
using perimeter::test::Germany;
using perimeter::test::kNow;
using perimeter::test::Labelled;
using perimeter::test::Lost;
using perimeter::test::Node;
using perimeter::test::Profile;
using perimeter::test::Region;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::string ExplainNode(const api::Node& node, std::vector<api::SovereignRegion> regions) {
  return cli::ExplainNode(node, {std::move(regions), {}}, kNow);
}

TEST(ExplainNode, ANodeOfTheRegion) {
  const std::string text = ExplainNode(Labelled(Node("par-1")), {Germany(), Region()});
  EXPECT_THAT(text, HasSubstr("Node par-1\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("topology.kubernetes.io/zone +fr-par-1\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("spec.providerID +kwok://par-1\n"));
  EXPECT_THAT(text, HasSubstr("Region france (FR): in\n"));
  EXPECT_THAT(text, HasSubstr("Region germany (DE): outside (UnknownLocation): "));
  EXPECT_LT(text.find("Region france"), text.find("Region germany")) << "the older first";
}

TEST(ExplainNode, ANodeThatAnOlderRegionHas) {
  auto newer = Region("newer");
  newer.meta.created += std::chrono::hours(1);
  EXPECT_THAT(ExplainNode(Node("par-1"), {newer, Region()}),
              HasSubstr("Region newer (FR): outside (ClaimedByOlderRegion): france has it\n"));
}

TEST(ExplainNode, WhatIsMissing) {
  auto node = Node("n", "", "");
  node.provider_id.clear();
  const std::string text = ExplainNode(node, {});
  EXPECT_THAT(text, ::testing::ContainsRegex("topology.kubernetes.io/region +.not set.\n"));
  EXPECT_THAT(text, HasSubstr("There is no SovereignRegion.\n"));
  EXPECT_THAT(ExplainNode(node, {Region()}), HasSubstr("outside (NoLocation): "));
}

TEST(ExplainNode, ALostNode) {
  EXPECT_THAT(ExplainNode(Lost(Frankfurt()), {Region()}), ::testing::ContainsRegex("lost to region +france since 2"));
}

TEST(ExplainNode, WhatTheProfileSays) {
  auto profile = Profile();
  profile.since = "2017";
  profile.locations[0].source = "its documentation";
  profile.required_labels = {{"topology.x.org/net", {}}, {"topology.x.org/site", {"a", "b"}}};
  auto node = Node("par-1");
  node.location_labels = {{"topology.x.org/site", "a"}};
  std::string text = cli::ExplainNode(node, {{ByProfile()}, {profile}}, kNow);
  EXPECT_THAT(text, HasSubstr("Region france (FR): outside (NodeLabelMissing): label topology.x.org/net is not set"));
  EXPECT_THAT(text, HasSubstr("  HostingProfile cloud: The Cloud of Somebody, Live since 2017\n"));
  EXPECT_THAT(text,
              ContainsRegex("this zone of this region +in FR, provider id .kwok://; source: its documentation\n"));
  EXPECT_THAT(text, ContainsRegex("topology.x.org/net +.not set., wanted: any value\n"));
  EXPECT_THAT(text, ContainsRegex("topology.x.org/site +a, wanted: a or b\n"));

  profile.locations[0].confirmed = false;
  profile.locations[0].note = "hearsay";
  profile.refused = {{"de-fra", "it is in Germany"}};
  EXPECT_THAT(cli::ExplainNode(node, {{ByProfile()}, {profile}}, kNow),
              HasSubstr(", not confirmed (hearsay); source: "));
  text = cli::ExplainNode(Frankfurt(), {{ByProfile()}, {profile}}, kNow);
  EXPECT_THAT(text, ContainsRegex("this region +refused: it is in Germany\n"));
  EXPECT_THAT(cli::ExplainNode(Node("n", "x", "y"), {{ByProfile()}, {profile}}, kNow),
              ContainsRegex("this zone of this region +unknown\n"));
}

TEST(ExplainNode, AProfileThatSaysNothingOfTheNode) {
  auto profile = Profile();
  EXPECT_THAT(ExplainNode(Node("n"), {ByProfile()}), HasSubstr("  HostingProfile cloud: there is none of that name\n"));
  EXPECT_THAT(cli::ExplainNode(Node("n"), {{Region()}, {profile}}, kNow), Not(HasSubstr("HostingProfile")))
      << "the region does not name it";
  profile.expires = kNow;
  const std::string text = cli::ExplainNode(Node("n"), {{ByProfile()}, {profile}}, kNow);
  EXPECT_THAT(text, HasSubstr("outside (ProfileExpired): HostingProfile cloud expired"));
  EXPECT_THAT(text, HasSubstr("  HostingProfile cloud: The Cloud of Somebody, Live\n"));
  profile.invalid = "spec: is missing";
  EXPECT_THAT(cli::ExplainNode(Node("n"), {{ByProfile()}, {profile}}, kNow),
              HasSubstr("  HostingProfile cloud: cannot be used\n"));
}

TEST(ExplainNode, WhatEachAttestationSays) {
  auto node = Node("fr-par-1");
  node.system_uuid = "uuid";
  node.machine_id = "machine";
  auto region = Region();
  region.attestation = perimeter::test::Policy(2);
  std::string text = ExplainNode(node, {region});
  EXPECT_THAT(text, ContainsRegex("status.nodeInfo.machineID +machine\n"));
  EXPECT_THAT(text, HasSubstr("Region france (FR): outside (NotAttested): no NodeAttestation names node"));
  EXPECT_THAT(text, HasSubstr("  attestations: required, 1 of 2 authorities\n"));
  EXPECT_THAT(text, ContainsRegex("NodeAttestation +none of this node\n"));

  using namespace perimeter::test;
  auto good = Signed(Statement(Hosted(), perimeter::IdentityOf(node)));
  auto foreign = Signed(Statement(Hosted(), perimeter::IdentityOf(node)), {3});
  foreign.meta.key.name = "foreign";
  text = cli::ExplainNode(node, {{region}, {}, {good, foreign}}, kNow);
  EXPECT_THAT(text, HasSubstr("Region france (FR): in\n"));
  EXPECT_THAT(text, ContainsRegex("NodeAttestation attestation-of-fr-par-1 +Attested: .*signed by authority-0, until"));
  EXPECT_THAT(text, ContainsRegex("NodeAttestation foreign +UntrustedSignature: "));
  EXPECT_THAT(cli::ExplainNode(node, {{Region()}, {}, {good}}, kNow), Not(HasSubstr("NodeAttestation")))
      << "the region takes nobody's word";
}

TEST(ExplainNode, TextFromOutsideCannotDrawOnTheTerminal) {
  auto node = Node("n");
  node.provider_id = "x\x1b[2Jy\n" + std::string(5'000, 'z');
  const std::string text = ExplainNode(node, {Region()});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 4'000U);
}

}  // namespace
}  // namespace rempart::cli
