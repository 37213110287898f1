#include "operator/api/sovereign_region.h"

#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

using namespace std::chrono_literals;

Json France() {
  return {{"metadata", MetaJson("france")},
          {"spec",
           {{"country", "FR"},
            {"hosting",
             {{"locations",
               {{{"region", "fr-par"},
                 {"zones", {"fr-par-1", "fr-par-2"}},
                 {"country", "FR"},
                 {"providerIDPattern", "^kwok://"}},
                {{"region", "eu-west"}, {"zones", {"a"}}, {"country", "IE"}}}},
              {"onLoss", {{"action", "Cordon"}, {"gracePeriod", "45s"}, {"deadline", "1h30m"}}},
              {"taintOutsideNodes", true}}}}}};
}

SovereignRegion Region(const Json& object) {
  auto region = Decoded(object, DecodeSovereignRegion);
  EXPECT_TRUE(region) << region.error().message;
  return region.value_or(SovereignRegion());
}

std::string Invalid(const Json& object) { return Region(object).invalid; }

TEST(DecodeSovereignRegion, ReadsAll) {
  Json object = France();
  object["metadata"]["finalizers"] = {"other/one", "rempart.dev/in-use"};
  object["status"] = {{"workloads", 3}};
  const SovereignRegion region = Region(object);
  EXPECT_TRUE(region.Usable()) << region.invalid;
  EXPECT_EQ(region.meta.key.name, "france");
  EXPECT_EQ(region.meta.resource_version, 1042u);
  EXPECT_TRUE(region.has_finalizer);
  EXPECT_EQ(region.others_finalizers, std::vector<std::string>{"other/one"});
  EXPECT_EQ(region.country, "FR");
  ASSERT_EQ(region.locations.size(), 2u);
  EXPECT_EQ(region.locations[0].region, "fr-par");
  EXPECT_EQ(region.locations[0].zones, (std::vector<std::string>{"fr-par-1", "fr-par-2"}));
  EXPECT_EQ(region.locations[0].country, "FR");
  EXPECT_EQ(region.locations[0].provider_id_pattern, "^kwok://");
  EXPECT_EQ(region.locations[1].provider_id_pattern, "");
  EXPECT_EQ(region.on_loss, SovereignRegion::OnLoss::kCordon);
  EXPECT_EQ(region.grace_period, 45s);
  EXPECT_EQ(region.deadline, 90min);
  EXPECT_TRUE(region.taint_outside_nodes);
  EXPECT_EQ(region.status_json, R"({"workloads":3})");
}

TEST(DecodeSovereignRegion, LocationsAProfileOrBoth) {
  const Json both = With(France(), "/spec/hosting/profile", "outscale");
  EXPECT_EQ(Invalid(both), "");
  EXPECT_EQ(Region(both).profile, "outscale");
  EXPECT_EQ(Region(both).locations.size(), 2u);
  const Json profile_only = Without(both, "/spec/hosting/locations");
  EXPECT_EQ(Invalid(profile_only), "");
  EXPECT_TRUE(Region(profile_only).locations.empty());
  EXPECT_EQ(Region(France()).profile, "");
  EXPECT_EQ(Invalid(Without(France(), "/spec/hosting/locations")),
            "spec.hosting.locations: is missing: give at least 1, each an object with region, zones and country");
  EXPECT_NE(Invalid(With(both, "/spec/hosting/locations", Json::array())), "") << "an empty list is a mistake";
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/profile", "Outscale")),
            "spec.hosting.profile: \"Outscale\" is not a HostingProfile's name: 1 to 253 lower-case letters, digits, "
            "'-' or '.', with a letter or digit at both ends");
  EXPECT_NE(Invalid(With(France(), "/spec/hosting/profile", "")), "");
  EXPECT_NE(Invalid(With(profile_only, "/spec/hosting/profile", 7)), "");
}

TEST(DecodeSovereignRegion, DefaultsAreTheSchemas) {
  for (const Json& object :
       {Without(Without(France(), "/spec/hosting/onLoss"), "/spec/hosting/taintOutsideNodes"),
        With(With(France(), "/spec/hosting/onLoss", Json::object()), "/spec/hosting/taintOutsideNodes", false),
        With(With(France(), "/spec/hosting/onLoss", nullptr), "/spec/hosting/taintOutsideNodes", nullptr)}) {
    const SovereignRegion region = Region(object);
    EXPECT_TRUE(region.Usable()) << region.invalid;
    EXPECT_EQ(region.on_loss, SovereignRegion::OnLoss::kEvict);
    EXPECT_EQ(region.grace_period, 30s);
    EXPECT_EQ(region.deadline, 10min);
    EXPECT_FALSE(region.taint_outside_nodes);
    EXPECT_FALSE(region.has_finalizer);
    EXPECT_EQ(region.status_json, "");
  }
}

