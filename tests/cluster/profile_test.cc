// Hosting profiles on the real control plane: the schema, and what follows when one comes, changes and goes.
#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

const std::string kLabel{api::kNodeRegionLabel};

class ProfileTest : public ClusterTest {
 protected:
  std::string Profile() const { return id_ + "-cloud"; }
  // A region that names the profile and lists nothing.
  Json ByProfile() {
    Json region = MakeRegion(region_, id_, {Zone("a")}, {{"profile", Profile()}});
    region["spec"]["hosting"].erase("locations");
    return region;
  }
  std::string LabelOf(const std::string& node) {
    const auto object = cluster().Get(api::kNodes, {"", node});
    return object ? (*object)["metadata"].value("labels", Json::object()).value(kLabel, "") : "(unreadable)";
  }
};

TEST_F(ProfileTest, ComesChangesAndGoes) {
  MakeNodes({"a", "b"});
  Create(ByProfile());
  ASSERT_TRUE(AwaitRegion("Ready", "False", "ProfileMissing").is_object());
  Create(MakeProfile(Profile(), id_));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  ASSERT_TRUE(AwaitRegion("Ready", "True", "Qualified").is_object());
  EXPECT_EQ(LabelOf(NodeName("b")), "") << "its place is not confirmed";

  const Json declared = Json::array({{{"region", id_}, {"zones", {Zone("a"), Zone("b")}}, {"country", "FR"}}});
  ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_}, {{"spec", {{"hosting", {{"locations", declared}}}}}}));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("b"), kLabel, region_)) << "declared by the region: confirmed";

  // A label that the profile asks for, and that one node then gets.
  const Json asked = Json::array({{{"key", "topology.example.org/net"}, {"values", {"ours"}}}});
  ASSERT_TRUE(cluster().MergePatch(api::kProfiles, {"", Profile()}, {{"spec", {{"requiredNodeLabels", asked}}}}));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("b"), kLabel, ""));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")},
                                   {{"metadata", {{"labels", {{"topology.example.org/net", "ours"}}}}}}));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));

  // Deleted by mistake: nothing is let loose.
  ASSERT_TRUE(cluster().Delete(api::kProfiles, {"", Profile()}));
  const Json missing = AwaitRegion("Stalled", "True", "ProfileMissing");
  ASSERT_TRUE(missing.is_object());
  EXPECT_EQ(LabelOf(NodeName("a")), region_);

  Create(MakeProfile(Profile(), id_, {{"state", "Defunct"}, {"since", "2020-02"}, {"note", "It was shut down."}}));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
  const Json defunct = AwaitRegion("Ready", "False", "ProfileDefunct");
  ASSERT_TRUE(defunct.is_object());
  EXPECT_NE(ConditionOf(defunct, "Ready")["message"].get<std::string>().find("since 2020-02"), std::string::npos);
}

TEST_F(ProfileTest, ExpiresWithoutAnybodysDoing) {
  MakeNodes({"a"});
  SystemClock clock;
  Create(MakeProfile(Profile(), id_, {{"expires", FormatTime(clock.Now() + 12s)}}));
  Create(ByProfile());
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  EXPECT_TRUE(AwaitRegion("Ready", "False", "ProfileExpired").is_object());
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
}

TEST_F(ProfileTest, TheShippedOnesAreAccepted) {
  const auto applied = RunCommand({"kubectl", "apply", "--dry-run=server", "--validate=strict", "-f",
                                   std::string(REMPART_SOURCE_DIR) + "/charts/rempart/profiles"});
  EXPECT_EQ(applied.code, 0) << applied.output;
  EXPECT_NE(applied.output.find("hostingprofile.rempart.dev/outscale created"), std::string::npos) << applied.output;
}

TEST_F(ProfileTest, BadOnesAreRefusedAtApply) {
  const Json profile = MakeProfile(Profile(), id_, {{"since", "2020"}, {"note", "n"}});
  const auto refused = [&](const std::string& pointer, const Json& value) {
    Json bad = profile;
    bad[Json::json_pointer(pointer)] = value;
    const auto made = cluster().Create(bad);
    if (made) (void)cluster().Delete(api::kProfiles, {"", Profile()});
    return !made && made.error().kind == ErrorKind::kInvalid;
  };
  for (const auto& [pointer, value] : std::vector<std::pair<std::string, Json>>{
           {"/spec/system", ""},
           {"/spec/state", "Dead"},
           {"/spec/since", "20-02"},
           {"/spec/expires", "soon"},
           {"/spec/locations/0/zones", Json::array()},
           {"/spec/locations/0/providerIDPattern", "(["},
           {"/spec/refuse", Json::array({{{"region", "r"}}})},
           {"/spec/requiredNodeLabels", Json::array({{{"key", "kubernetes.io/os"}}})},
           {"/spec/requiredNodeLabels", Json::array({{{"key", "topology.kubernetes.io/zone"}}})},
           {"/spec/requiredNodeLabels", Json::array({{{"key", "rempart.node-restriction.kubernetes.io/region"}}})}}) {
    EXPECT_TRUE(refused(pointer, value)) << pointer << " = " << value;
  }
  Json defunct = MakeProfile(Profile(), id_, {{"state", "Defunct"}});
  EXPECT_FALSE(cluster().Create(defunct)) << "since when, and why?";
  Create(profile);
}

}  // namespace
}  // namespace rempart::test
