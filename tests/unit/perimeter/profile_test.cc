// What a hosting profile does to a node's verdict, and to a region that names it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/perimeter/node_plan.h"
#include "operator/perimeter/profile_check.h"
#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using namespace std::chrono_literals;
using test::ByProfile;
using test::Frankfurt;
using test::kNow;
using test::Labelled;
using test::Node;
using test::Place;
using test::Profile;
using test::Ptr;
using test::Ptrs;
using test::Region;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Evidence With(api::HostingProfile profile) { return {Ptrs(std::move(profile)), kNow}; }

TEST(ProfileAlone, ItsLocationsCountByThemselves) {
  EXPECT_TRUE(Qualify(Node("n"), ByProfile(), With(Profile())).qualified());
  const Verdict verdict = Qualify(Frankfurt(), ByProfile(), With(Profile()));
  EXPECT_EQ(verdict.outside, Outside::kUnknownLocation);
  EXPECT_THAT(verdict.message, HasSubstr("zone \"de-fra-1\" of region \"de-fra\" is unknown to HostingProfile cloud"));
  EXPECT_THAT(Qualify(Node("n", "FR-PAR", "fr-par-1"), ByProfile(), With(Profile())).message,
              HasSubstr("zone \"fr-par-1\" of region \"fr-par\" is known, but values must be equal in case"));
  EXPECT_EQ(Qualify(Node("n", "", ""), ByProfile(), With(Profile())).outside, Outside::kNoLocation);
}

TEST(ProfileAlone, ItsCountriesAndPatternsAreHeldAgainstTheNode) {
  auto profile = Profile();
  profile.locations.push_back(Place("de-fra", {"de-fra-1"}, "DE"));
  const Verdict german = Qualify(Frankfurt(), ByProfile(), With(profile));
  EXPECT_EQ(german.outside, Outside::kOtherCountry);
  EXPECT_THAT(german.message, HasSubstr("is in country \"DE\" by HostingProfile cloud, spec.country is FR"));
  EXPECT_TRUE(Qualify(Frankfurt(), ByProfile(Region("germany", "DE")), With(profile)).qualified());

  auto node = Node("n");
  node.provider_id = "aws://n";
  const Verdict verdict = Qualify(node, ByProfile(), With(profile));
  EXPECT_EQ(verdict.outside, Outside::kProviderMismatch);
  EXPECT_THAT(verdict.message, HasSubstr("spec.locations[0].providerIDPattern of HostingProfile cloud (\"^kwok://\")"));
  node.provider_id.clear();
  EXPECT_EQ(Qualify(node, ByProfile(), With(profile)).outside, Outside::kProviderMissing);
}

TEST(ProfileAndList, ANodeHasToAgreeWithBoth) {
  auto region = Region();
  region.profile = "cloud";
  region.locations = {Place("fr-par", {"fr-par-1", "fr-par-9"}, "FR")};
  EXPECT_TRUE(Qualify(Node("n"), region, With(Profile())).qualified());
  EXPECT_THAT(Qualify(Node("n", "fr-par", "fr-par-2"), region, With(Profile())).message,
              HasSubstr("not declared in spec.hosting.locations"))
      << "the list is narrower";
  EXPECT_THAT(Qualify(Node("n", "fr-par", "fr-par-9"), region, With(Profile())).message,
              HasSubstr("unknown to HostingProfile cloud"))
      << "a list adds nothing to the profile";
  auto profile = Profile();
  profile.locations[0].country = "DE";
  EXPECT_EQ(Qualify(Node("n"), region, With(profile)).outside, Outside::kOtherCountry)
      << "the two disagree on the country";
}

TEST(Unconfirmed, CountsOnceTheRegionDeclaresIt) {
  auto profile = Profile();
  profile.locations[0].confirmed = false;
  profile.locations[0].note = "third parties say so";
  const Verdict verdict = Qualify(Node("n"), ByProfile(), With(profile));
  EXPECT_EQ(verdict.outside, Outside::kUnconfirmedLocation);
  EXPECT_THAT(verdict.message, AllOf(HasSubstr("zone \"fr-par-1\" of region \"fr-par\" is not confirmed"),
                                     HasSubstr("declare it in spec.hosting.locations (third parties say so)")));
  auto region = Region();
  region.profile = "cloud";
  EXPECT_TRUE(Qualify(Node("n"), region, With(profile)).qualified());
  region.locations = {Place("fr-par", {"fr-par-2"}, "FR")};
  EXPECT_EQ(Qualify(Node("n"), region, With(profile)).outside, Outside::kUnknownLocation)
      << "another place was declared";
  region.locations = {Place("fr-par", {"fr-par-1"}, "DE")};
  EXPECT_EQ(Qualify(Node("n"), region, With(profile)).outside, Outside::kOtherCountry);
}