// Exact messages of one each: a person has to be able to act on them.
TEST(DecodeSovereignRegion, ARefusalSaysFieldAndFix) {
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/onLoss/action", "Evacuate")),
            R"(spec.hosting.onLoss.action: "Evacuate" is none of Evict, Cordon)");
  EXPECT_EQ(Invalid(With(France(), "/spec/country", "fr")),
            R"(spec.country: "fr" is not a country's code in two upper-case letters (ISO 3166-1 alpha-2), such as FR)");
  EXPECT_EQ(
      Invalid(Without(France(), "/spec/country")),
      "spec.country: is missing: give a country's code in two upper-case letters (ISO 3166-1 alpha-2), such as FR");
  EXPECT_EQ(
      Invalid(With(France(), "/spec/hosting/onLoss/gracePeriod", "soon")),
      R"(spec.hosting.onLoss.gracePeriod: "soon" is not a duration (a number is missing): write it like 30s, 10m or 1h30m)");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/onLoss/gracePeriod", 30)),
            "spec.hosting.onLoss.gracePeriod: 30 is not a duration: write it as text, like \"30s\" or \"10m\"");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/onLoss/deadline", "10s")),
            "spec.hosting.onLoss.deadline: 10s is shorter than gracePeriod, which is 45s: make it at least as long");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/locations/1/zones/0", "a b")),
            "spec.hosting.locations[1].zones[0]: \"a b\" is not the value of a label: 1 to 63 letters, digits, '-', "
            "'_' or '.', "
            "with a letter or digit at both ends");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/locations/0/zones/1", "fr-par-1")),
            "spec.hosting.locations[0].zones[1]: \"fr-par-1\" is there twice: name it once");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/taintOutsideNodes", "yes")),
            "spec.hosting.taintOutsideNodes: \"yes\" is neither true nor false");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/locations", Json::array())),
            "spec.hosting.locations: has 0 elements: give 1 to 100, each an object with region, zones and country");
  EXPECT_EQ(
      Invalid(With(France(), "/spec/hosting/locations/0/providerIDPattern", "a(b")),
      "spec.hosting.locations[0].providerIDPattern: \"a(b\" is not a regular expression in RE2's syntax, of 1 to 512 "
      "characters and not too costly");
  EXPECT_EQ(Invalid(Without(France(), "/spec")), "spec: is missing: give an object");
}

TEST(DecodeSovereignRegion, TheFirstProblemIsTold) {
  EXPECT_TRUE(
      Invalid(With(With(France(), "/spec/country", 7), "/spec/hosting/locations", 8)).starts_with("spec.country: 7 "));
}

TEST(DecodeSovereignRegion, WrongTypesAreRefusedEverywhere) {
  const struct {
    const char* pointer;
    const char* path;
    bool null_is_refused;  // where the field is required
  } kFields[] = {
      {"/spec", "spec", true},
      {"/spec/country", "spec.country", true},
      {"/spec/hosting", "spec.hosting", true},
      {"/spec/hosting/locations", "spec.hosting.locations", true},
      {"/spec/hosting/locations/0", "spec.hosting.locations[0]", true},
      {"/spec/hosting/locations/0/region", "spec.hosting.locations[0].region", true},
      {"/spec/hosting/locations/0/zones", "spec.hosting.locations[0].zones", true},
      {"/spec/hosting/locations/0/zones/0", "spec.hosting.locations[0].zones[0]", true},
      {"/spec/hosting/locations/0/country", "spec.hosting.locations[0].country", true},
      {"/spec/hosting/locations/0/providerIDPattern", "spec.hosting.locations[0].providerIDPattern", false},
      {"/spec/hosting/onLoss", "spec.hosting.onLoss", false},
      {"/spec/hosting/onLoss/action", "spec.hosting.onLoss.action", false},
      {"/spec/hosting/onLoss/gracePeriod", "spec.hosting.onLoss.gracePeriod", false},
      {"/spec/hosting/onLoss/deadline", "spec.hosting.onLoss.deadline", false},
      {"/spec/hosting/taintOutsideNodes", "spec.hosting.taintOutsideNodes", false},
  };
  // Nothing of this is a value of any of those fields; each is wrong for every type but its own.
  const Json kValues[] = {
      -7, 1.5, 1e300, "", "\n", std::string("\0", 1), std::string(300, 'x'), Json::array({1}), Json::array({nullptr})};
  for (const auto& field : kFields) {
    const bool any_text = std::string_view(field.path).ends_with("Pattern");  // these texts are legal patterns
    for (const Json& value : kValues) {
      if (any_text && value.is_string() && value != "") continue;
      const std::string invalid = Invalid(With(France(), field.pointer, value));
      EXPECT_TRUE(invalid.starts_with(field.path)) << field.path << " = " << value << ": " << invalid;
      EXPECT_LT(invalid.size(), 400u);
    }
    const std::string of_null = Invalid(With(France(), field.pointer, nullptr));
    EXPECT_EQ(of_null.starts_with(field.path), field.null_is_refused) << field.path << ": " << of_null;
  }
}

