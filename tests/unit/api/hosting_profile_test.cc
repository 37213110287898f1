#include "operator/api/hosting_profile.h"

#include "operator/api/observed.h"
#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

using namespace std::chrono_literals;
using State = HostingProfile::State;

Json Outscale() {
  return {{"metadata", MetaJson("outscale")},
          {"spec",
           {{"system", "3DS Outscale"},
            {"provider", "Outscale"},
            {"state", "Opening"},
            {"since", "2017-06"},
            {"note", "a note"},
            {"expires", "2027-01-31T00:00:00Z"},
            {"locations",
             {{{"region", "eu-west-2"},
               {"zones", {"eu-west-2a", "eu-west-2b"}},
               {"country", "FR"},
               {"providerIDPattern", "^aws:///"},
               {"source", "its documentation"}},
              {{"region", "cloudgouv-eu-west-1"},
               {"zones", {"cloudgouv-eu-west-1b"}},
               {"country", "FR"},
               {"confirmed", false},
               {"note", "third parties say so"}}}},
            {"refuse", Json::array({{{"region", "us-east-2"}, {"why", "it is in the United States"}}})},
            {"requiredNodeLabels",
             {{{"key", "topology.outscale.com/net"}},
              {{"key", "hosting.node-restriction.kubernetes.io/provider"}, {"values", {"outscale"}}}}}}}};
}

HostingProfile Profile(const Json& object) {
  auto profile = Decoded(object, DecodeHostingProfile);
  EXPECT_TRUE(profile) << profile.error().message;
  return profile.value_or(HostingProfile());
}

std::string Invalid(const Json& object) { return Profile(object).invalid; }

TEST(DecodeHostingProfile, ReadsAll) {
  const HostingProfile profile = Profile(Outscale());
  EXPECT_TRUE(profile.Usable()) << profile.invalid;
  EXPECT_EQ(profile.meta.key.name, "outscale");
  EXPECT_EQ(profile.system, "3DS Outscale");
  EXPECT_EQ(profile.provider, "Outscale");
  EXPECT_EQ(profile.state, State::kOpening);
  EXPECT_EQ(profile.since, "2017-06");
  EXPECT_EQ(profile.note, "a note");
  EXPECT_EQ(profile.expires, WallTime(std::chrono::sys_days(std::chrono::year(2027) / 1 / 31)));
  ASSERT_EQ(profile.locations.size(), 2u);
  EXPECT_EQ(profile.locations[0].region, "eu-west-2");
  EXPECT_EQ(profile.locations[0].zones, (std::vector<std::string>{"eu-west-2a", "eu-west-2b"}));
  EXPECT_EQ(profile.locations[0].country, "FR");
  EXPECT_EQ(profile.locations[0].provider_id_pattern, "^aws:///");
  EXPECT_TRUE(profile.locations[0].confirmed);
  EXPECT_EQ(profile.locations[0].source, "its documentation");
  EXPECT_FALSE(profile.locations[1].confirmed);
  EXPECT_EQ(profile.locations[1].note, "third parties say so");
  ASSERT_EQ(profile.refused.size(), 1u);
  EXPECT_EQ(profile.refused[0].region, "us-east-2");
  EXPECT_EQ(profile.refused[0].why, "it is in the United States");
  ASSERT_EQ(profile.required_labels.size(), 2u);
  EXPECT_EQ(profile.required_labels[0].key, "topology.outscale.com/net");
  EXPECT_TRUE(profile.required_labels[0].values.empty());
  EXPECT_EQ(profile.required_labels[1].values, std::vector<std::string>{"outscale"});
}

TEST(DecodeHostingProfile, DefaultsAreTheSchemas) {
  const HostingProfile profile =
      Profile({{"metadata", MetaJson("bare")}, {"spec", {{"system", "s"}, {"provider", "p"}}}});
  EXPECT_TRUE(profile.Usable()) << profile.invalid;
  EXPECT_EQ(profile.state, State::kLive);
  EXPECT_FALSE(profile.expires);
  EXPECT_TRUE(profile.locations.empty() && profile.refused.empty() && profile.required_labels.empty());
  EXPECT_EQ(profile.since + profile.note, "");
}

TEST(DecodeHostingProfile, ARefusalSaysFieldAndFix) {
  EXPECT_EQ(Invalid(Without(Outscale(), "/spec/system")),
            "spec.system: is missing: give a name of 1 to 128 characters");
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/state", "Dead")),
            R"(spec.state: "Dead" is none of Live, Opening, Defunct)");
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/since", "2017/06")),
            R"(spec.since: "2017/06" is not a year, month or day, like 2022, 2022-11 or 2022-11-30)");
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/expires", 2027)),
            "spec.expires: 2027 is not a time: write it as text, like \"2026-11-22T10:23:00Z\"");
  EXPECT_TRUE(Invalid(With(Outscale(), "/spec/expires", "2027-01-31")).starts_with("spec.expires: "));
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/locations/1/confirmed", "no")),
            R"(spec.locations[1].confirmed: "no" is neither true nor false)");
  EXPECT_EQ(
      Invalid(With(Outscale(), "/spec/locations/1/zones", Json::array())),
      "spec.locations[1].zones: has 0 elements: give 1 to 100, each the value of a label: 1 to 63 letters, digits, "
      "'-', '_' or '.', with a letter or digit at both ends");
  EXPECT_EQ(Invalid(Without(Outscale(), "/spec/refuse/0/why")),
            "spec.refuse[0].why: is missing: give a text of 1 to 512 characters");
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/refuse/1", {{"region", "us-east-2"}, {"why", "x"}})),
            R"(spec.refuse[1].region: "us-east-2" is there twice: name it once)");
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/requiredNodeLabels/1/key", "topology.outscale.com/net")),
            R"(spec.requiredNodeLabels[1].key: "topology.outscale.com/net" is there twice: name it once)");
  EXPECT_EQ(
      Invalid(With(Outscale(), "/spec/requiredNodeLabels/0/key", "kubernetes.io/os")),
      "spec.requiredNodeLabels[0].key: \"kubernetes.io/os\" is not the key of a label that tells where a node is: "
      "topology.<domain>/<name> or <prefix>.node-restriction.kubernetes.io/<name>, neither Rempart's own nor "
      "topology.kubernetes.io/region or zone");
}

