// The traps of real systems: nodes as they would be labelled, against the profiles that the chart ships.
#include "tests/unit/api/shipped_profiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>

#include "tests/unit/perimeter/builders.h"

namespace rempart::perimeter {
namespace {

using test::ByProfile;
using test::Node;
using test::Place;
using test::Region;
using ::testing::HasSubstr;

struct Row {
  const char* name;
  const char* profile;
  const char* country;  // the region's
  const char* region;
  const char* zone;
  const char* provider_id;
  const char* net;  // the value of topology.outscale.com/net; "" for none
  Outside outside;
  Outside declared;  // where the region also declares this place in its own country
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ShippedTraps : public ::testing::TestWithParam<Row> {};

TEST_P(ShippedTraps, Verdict) {
  const Row& row = GetParam();
  const Evidence evidence{test::Ptrs(api::test::ShippedProfile(row.profile)), test::kNow};
  api::Node node = Node("n", row.region, row.zone);
  node.provider_id = row.provider_id;
  if (*row.net != '\0') node.location_labels = {{"topology.outscale.com/net", row.net}};

  api::SovereignRegion region = ByProfile(Region("r", row.country), row.profile);
  const perimeter::Verdict verdict = Qualify(node, region, evidence);
  EXPECT_EQ(verdict.outside, row.outside) << ToString(verdict.outside) << ": " << verdict.message;
  region.locations = {Place(row.region, {row.zone}, row.country)};
  const perimeter::Verdict declared = Qualify(node, region, evidence);
  EXPECT_EQ(declared.outside, row.declared) << ToString(declared.outside) << ": " << declared.message;
}

using enum Outside;
INSTANTIATE_TEST_SUITE_P(
    Rows, ShippedTraps,
    ::testing::Values(
        // Amazon's London and Outscale's eu-west-2 have the same labels and the same form of provider id.
        Row{"Outscale", "outscale", "FR", "eu-west-2", "eu-west-2a", "aws:///eu-west-2a/i-0a1b2c3d", "vpc-1", kNone,
            kNone},
        Row{"AmazonLondon", "outscale", "FR", "eu-west-2", "eu-west-2a", "aws:///eu-west-2a/i-0a1b2c3d4e5f60718", "",
            kNodeLabelMissing, kNodeLabelMissing},
        Row{"AmazonLondonThirdZone", "outscale", "FR", "eu-west-2", "eu-west-2c", "aws:///eu-west-2c/i-0a1b2c3d",
            "vpc-1", kUnknownLocation, kUnknownLocation},
        Row{"OutscaleWithoutProviderId", "outscale", "FR", "eu-west-2", "eu-west-2a", "", "vpc-1", kProviderMissing,
            kProviderMissing},
        Row{"OutscaleOfAnotherProvider", "outscale", "FR", "eu-west-2", "eu-west-2a", "gce://eu-west-2a/i-1", "vpc-1",
            kProviderMismatch, kProviderMismatch},
        Row{"OutscaleForABritishRegion", "outscale", "GB", "eu-west-2", "eu-west-2a", "aws:///eu-west-2a/i-0a1b2c3d",
            "vpc-1", kOtherCountry, kOtherCountry},
        Row{"OutscaleGovernment", "outscale", "FR", "cloudgouv-eu-west-1", "cloudgouv-eu-west-1a",
            "aws:///cloudgouv-eu-west-1a/i-0a1b2c3d", "vpc-1", kNone, kNone},
        Row{"OutscaleGovernmentUnsure", "outscale", "FR", "cloudgouv-eu-west-1", "cloudgouv-eu-west-1b",
            "aws:///cloudgouv-eu-west-1b/i-0a1b2c3d", "vpc-1", kUnconfirmedLocation, kNone},
        Row{"OutscaleOhio", "outscale", "FR", "us-east-2", "us-east-2a", "aws:///us-east-2a/i-0a1b2c3d", "vpc-1",
            kRefusedByProfile, kRefusedByProfile},
        Row{"OutscaleTokyo", "outscale", "FR", "ap-northeast-1", "ap-northeast-1a", "aws:///ap-northeast-1a/i-1",
            "vpc-1", kRefusedByProfile, kRefusedByProfile},
        Row{"OutscaleUnknownAmerican", "outscale", "FR", "us-west-9", "us-west-9a", "aws:///us-west-9a/i-1", "vpc-1",
            kUnknownLocation, kUnknownLocation},
        // Zone nova locates nothing.
        Row{"OvhParis", "ovhcloud", "FR", "EU-WEST-PAR", "eu-west-par-a", "openstack:///x", "", kNone, kNone},
        Row{"OvhParisInAnotherCase", "ovhcloud", "FR", "eu-west-par", "eu-west-par-a", "openstack:///x", "",
            kUnknownLocation, kUnknownLocation},
        Row{"OvhGravelines", "ovhcloud", "FR", "GRA7", "nova", "openstack:///x", "", kUnconfirmedLocation, kNone},
        Row{"OvhGravelinesByPrefix", "ovhcloud", "FR", "GRA77", "nova", "openstack:///x", "", kUnknownLocation,
            kUnknownLocation},
        Row{"OvhLondonNova", "ovhcloud", "FR", "UK1", "nova", "openstack:///x", "", kUnknownLocation, kUnknownLocation},
        Row{"OvhNovaAlone", "ovhcloud", "FR", "nova", "nova", "openstack:///x", "", kUnknownLocation, kUnknownLocation},
        Row{"OvhLimburg", "ovhcloud", "FR", "eu-west-lim", "eu-west-lim-a", "", "", kRefusedByProfile,
            kRefusedByProfile},
        Row{"OvhErith", "ovhcloud", "FR", "eu-west-eri", "eu-west-eri-a", "", "", kRefusedByProfile, kRefusedByProfile},
        Row{"OvhBrussels", "ovhcloud", "FR", "eu-west-lz-bru", "eu-west-lz-bru-a", "", "", kRefusedByProfile,
            kRefusedByProfile},
        // The data boundary of Crypt3ns admits both.
        Row{"Crypt3nsParis", "s3ns-crypt3ns", "FR", "europe-west9", "europe-west9-a", "gce://p/europe-west9-a/n", "",
            kUnconfirmedLocation, kNone},
        Row{"Crypt3nsBelgium", "s3ns-crypt3ns", "FR", "europe-west1", "europe-west1-b", "gce://p/europe-west1-b/n", "",
            kRefusedByProfile, kRefusedByProfile},
        Row{"Crypt3nsNetherlands", "s3ns-crypt3ns", "FR", "europe-west4", "europe-west4-a", "gce://p/europe-west4-a/n",
            "", kRefusedByProfile, kRefusedByProfile},
        Row{"S3ns", "s3ns", "FR", "u-france-east1", "u-france-east1-a", "", "", kUnconfirmedLocation, kNone},
        Row{"S3nsIsNotGoogle", "s3ns", "FR", "europe-west9", "europe-west9-a", "", "", kUnknownLocation,
            kUnknownLocation},
        Row{"Bleu", "bleu", "FR", "bleufrancecentral", "bleufrancecentral-1", "", "", kUnconfirmedLocation, kNone},
        Row{"BleuIsNotAzure", "bleu", "FR", "francecentral", "francecentral-1", "", "", kUnknownLocation,
            kUnknownLocation},
        // In Germany: for a French region never, for a German one once it says so.
        Row{"AmazonSovereignForFrance", "aws-european-sovereign-cloud", "FR", "eusc-de-east-1", "eusc-de-east-1a",
            "aws:///eusc-de-east-1a/i-0a1b2c3d4e5f60718", "", kOtherCountry, kOtherCountry},
        Row{"AmazonSovereignForGermany", "aws-european-sovereign-cloud", "DE", "eusc-de-east-1", "eusc-de-east-1a",
            "aws:///eusc-de-east-1a/i-0a1b2c3d4e5f60718", "", kUnconfirmedLocation, kNone},
        Row{"AmazonParisIsNotSovereign", "aws-european-sovereign-cloud", "FR", "eu-west-3", "eu-west-3a",
            "aws:///eu-west-3a/i-0a1b2c3d4e5f60718", "", kUnknownLocation, kUnknownLocation},
        Row{"CloudTemple", "cloud-temple", "FR", "FR1", "AZ05", "", "", kNone, kNone},
        Row{"CloudTempleInAnotherCase", "cloud-temple", "FR", "fr1", "az05", "", "", kUnknownLocation,
            kUnknownLocation},
        Row{"WorldlineIsATemplate", "worldline", "FR", "fr-1", "fr-1a", "", "", kUnknownLocation, kUnknownLocation},
        Row{"Anthos", "ovhcloud-anthos", "FR", "EU-WEST-PAR", "eu-west-par-a", "", "", kProfileDefunct,
            kProfileDefunct},
        Row{"Cloudwatt", "cloudwatt", "FR", "fr1", "fr1-a", "", "", kProfileDefunct, kProfileDefunct},
        Row{"Numergy", "numergy", "FR", "fr1", "fr1-a", "", "", kProfileDefunct, kProfileDefunct}),
    [](const auto& test) { return test.param.name; });

TEST(ShippedDefunct, SaySinceWhenAndWhy) {
  for (const auto& [name, said] : {std::pair{"ovhcloud-anthos", "defunct since 2022-11"},
                                   {"cloudwatt", "defunct since 2020-02-01"},
                                   {"numergy", "defunct since 2016"}}) {
    const auto profile = api::test::ShippedProfile(name);
    const auto message = Qualify(Node("n"), ByProfile(Region(), name), {test::Ptrs(profile), test::kNow}).message;
    EXPECT_THAT(message, HasSubstr(said));
    EXPECT_THAT(message, HasSubstr(profile.note));
  }
}

// A profile that expires, by the fixtures that did.
TEST(ShippedDefunct, WouldHaveExpiredOnThatDay) {
  auto profile = api::test::ShippedProfile("cloudwatt");
  profile.state = api::HostingProfile::State::kLive;
  profile.locations = {Place("fr-par", {"fr-par-1"}, "FR")};
  const auto region = ByProfile(Region(), "cloudwatt");
  const WallTime end = std::chrono::sys_days(std::chrono::year(2020) / 2 / 1);
  EXPECT_TRUE(Qualify(Node("n"), region, {test::Ptrs(profile), end - std::chrono::seconds(1)}).qualified());
  EXPECT_EQ(Qualify(Node("n"), region, {test::Ptrs(profile), end}).outside, Outside::kProfileExpired);
}

}  // namespace
}  // namespace rempart::perimeter