TEST(Unconfirmed, OfAnotherCountryIsEnoughToDisagree) {
  auto profile = Profile();
  profile.locations.push_back(Place("fr-par", {"fr-par-1"}, "DE"));
  profile.locations[1].confirmed = false;
  EXPECT_EQ(Qualify(Node("n"), ByProfile(), With(profile)).outside, Outside::kOtherCountry);
}

TEST(Unconfirmed, OneConfirmedEntryForTheZoneSuffices) {
  auto profile = Profile();
  profile.locations.insert(profile.locations.begin(), Place("fr-par", {"fr-par-1"}, "FR"));
  profile.locations[0].confirmed = false;
  EXPECT_TRUE(Qualify(Node("n"), ByProfile(), With(profile)).qualified());
}

TEST(Refused, WhateverIsDeclared) {
  auto profile = Profile();
  profile.refused = {{"fr-par", "it moved to Belgium"}};
  auto region = Region();
  region.profile = "cloud";
  const Verdict verdict = Qualify(Node("n"), region, With(profile));
  EXPECT_EQ(verdict.outside, Outside::kRefusedByProfile);
  EXPECT_THAT(verdict.message, HasSubstr("region \"fr-par\" is refused by HostingProfile cloud: it moved to Belgium"));
  EXPECT_TRUE(Qualify(Node("n", "fr-par-1", "fr-par"), region, With(profile)).outside == Outside::kUnknownLocation)
      << "a zone of that name is not refused";
}

TEST(RequiredLabels, HaveToBeThereWithOneOfTheirValues) {
  auto profile = Profile();
  profile.required_labels = {{"topology.x.org/net", {}}, {"topology.x.org/site", {"a", "b"}}};
  auto node = Node("n");
  Verdict verdict = Qualify(node, ByProfile(), With(profile));
  EXPECT_EQ(verdict.outside, Outside::kNodeLabelMissing);
  EXPECT_THAT(verdict.message, HasSubstr("label topology.x.org/net is not set, HostingProfile cloud asks for it"));
  EXPECT_THAT(verdict.message, Not(HasSubstr("first 8")));
  node.more_location_labels = true;
  EXPECT_THAT(Qualify(node, ByProfile(), With(profile)).message, HasSubstr("only the first 8 labels"));
  node.location_labels = {{"topology.x.org/net", "vpc-1"}, {"topology.x.org/site", "c"}};
  verdict = Qualify(node, ByProfile(), With(profile));
  EXPECT_EQ(verdict.outside, Outside::kNodeLabelMismatch);
  EXPECT_THAT(verdict.message, HasSubstr("label topology.x.org/site is \"c\", HostingProfile cloud asks for a or b"));
  node.location_labels[1].value = "b";
  EXPECT_TRUE(Qualify(node, ByProfile(), With(profile)).qualified());
  auto both = Region();
  both.profile = "cloud";
  node.location_labels.clear();
  EXPECT_EQ(Qualify(node, both, With(profile)).outside, Outside::kNodeLabelMissing) << "a list does not replace it";
}

TEST(Time, ADefunctSystemQualifiesNothingAndSaysSinceWhenAndWhy) {
  auto profile = Profile();
  profile.state = api::HostingProfile::State::kDefunct;
  profile.since = "2020-02";
  profile.note = "It was shut down.";
  auto region = Region();
  region.profile = "cloud";
  for (const auto& node : {Node("n"), Labelled(Node("n")), Node("n", "", "")}) {
    const Verdict verdict = Qualify(node, region, With(profile));
    EXPECT_EQ(verdict.outside, Outside::kProfileDefunct);
    EXPECT_THAT(verdict.message, AllOf(HasSubstr("is defunct since 2020-02"), HasSubstr("It was shut down.")));
  }
  EXPECT_EQ(Claim(Labelled(Node("n")), Ptrs(region), With(profile)), nullptr) << "unlike one that cannot be read";
}

TEST(Time, AnExpiredProfileQualifiesNothing) {
  auto profile = Profile();
  profile.note = "Check with the provider.";
  profile.expires = kNow + 1ns;
  EXPECT_TRUE(Qualify(Node("n"), ByProfile(), With(profile)).qualified());
  profile.expires = kNow;
  const Verdict verdict = Qualify(Node("n"), ByProfile(), With(profile));
  EXPECT_EQ(verdict.outside, Outside::kProfileExpired);
  EXPECT_THAT(verdict.message,
              AllOf(HasSubstr("expired at 2026-11-22T10:23:00Z"), HasSubstr("spec.expires. Check with")));
}