TEST(DecodeHostingProfile, ADefunctSystemSaysSinceWhenAndWhy) {
  const Json defunct = With(Outscale(), "/spec/state", "Defunct");
  EXPECT_EQ(Invalid(defunct), "");
  EXPECT_EQ(Invalid(Without(defunct, "/spec/since")),
            "spec.since: is missing: a Defunct system needs it, so that admins are told since when it is defunct");
  EXPECT_EQ(Invalid(Without(defunct, "/spec/note")),
            "spec.note: is missing: a Defunct system needs it, so that admins are told why it is defunct");
}

TEST(DecodeHostingProfile, Since) {
  for (const char* since : {"2016", "2022-11", "2020-02-01", "2020-02-31", "1999-12-31"})
    EXPECT_EQ(Invalid(With(Outscale(), "/spec/since", since)), "") << since;
  for (const char* since : {"", "16", "2016-", "2016-0", "2016-00", "2016-13", "2016-1-1", "2016-01-00", "2016-01-32",
                            "2016-01-01T", "2016 01", "20160101", "año6"})
    EXPECT_NE(Invalid(With(Outscale(), "/spec/since", since)), "") << since;
}

TEST(DecodeHostingProfile, Bounds) {
  const auto repeat = [](Json one, std::size_t times, const char* key, const std::string& prefix) {
    Json list = Json::array();
    for (std::size_t i = 0; i < times; ++i) {
      one[key] = prefix + std::to_string(i);
      list.push_back(one);
    }
    return list;
  };
  const Json location = {{"region", "r"}, {"zones", {"z"}}, {"country", "FR"}};
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/locations", repeat(location, 100, "region", "r"))), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/locations", repeat(location, 101, "region", "r"))), "");
  const Json refused = {{"region", "r"}, {"why", "w"}};
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/refuse", repeat(refused, 50, "region", "r"))), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/refuse", repeat(refused, 51, "region", "r"))), "");
  const Json label = {{"key", "k"}};
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/requiredNodeLabels", repeat(label, 8, "key", "topology.x.org/"))), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/requiredNodeLabels", repeat(label, 9, "key", "topology.x.org/"))), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/requiredNodeLabels/1/values", Json::array())), "");
  std::string accented;  // the schema counts characters, not bytes
  for (int i = 0; i < 512; ++i) accented += "é";
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/note", accented)), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/note", accented + "é")), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/note", "")), "");
  EXPECT_EQ(Invalid(With(Outscale(), "/spec/system", std::string(128, 's'))), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/system", std::string(129, 's'))), "");
  EXPECT_NE(Invalid(With(Outscale(), "/spec/locations/0/providerIDPattern", "a(b")), "");
}

TEST(DecodeHostingProfile, WhatIsNoObjectIsRefused) {
  for (const char* pointer : {"/spec", "/spec/locations/0", "/spec/refuse/0", "/spec/requiredNodeLabels/0"})
    EXPECT_NE(Invalid(With(Outscale(), pointer, "x")), "") << pointer;
  for (const char* pointer : {"/spec/locations", "/spec/refuse", "/spec/requiredNodeLabels"})
    EXPECT_NE(Invalid(With(Outscale(), pointer, Json::object())), "") << pointer;
  const auto profile = Decoded(Without(Outscale(), "/metadata/uid"), DecodeHostingProfile);
  ASSERT_FALSE(profile);
  EXPECT_TRUE(profile.error().message.starts_with("decode HostingProfile: ")) << profile.error().message;
}

struct KeyRow {
  const char* key;
  bool requirable;
};
TEST(RequiredNodeLabels, AreThoseThatTellWhereANodeIs) {
  const std::string label(63, 'a'), long_domain = "topology." + std::string(244, 'd');
  const std::string longest = long_domain + "/" + label;
  for (const KeyRow& row : {KeyRow{"topology.outscale.com/net", true},
                            {"topology.kubernetes.io/rack", true},
                            {"topology.x/Y_z.1", true},
                            {"node-restriction.kubernetes.io/provider", true},
                            {"a.b.node-restriction.kubernetes.io/provider", true},
                            {longest.c_str(), true},
                            {"topology.kubernetes.io/region", false},
                            {"topology.kubernetes.io/zone", false},
                            {"rempart.node-restriction.kubernetes.io/country", false},
                            {"xnode-restriction.kubernetes.io/provider", false},
                            {"node-restriction.kubernetes.io.evil.org/x", false},
                            {"kubernetes.io/os", false},
                            {"topology/net", false},
                            {"topology./net", false},
                            {"topology.x..y/net", false},
                            {"topology.x-/net", false},
                            {"topology.X/net", false},
                            {"topology.x/", false},
                            {"topology.x/-n", false},
                            {"topology.x/a/b", false},
                            {"topology.x", false},
                            {"net", false},
                            {"", false}}) {
    EXPECT_EQ(Invalid(With(Outscale(), "/spec/requiredNodeLabels/0/key", row.key)).empty(), row.requirable) << row.key;
  }
  EXPECT_FALSE(IsLocationLabel(longest + "a"));
}

}  // namespace
}  // namespace rempart::api
