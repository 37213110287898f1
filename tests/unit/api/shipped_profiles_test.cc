// What the chart ships says what is known of each system, and no more: what is not sure is not confirmed.
#include "tests/unit/api/shipped_profiles.h"

#include <gmock/gmock.h>

#include <map>

namespace rempart::api {
namespace {

using test::ShippedManifest;
using test::ShippedProfile;
using test::ShippedProfileNames;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using State = HostingProfile::State;

// "FR eu-west-2/eu-west-2a", "FR GRA7/nova?" where it is not confirmed.
std::vector<std::string> PlacesOf(const HostingProfile& profile) {
  std::vector<std::string> places;
  for (const Location& at : profile.locations)
    for (const auto& zone : at.zones)
      places.push_back(at.country + " " + at.region + "/" + zone + (at.confirmed ? "" : "?"));
  return places;
}

std::vector<std::string> RefusedBy(const HostingProfile& profile) {
  std::vector<std::string> regions;
  for (const auto& refused : profile.refused) regions.push_back(refused.region);
  return regions;
}

TEST(ShippedProfiles, AreThese) {
  EXPECT_THAT(ShippedProfileNames(),
              ElementsAre("aws-european-sovereign-cloud", "bleu", "cloud-temple", "cloudwatt", "numergy", "outscale",
                          "ovhcloud", "ovhcloud-anthos", "s3ns", "s3ns-crypt3ns", "worldline"));
}

TEST(ShippedProfiles, CanAllBeUsed) {
  for (const auto& name : ShippedProfileNames()) {
    const Json manifest = ShippedManifest(name);
    ASSERT_TRUE(manifest.is_object()) << name;
    EXPECT_EQ(manifest.value("apiVersion", ""), "rempart.dev/v1alpha1") << name;
    EXPECT_EQ(manifest.value("kind", ""), "HostingProfile") << name;
    const HostingProfile profile = ShippedProfile(name);
    EXPECT_EQ(profile.invalid, "") << name;
    EXPECT_EQ(profile.meta.key.name, name) << "as its file";
    for (const Location& at : profile.locations) {
      EXPECT_NE(at.source, "") << name << " " << at.region << ": where is that from?";
      if (!at.confirmed) EXPECT_NE(at.note + at.source, "") << name << " " << at.region;
    }
  }
}

// The decoder leaves unknown members alone, the API server would refuse or drop them.
TEST(ShippedProfiles, HaveNoMisspelledField) {
  const std::map<std::string, std::vector<std::string>> known = {
      {"", {"system", "provider", "state", "since", "note", "expires", "locations", "refuse", "requiredNodeLabels"}},
      {"locations", {"region", "zones", "country", "providerIDPattern", "confirmed", "source", "note"}},
      {"refuse", {"region", "why"}},
      {"requiredNodeLabels", {"key", "values"}}};
  const auto check = [&](const std::string& where, const Json& object) {
    for (const auto& [key, value] : object.items())
      EXPECT_THAT(known.at(where), ::testing::Contains(key)) << where << " " << object;
  };
  for (const auto& name : ShippedProfileNames()) {
    const Json spec = ShippedManifest(name).at("spec");
    check("", spec);
    for (const char* list : {"locations", "refuse", "requiredNodeLabels"})
      for (const Json& element : spec.value(list, Json::array())) check(list, element);
  }
}

TEST(ShippedProfiles, S3ns) {
  const auto profile = ShippedProfile("s3ns");
  EXPECT_EQ(profile.state, State::kLive);
  EXPECT_THAT(PlacesOf(profile),
              ElementsAre("FR u-france-east1/u-france-east1-a?", "FR u-france-east1/u-france-east1-b?",
                          "FR u-france-east1/u-france-east1-c?"))
      << "the names are sure, that nodes carry them is not";
  EXPECT_THAT(profile.note, ::testing::HasSubstr("s3nsapis.fr"));
}

TEST(ShippedProfiles, Crypt3ns) {
  const auto profile = ShippedProfile("s3ns-crypt3ns");
  EXPECT_EQ(profile.state, State::kLive);
  for (const auto& place : PlacesOf(profile)) EXPECT_TRUE(place.starts_with("FR europe-west9/europe-west9-")) << place;
  EXPECT_THAT(RefusedBy(profile), ElementsAre("europe-west1", "europe-west4"));
}

TEST(ShippedProfiles, Bleu) {
  const auto profile = ShippedProfile("bleu");
  EXPECT_EQ(profile.state, State::kOpening);
  ASSERT_EQ(profile.locations.size(), 2u);
  EXPECT_EQ(profile.locations[0].region, "bleufrancecentral");
  EXPECT_EQ(profile.locations[1].region, "bleufrancesouth");
  for (const Location& at : profile.locations) EXPECT_FALSE(at.confirmed) << "its zones are not known";
  EXPECT_THAT(profile.note, ::testing::HasSubstr("AzureBleuCloud"));
}

TEST(ShippedProfiles, NothingOfAwsIsInFrance) {
  const auto profile = ShippedProfile("aws-european-sovereign-cloud");
  EXPECT_THAT(PlacesOf(profile),
              ElementsAre("DE eusc-de-east-1/eusc-de-east-1a?", "DE eusc-de-east-1/eusc-de-east-1b?"));
}

TEST(ShippedProfiles, Ovhcloud) {
  const auto profile = ShippedProfile("ovhcloud");
  EXPECT_EQ(profile.state, State::kLive);
  EXPECT_THAT(PlacesOf(profile), ElementsAre("FR EU-WEST-PAR/eu-west-par-a", "FR EU-WEST-PAR/eu-west-par-b",
                                             "FR EU-WEST-PAR/eu-west-par-c", "FR GRA7/nova?", "FR RBX-A/nova?"));
  EXPECT_THAT(RefusedBy(profile),
              UnorderedElementsAre("eu-west-lim", "eu-west-eri", "eu-west-lz-bru", "eu-west-lz-lux"));
}

TEST(ShippedProfiles, Outscale) {
  const auto profile = ShippedProfile("outscale");
  EXPECT_EQ(profile.state, State::kLive);
  EXPECT_THAT(
      PlacesOf(profile),
      ElementsAre("FR eu-west-2/eu-west-2a", "FR eu-west-2/eu-west-2b", "FR cloudgouv-eu-west-1/cloudgouv-eu-west-1a",
                  "FR cloudgouv-eu-west-1/cloudgouv-eu-west-1b?", "FR cloudgouv-eu-west-1/cloudgouv-eu-west-1c?"));
  for (const auto& region : RefusedBy(profile))
    EXPECT_TRUE(region.starts_with("us-") || region.starts_with("ap-")) << region;
  ASSERT_EQ(profile.required_labels.size(), 1u);
  EXPECT_EQ(profile.required_labels[0].key, "topology.outscale.com/net");
  EXPECT_THAT(profile.required_labels[0].values, IsEmpty());
}

TEST(ShippedProfiles, CloudTemple) {
  EXPECT_THAT(PlacesOf(ShippedProfile("cloud-temple")), ElementsAre("FR FR1/AZ05", "FR FR1/AZ06", "FR FR1/AZ07"));
}

TEST(ShippedProfiles, WorldlineIsATemplate) {
  const auto profile = ShippedProfile("worldline");
  EXPECT_EQ(profile.state, State::kLive);
  EXPECT_THAT(profile.locations, IsEmpty());
}

TEST(ShippedProfiles, DefunctSystemsSaySinceWhenAndWhy) {
  const std::map<std::string, std::string> since = {
      {"ovhcloud-anthos", "2022-11"}, {"cloudwatt", "2020-02-01"}, {"numergy", "2016"}};
  for (const auto& name : ShippedProfileNames()) {
    const auto profile = ShippedProfile(name);
    EXPECT_EQ(profile.state == State::kDefunct, since.contains(name)) << name;
    EXPECT_EQ(profile.expires.has_value(), since.contains(name)) << name;
    if (!since.contains(name)) continue;
    EXPECT_EQ(profile.since, since.at(name));
    EXPECT_THAT(profile.locations, IsEmpty());
    EXPECT_NE(profile.note, "");
  }
}

}  // namespace
}  // namespace rempart::api
