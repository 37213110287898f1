#include "operator/perimeter/qualification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <set>

#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::Frankfurt;
using test::Germany;
using test::Labelled;
using test::Node;
using test::Place;
using test::Region;
using ::testing::HasSubstr;

// France as two hosting systems and a foreign neighbour declare it; see the rows.
api::SovereignRegion Providers() {
  api::SovereignRegion region = Region();
  region.locations = {
      Place("fr-par", {"fr-par-1", "fr-par-2"}, "FR"),
      Place("GRA7", {"nova"}, "FR"),
      Place("eu-west-par", {"eu-west-par-a", "eu-west-par-b", "eu-west-par-c"}, "FR"),
      Place("europe-west9", {"europe-west9-a"}, "FR"),
      Place("u-france-east1", {"u-france-east1-a"}, "FR"),
      Place("eu-west-2", {"eu-west-2a", "eu-west-2b"}, "FR", "^aws:///eu-west-2[ab]/i-[0-9a-f]{8}$"),
      Place("eu-west-lim", {"eu-west-lim-a"}, "DE"),
      Place("FR1", {"AZ05"}, "FR", "^ct://"),
  };
  return region;
}

struct Row {
  const char* name;
  const char* region;
  const char* zone;
  const char* provider_id;
  Outside outside;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ProviderTraps : public ::testing::TestWithParam<Row> {};

TEST_P(ProviderTraps, Verdict) {
  const Row& row = GetParam();
  api::Node node = Node("n", row.region, row.zone);
  node.provider_id = row.provider_id;
  const Verdict verdict = Qualify(node, Providers());
  EXPECT_EQ(verdict.outside, row.outside) << ToString(verdict.outside) << ": " << verdict.message;
  EXPECT_EQ(verdict.message.empty(), verdict.qualified());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ProviderTraps,
    ::testing::Values(
        Row{"DeclaredAndNoPattern", "fr-par", "fr-par-1", "", Outside::kNone},
        Row{"SecondZone", "fr-par", "fr-par-2", "x", Outside::kNone},
        Row{"ZoneNotDeclared", "fr-par", "fr-par-3", "", Outside::kUnknownLocation},
        Row{"RegionIsPrefixOfZone", "fr-par", "fr-par", "", Outside::kUnknownLocation},
        Row{"ZoneInPlaceOfRegion", "fr-par-1", "fr-par-1", "", Outside::kUnknownLocation},
        Row{"LongerZone", "fr-par", "fr-par-10", "", Outside::kUnknownLocation},
        Row{"LongerRegion", "fr-par2", "fr-par-1", "", Outside::kUnknownLocation},
        Row{"ShorterZone", "fr-par", "fr-par-", "", Outside::kUnknownLocation},
        Row{"CaseOfRegion", "FR-PAR", "fr-par-1", "", Outside::kUnknownLocation},
        Row{"CaseOfZone", "fr-par", "fr-Par-1", "", Outside::kUnknownLocation},
        Row{"TrailingSpaceInZone", "fr-par", "fr-par-1 ", "", Outside::kUnknownLocation},
        Row{"LeadingSpaceInRegion", " fr-par", "fr-par-1", "", Outside::kUnknownLocation},
        Row{"TrailingNewline", "fr-par", "fr-par-1\n", "", Outside::kUnknownLocation},
        Row{"SpaceOnly", " ", "fr-par-1", "", Outside::kUnknownLocation},
        Row{"ZoneOfAnotherLocation", "fr-par", "europe-west9-a", "", Outside::kUnknownLocation},
        Row{"NoRegion", "", "fr-par-1", "", Outside::kNoLocation},
        Row{"NoZone", "fr-par", "", "", Outside::kNoLocation},
        // OVHcloud: every old region's zone is nova, which locates nothing.
        Row{"OvhGravelines", "GRA7", "nova", "openstack:///x", Outside::kNone},
        Row{"OvhLondonNova", "UK1", "nova", "openstack:///x", Outside::kUnknownLocation},
        Row{"OvhFrankfurtNova", "DE1", "nova", "openstack:///x", Outside::kUnknownLocation},
        Row{"OvhNovaAlone", "nova", "nova", "openstack:///x", Outside::kUnknownLocation},
        Row{"OvhParis", "eu-west-par", "eu-west-par-c", "", Outside::kNone},
        Row{"OvhLimburgIsGermany", "eu-west-lim", "eu-west-lim-a", "", Outside::kOtherCountry},
        Row{"OvhErithIsBritain", "eu-west-eri", "eu-west-eri-a", "", Outside::kUnknownLocation},
        Row{"OvhLocalZoneBrussels", "eu-west-lz-bru", "eu-west-lz-bru-a", "", Outside::kUnknownLocation},
        // Google's names: Paris, and neighbours that begin alike.
        Row{"GoogleParis", "europe-west9", "europe-west9-a", "gce://p/europe-west9-a/n", Outside::kNone},
        Row{"GoogleBelgium", "europe-west1", "europe-west1-b", "gce://p/europe-west1-b/n", Outside::kUnknownLocation},
        Row{"GoogleNetherlands", "europe-west4", "europe-west4-a", "gce://p/europe-west4-a/n",
            Outside::kUnknownLocation},
        Row{"S3ns", "u-france-east1", "u-france-east1-a", "", Outside::kNone},
        Row{"S3nsZoneNotDeclared", "u-france-east1", "u-france-east1-b", "", Outside::kUnknownLocation},
        // Outscale's eu-west-2 is in France, Amazon's in London; both write aws:///eu-west-2a/i-…: only the length of
        // the instance id differs.
        Row{"Outscale", "eu-west-2", "eu-west-2a", "aws:///eu-west-2a/i-0a1b2c3d", Outside::kNone},
        Row{"AmazonLondon", "eu-west-2", "eu-west-2a", "aws:///eu-west-2a/i-0a1b2c3d4e5f60718",
            Outside::kProviderMismatch},
        Row{"OutscaleWithoutProvider", "eu-west-2", "eu-west-2a", "", Outside::kProviderMissing},
        Row{"OutscaleThirdZone", "eu-west-2", "eu-west-2c", "aws:///eu-west-2c/i-0a1b2c3d", Outside::kUnknownLocation},
        Row{"ProviderWithNewline", "eu-west-2", "eu-west-2a", "aws:///eu-west-2a/i-0a1b2c3d\n",
            Outside::kProviderMismatch},
        Row{"ProviderOnASecondLine", "eu-west-2", "eu-west-2a", "x\naws:///eu-west-2a/i-0a1b2c3d",
            Outside::kProviderMismatch},
        Row{"ProviderInAnotherCase", "eu-west-2", "eu-west-2a", "AWS:///eu-west-2a/i-0a1b2c3d",
            Outside::kProviderMismatch},
        Row{"CloudTemple", "FR1", "AZ05", "ct://n", Outside::kNone},
        Row{"CloudTemplePatternNotAtStart", "FR1", "AZ05", "xct://n", Outside::kProviderMismatch},
        Row{"CloudTempleCase", "fr1", "az05", "ct://n", Outside::kUnknownLocation},
        Row{"UnitedStates", "us-east-1", "us-east-1a", "aws:///us-east-1a/i-0a1b2c3d", Outside::kUnknownLocation}),
    [](const auto& test) { return test.param.name; });

TEST(Qualify, PatternIsSearchedNotAnchored) {
  api::SovereignRegion region = Region();
  region.locations = {Place("fr-par", {"fr-par-1"}, "FR", "par-[0-9]")};
  api::Node node = Node("n");
  node.provider_id = "scaleway://instance/fr-par-1/abc";
  EXPECT_TRUE(Qualify(node, region).qualified());
}

struct LegacyRow {
  const char* region;
  const char* zone;
  Outside outside;
};
TEST(Qualify, OldLabelsMustAgreeWhereTheyAreSet) {
  for (const LegacyRow& row :
       {LegacyRow{"", "", Outside::kNone}, LegacyRow{"fr-par", "", Outside::kNone},
        LegacyRow{"", "fr-par-1", Outside::kNone}, LegacyRow{"fr-par", "fr-par-1", Outside::kNone},
        LegacyRow{"de-fra", "", Outside::kLabelsDisagree}, LegacyRow{"", "fr-par-2", Outside::kLabelsDisagree},
        LegacyRow{"fr-par", "FR-PAR-1", Outside::kLabelsDisagree},
        LegacyRow{"fr-par ", "fr-par-1", Outside::kLabelsDisagree}}) {
    api::Node node = Node("n");
    node.legacy_region = row.region;
    node.legacy_zone = row.zone;
    EXPECT_EQ(Qualify(node, Region()).outside, row.outside) << row.region << "/" << row.zone;
  }
}

TEST(Qualify, OldLabelsAloneAreNoLocation) {
  api::Node node = Node("n", "", "");
  node.legacy_region = "fr-par";
  node.legacy_zone = "fr-par-1";
  EXPECT_EQ(Qualify(node, Region()).outside, Outside::kNoLocation);
}

TEST(Qualify, ALocationThatTwoCountriesDeclareIsTheirsWhoseProviderIdMatches) {
  api::SovereignRegion region = Region();
  region.locations = {Place("eu-west-2", {"eu-west-2a"}, "GB", "/i-[0-9a-f]{17}$"),
                      Place("eu-west-2", {"eu-west-2a"}, "FR", "/i-[0-9a-f]{8}$")};
  api::Node node = Node("n", "eu-west-2", "eu-west-2a");
  node.provider_id = "aws:///eu-west-2a/i-0a1b2c3d";
  EXPECT_TRUE(Qualify(node, region).qualified());
  node.provider_id = "aws:///eu-west-2a/i-0a1b2c3d4e5f60718";
  EXPECT_EQ(Qualify(node, region).outside, Outside::kOtherCountry);
  node.provider_id = "";
  EXPECT_EQ(Qualify(node, region).outside, Outside::kProviderMissing);
  node.provider_id = "gce://x";
  EXPECT_EQ(Qualify(node, region).outside, Outside::kProviderMismatch);
}

TEST(Qualify, TwoCountriesThatBothMatchDisagreeSoTheNodeIsOutside) {
  api::SovereignRegion region = Region();
  for (const auto& [a, b] : {std::pair{"FR", "GB"}, {"GB", "FR"}}) {
    region.locations = {Place("eu-west-2", {"eu-west-2a"}, a, "^aws://"), Place("eu-west-2", {"eu-west-2a"}, b)};
    api::Node node = Node("n", "eu-west-2", "eu-west-2a");
    node.provider_id = "aws:///eu-west-2a/i-0a1b2c3d";
    const Verdict verdict = Qualify(node, region);
    EXPECT_EQ(verdict.outside, Outside::kOtherCountry);
    EXPECT_THAT(verdict.message, HasSubstr("GB"));
  }
}

TEST(Qualify, AnyOfSeveralEntriesForOneZoneSuffices) {
  api::SovereignRegion region = Region();
  region.locations = {Place("fr-par", {"fr-par-1"}, "FR", "^scaleway://"),
                      Place("fr-par", {"fr-par-1"}, "FR", "^kwok://")};
  EXPECT_TRUE(Qualify(Node("n"), region).qualified());
}

TEST(Qualify, ARegionBeingDeletedKeepsQualifying) {
  api::SovereignRegion region = Region();
  region.meta.deleting = true;
  EXPECT_TRUE(Qualify(Node("n"), region).qualified());
}

TEST(Qualify, WhatTheDecoderRefusedQualifiesNothing) {
  api::SovereignRegion region = Region();
  region.invalid = "spec.hosting.onLoss.gracePeriod: \"soon\" is no duration: write 30s";
  const Verdict verdict = Qualify(Node("n"), region);
  EXPECT_EQ(verdict.outside, Outside::kRegionUnusable);
  EXPECT_THAT(verdict.message, HasSubstr("gracePeriod"));
}

TEST(Qualify, OneBadPatternMakesTheWholeRegionUnusable) {
  api::SovereignRegion region = Region();
  region.locations.push_back(Place("fr-lyo", {"fr-lyo-1"}, "FR", "^kwok://("));
  EXPECT_EQ(Qualify(Node("n"), region).outside, Outside::kRegionUnusable)
      << "the node matches the first, sound location";
  EXPECT_THAT(SpecProblem(region), HasSubstr("spec.hosting.locations[1].providerIDPattern"));
}

TEST(SpecProblem, NamesFieldAndFix) {
  EXPECT_EQ(SpecProblem(Region()), "");
  api::SovereignRegion region = Region();
  region.locations[0].provider_id_pattern = std::string(2049, 'a');
  EXPECT_THAT(SpecProblem(region), HasSubstr("spec.hosting.locations[0].providerIDPattern"));
  region.locations[0].provider_id_pattern = "(?=look-ahead)";  // Perl has it, RE2 does not
  EXPECT_THAT(SpecProblem(region), HasSubstr("RE2"));
  region.locations[0].provider_id_pattern = "((a{100}){100}){100}";  // would take more memory than a pattern may
  EXPECT_THAT(SpecProblem(region), HasSubstr("providerIDPattern"));
  EXPECT_EQ(SpecProblem(Region(std::string(63, 'f'))), "");
  EXPECT_THAT(SpecProblem(Region(std::string(64, 'f'))), HasSubstr("metadata.name"));
  EXPECT_THAT(SpecProblem(Region("france", "")), HasSubstr("spec.country"));
}

TEST(Qualify, MessagesSayWhatWasFoundAndWhatIsNeeded) {
  api::SovereignRegion region = Region();
  EXPECT_THAT(Qualify(Frankfurt(), region).message,
              HasSubstr("zone \"de-fra-1\" of region \"de-fra\" is not declared in spec.hosting.locations"));
  EXPECT_THAT(Qualify(Node("n", "fr-par", ""), region).message, HasSubstr("topology.kubernetes.io/zone is not set"));
  EXPECT_THAT(Qualify(Node("n", "FR-PAR", "fr-par-1"), region).message,
              HasSubstr("zone \"fr-par-1\" of region \"fr-par\" is"));
  api::Node node = Node("n");
  node.provider_id = "aws:///eu-west-2a/i-1";
  EXPECT_THAT(Qualify(node, region).message,
              testing::AllOf(HasSubstr("aws:///eu-west-2a/i-1"),
                             HasSubstr("spec.hosting.locations[0].providerIDPattern"), HasSubstr("^kwok://")));
  node.provider_id = std::string(1 << 20, 'x');
  EXPECT_LE(Qualify(node, region).message.size(), 400u) << "a node's text does not make a message long";
}

TEST(Outside, EachReasonHasItsOwnName) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Outside::kNodeLabelMismatch); ++i)
    names.insert(ToString(static_cast<Outside>(i)));
  EXPECT_EQ(names.size(), 16u);
  EXPECT_FALSE(names.contains("Unknown"));
}

}  // namespace
}  // namespace rempart::perimeter
