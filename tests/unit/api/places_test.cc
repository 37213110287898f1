#include "operator/api/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rempart::api {
namespace {

using ::testing::ElementsAre;

SovereignRegion Region() {
  SovereignRegion region;
  region.country = "FR";
  region.locations = {{"fr-par", {"fr-par-1", "fr-par-2", "fr-par-3"}, "FR", ""},
                      {"fr-lyo", {"fr-lyo-1"}, "FR", ""},
                      {"de-fra", {"de-fra-1"}, "DE", ""}};
  return region;
}

TEST(PlacesOf, AreTheZonesOfTheRegionsOwnCountryEachOnce) {
  auto region = Region();
  region.locations.push_back({"fr-par", {"fr-par-1"}, "FR", "^kwok://"});
  const auto places = PlacesOf(region, nullptr);
  EXPECT_THAT(places, ElementsAre(Place{"fr-lyo", "fr-lyo-1"}, Place{"fr-par", "fr-par-1"}, Place{"fr-par", "fr-par-2"},
                                  Place{"fr-par", "fr-par-3"}));
}

TEST(PlacesOf, WithAProfileAreThoseThatBothHave) {
  auto region = Region();
  HostingProfile profile;
  profile.locations = {{"fr-par", {"fr-par-1"}, "FR", ""},
                       {"fr-par", {"fr-par-2"}, "FR", "", false},
                       {"fr-mrs", {"fr-mrs-1"}, "FR", ""},
                       {"fr-lyo", {"fr-lyo-1"}, "FR", ""},
                       {"de-fra", {"de-fra-1"}, "DE", ""}};
  profile.refused = {{"fr-lyo", "closed"}};
  EXPECT_THAT(PlacesOf(region, &profile), ElementsAre(Place{"fr-par", "fr-par-1"}, Place{"fr-par", "fr-par-2"}));
  region.locations.clear();
  EXPECT_THAT(PlacesOf(region, &profile), ElementsAre(Place{"fr-mrs", "fr-mrs-1"}, Place{"fr-par", "fr-par-1"}))
      << "and by itself those that are confirmed";
}

}  // namespace
}  // namespace rempart::api
