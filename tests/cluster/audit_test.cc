// What already runs, as the region's status counts it.
#include <gmock/gmock.h>

#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

class AuditTest : public GateTest {
 protected:
  // The count of the rule in status.violations; 0 for none.
  static int CountOf(const Json& region, const std::string& rule) {
    if (!region.is_object() || !region.contains("status")) return -1;
    for (const Json& entry : region["status"].value("violations", Json::array()))
      if (entry["rule"] == rule) return entry["count"];
    return 0;
  }
  bool AwaitCount(const std::string& rule, int count) {
    return cluster()
        .Await(api::kRegions, {"", region_}, [&](const Json& now) { return CountOf(now, rule) == count; })
        .has_value();
  }
  // Any change of the spec is followed by an audit.
  void AskAgain() {
    ASSERT_TRUE(cluster().MergePatch(api::kRegions, {"", region_},
                                     {{"spec", {{"exemptNamespaces", Json::array({UniqueName("nobody")})}}}}));
  }
};

TEST_F(AuditTest, CountsWhatWouldBeRefused) {
  Declare("Warn");
  Json bad = Pod();
  bad["metadata"]["name"] = "bad";
  bad["spec"]["containers"][0]["image"] = "docker.io/library/nginx@" + kDigest;
  bad["spec"]["schedulerName"] = "nobody";
  Create(bad);
  Create({{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", "out"}, {"namespace", ns_}}},
          {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}});
  AskAgain();
  EXPECT_TRUE(AwaitCount("RP-301", 1));
  EXPECT_TRUE(AwaitCount("RP-501", 1));
  const auto region = cluster().Get(api::kRegions, {"", region_});
  ASSERT_TRUE(region);
  EXPECT_GE((*region)["status"]["audit"]["objects"], 2);
  ASSERT_TRUE(cluster().Delete(api::kPods, {ns_, "bad"}));
  AskAgain();
  EXPECT_TRUE(AwaitCount("RP-301", 0));
  EXPECT_TRUE(AwaitCount("RP-501", 1));
}

}  // namespace
}  // namespace rempart::test