TEST(Trouble, AMissingProfileQualifiesNothingAndLetsNothingLoose) {
  const auto region = Ptr(ByProfile());
  const Verdict verdict = Qualify(Node("n"), *region, {});
  EXPECT_EQ(verdict.outside, Outside::kProfileMissing);
  EXPECT_THAT(verdict.message, HasSubstr("region france cannot be used: spec.hosting.profile: there is no "
                                         "HostingProfile \"cloud\": create it"));
  EXPECT_THAT(Qualify(Labelled(Node("n")), *region, {}).message, HasSubstr("the node stays as it is"));
  EXPECT_EQ(Claim(Node("n"), {region}, Evidence{}), nullptr);
  EXPECT_EQ(Claim(Labelled(Node("n")), {region}, Evidence{}), region);
  EXPECT_EQ(Claim(Labelled(Frankfurt()), {region}, Evidence{}), region) << "where it should be cannot be told";
  auto listed = Region();
  listed.profile = "cloud";
  EXPECT_EQ(Qualify(Node("n"), listed, {}).outside, Outside::kProfileMissing) << "the list alone is not enough";
  EXPECT_EQ(Qualify(Node("n"), listed, With(Profile("other"))).outside, Outside::kProfileMissing);
}

TEST(Trouble, SoDoesOneThatCannotBeUsed) {
  auto profile = Profile();
  profile.invalid = "spec.since: 7 is not a year";
  const auto region = Ptr(ByProfile());
  const Verdict verdict = Qualify(Node("n"), *region, With(profile));
  EXPECT_EQ(verdict.outside, Outside::kProfileUnusable);
  EXPECT_THAT(verdict.message, HasSubstr("HostingProfile cloud: spec.since: 7 is not a year"));
  EXPECT_EQ(Claim(Labelled(Node("n")), {region}, With(profile)), region);
  profile = Profile();
  profile.locations[0].provider_id_pattern = "(";
  EXPECT_THAT(TroubleOf(*region, &profile).message,
              HasSubstr("HostingProfile cloud: spec.locations[0].providerIDPattern: \"(\" is no regular expression"));
  profile.state = api::HostingProfile::State::kDefunct;
  EXPECT_EQ(TroubleOf(*region, &profile).outside, Outside::kProfileUnusable) << "what cannot be read says nothing";
  auto invalid = ByProfile();
  invalid.invalid = "spec.country: is missing";
  EXPECT_EQ(TroubleOf(invalid, nullptr).outside, Outside::kRegionUnusable) << "its own spec first";
}

// The plan for a node of region france, which names the profile, with one pod on it that is an hour old.
NodePlan PlanOf(const api::Node& node, const std::vector<ProfilePtr>& profiles) {
  NodeObservation observed;
  observed.node = Ptr(node);
  observed.regions = Ptrs(ByProfile());
  observed.pods = Ptrs(test::Pod("p", node.meta.key.name));
  observed.profiles = profiles;
  return PlanNode(observed, kNow);
}

TEST(NodePlanWithProfile, AMissingOneChangesNothingAndEvictsNobody) {
  for (const auto& node : {Labelled(Node("n")), Labelled(Frankfurt()), test::Lost(Frankfurt())}) {
    const NodePlan plan = PlanOf(node, {});
    EXPECT_TRUE(plan.patch.is_null()) << plan.patch;
    EXPECT_TRUE(plan.evictions.empty());
  }
}

TEST(NodePlanWithProfile, ADefunctOneLosesTheNode) {
  auto profile = Profile();
  profile.state = api::HostingProfile::State::kDefunct;
  profile.since = "2020";
  const NodePlan plan = PlanOf(Labelled(Node("n")), Ptrs(profile));
  const api::Node after = test::Patched(Labelled(Node("n")), plan.patch);
  EXPECT_EQ(after.region_label, "");
  EXPECT_EQ(after.lost_region_label, "france");
  ASSERT_FALSE(plan.events.empty());
  EXPECT_THAT(plan.events[0].note, HasSubstr("defunct since 2020"));
  EXPECT_EQ(plan.look_again, 30s) << "the grace period";
}

TEST(NodePlanWithProfile, OneThatAppearsLabelsTheNode) {
  const NodePlan plan = PlanOf(Node("n"), Ptrs(Profile()));
  EXPECT_EQ(test::Patched(Node("n"), plan.patch).region_label, "france");
}

}  // namespace
}  // namespace rempart::perimeter