TEST(DecodeSovereignRegion, BoundsCountsAndLengths) {
  Json object = France();
  Json& locations = object["spec"]["hosting"]["locations"];
  const Json location = locations[0];
  locations = Json::array();
  for (int i = 0; i < 100; ++i) locations.push_back(location);
  EXPECT_EQ(Region(object).locations.size(), 100u);
  locations.push_back(location);
  EXPECT_TRUE(Invalid(object).starts_with("spec.hosting.locations: has 101 elements: give 1 to 100,"));
  EXPECT_TRUE(Region(object).locations.empty());

  object = France();
  Json& zones = object["spec"]["hosting"]["locations"][0]["zones"];
  zones = Json::array();
  for (int i = 0; i < 100; ++i) zones.push_back("z" + std::to_string(i));
  EXPECT_EQ(Invalid(object), "");
  zones.push_back("one-more");
  EXPECT_TRUE(Invalid(object).starts_with("spec.hosting.locations[0].zones: has 101 elements: give 1 to 100,"));

  const std::string pattern = "/spec/hosting/locations/0/providerIDPattern";
  EXPECT_EQ(Invalid(With(France(), pattern, std::string(512, 'a'))), "");
  EXPECT_NE(Invalid(With(France(), pattern, std::string(513, 'a'))), "");
  std::string accented;  // the schema counts characters, not bytes
  for (int i = 0; i < 512; ++i) accented += "é";
  EXPECT_EQ(Invalid(With(France(), pattern, accented)), "");
  EXPECT_NE(Invalid(With(France(), pattern, "((a{100}){100}){100}")), "") << "more repetitions than RE2 takes";
  EXPECT_NE(Invalid(With(France(), pattern, "\\pL{1000}")), "") << "a program of more than a MiB";
  EXPECT_EQ(Invalid(With(France(), pattern, "\\pL{10}")), "");
  EXPECT_EQ(Invalid(With(France(), "/spec/hosting/locations/0/region", std::string(63, 'a'))), "");
  EXPECT_NE(Invalid(With(France(), "/spec/hosting/locations/0/region", std::string(64, 'a'))), "");
}

TEST(DecodeSovereignRegion, CountriesAndLabelValues) {
  for (const char* country : {"fr", "Fr", "F", "FRA", "F1", "É", " FR", "FR "})
    EXPECT_NE(Invalid(With(France(), "/spec/country", country)), "");
  for (const char* zone : {"-a", "a-", ".a", "a_", "a/b", "é", "a\tb", "a\n"}) {
    EXPECT_NE(Invalid(With(France(), "/spec/hosting/locations/0/zones/0", zone)), "") << zone;
  }
  for (const char* zone : {"a", "A-1", "1.2_3", "eu-west-3a"}) {
    EXPECT_EQ(Invalid(With(France(), "/spec/hosting/locations/0/zones/0", zone)), "") << zone;
  }
}

TEST(DecodeSovereignRegion, Durations) {
  const std::string grace = "/spec/hosting/onLoss/gracePeriod";
  EXPECT_EQ(Region(With(France(), grace, "0s")).grace_period, 0s);
  EXPECT_EQ(Region(With(France(), grace, "1h30m")).grace_period, 90min);  // as long as the deadline: allowed
  EXPECT_NE(Invalid(With(France(), grace, "1h30m1s")), "");
  EXPECT_NE(Invalid(With(France(), grace, "-30s")), "");
  EXPECT_NE(Invalid(With(France(), grace, "30")), "");
  const std::string deadline = "/spec/hosting/onLoss/deadline";
  EXPECT_EQ(Region(With(France(), deadline, "400000h")).deadline, std::chrono::hours(400'000));
  EXPECT_EQ(Invalid(With(France(), deadline, "400001h")),
            "spec.hosting.onLoss.deadline: \"400001h\" is longer than 400000h: write a shorter time, like 10m");
  // The default counts too: a grace period above ten minutes needs a deadline.
  EXPECT_NE(Invalid(Without(With(France(), grace, "11m"), deadline)), "");
}

TEST(DecodeSovereignRegion, TheNameHasToBeALabelsValue) {
  EXPECT_EQ(Invalid(With(France(), "/metadata/name", std::string(63, 'a'))), "");
  EXPECT_TRUE(Invalid(With(France(), "/metadata/name", std::string(64, 'a'))).starts_with("metadata.name: "));
}

TEST(DecodeSovereignRegion, UnreadableMetadataIsAnError) {
  for (const char* pointer : {"/metadata", "/metadata/name", "/metadata/uid", "/metadata/resourceVersion"}) {
    const auto region = Decoded(Without(France(), pointer), DecodeSovereignRegion);
    ASSERT_FALSE(region) << pointer;
    EXPECT_EQ(region.error().kind, ErrorKind::kInvalid);
    EXPECT_TRUE(region.error().message.starts_with("decode SovereignRegion: ")) << region.error().message;
  }
}

TEST(DecodeSovereignRegion, AStatusThatIsNoneOfOursIsDropped) {
  EXPECT_EQ(Region(With(France(), "/status", "x")).status_json, "");
  EXPECT_EQ(Region(With(France(), "/status", {{"a", std::string(270'000, 'x')}})).status_json, "");
  EXPECT_EQ(Region(With(France(), "/status", Json::object())).status_json, "{}");
}

}  // namespace
}  // namespace rempart::api
