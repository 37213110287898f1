// What `kubectl rempart policies --static` prints, loaded from files by an API server that has nothing else of ours: no
// definitions, no operator (KEP-5793).
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "operator/perimeter/rules/probe_objects.h"
#include "tests/cluster/gate_fixture.h"

namespace rempart::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPlugin = std::string(REMPART_BIN_DIR) + "/kubectl-rempart";
const std::string kScript = std::string(REMPART_SOURCE_DIR) + "/hack/cluster";

class StaticPoliciesTest : public GateTest {
 protected:
  void TearDown() override {
    (void)RunCommand({kScript, "down", other_});
    std::filesystem::remove_all(folder_);
    GateTest::TearDown();
  }
  // Starts a control plane that loads the policies of the regions there are here.
  void LoadElsewhere() {
    std::filesystem::create_directory(folder_);
    const std::string file = folder_ + "/rempart.yaml";
    const auto printed =
        RunCommand({"sh", "-c", "'" + kPlugin + "' policies --static --operator admin > '" + file + "'"});
    ASSERT_EQ(printed.code, 0) << printed.output;
    EXPECT_THAT(printed.output, HasSubstr("region " + region_ + ": RP-101: which nodes are qualified changes"));
    const auto up = RunCommand({"env", "CLUSTER_STATIC_POLICIES=" + folder_, kScript, "up", other_, "--nodes", "-",
                                "--without", "scheduler,controller-manager"});
    ASSERT_EQ(up.code, 0) << up.output;
    const auto kubeconfig =
        RunCommand({"sh", "-c", "eval \"$('" + kScript + "' env " + other_ + ")\" && printf %s \"$KUBECONFIG\""});
    ASSERT_EQ(kubeconfig.code, 0) << kubeconfig.output;
    elsewhere_ = std::make_unique<Cluster>(kubeconfig.output);
    for (const Json& object : {MakeNamespace(ns_, region_), MakeNamespace(ns_ + "-free")}) Make(object);
    for (const std::string& ns : {ns_, ns_ + "-free"})  // no controller does
      Make({{"apiVersion", "v1"}, {"kind", "ServiceAccount"}, {"metadata", {{"name", "default"}, {"namespace", ns}}}});
  }
  void Make(const Json& object) {
    const auto made = elsewhere_->Create(object);
    ASSERT_TRUE(made) << made.error().ToString();
  }
  std::set<std::string> AgainstThere(const kube::Resource& resource, const std::string& ns, Json object) {
    object["metadata"]["namespace"] = ns;
    return RulesNamed(elsewhere_->api().Create(resource, ns, object.dump(), {}, "dryRun=All"));
  }

  const std::string other_ = UniqueName("static"), folder_ = LogPath(other_ + "-policies");
  std::unique_ptr<Cluster> elsewhere_;
};

TEST_F(StaticPoliciesTest, HoldWhereThereIsNothingElseOfOurs) {
  Declare("Enforce");
  LoadElsewhere();
  ASSERT_TRUE(elsewhere_);
  EXPECT_THAT(AgainstThere(api::kPods, ns_, Pod()), IsEmpty());
  Json pod = Pod();
  pod["spec"].erase("nodeSelector");
  pod["spec"]["containers"][0]["image"] = "docker.io/library/nginx@" + kOther;
  EXPECT_THAT(AgainstThere(api::kPods, ns_, pod), ElementsAre("RP-103", "RP-301", "RP-303"));
  EXPECT_THAT(AgainstThere(api::kPods, ns_ + "-free", pod), IsEmpty()) << "in no region";
  EXPECT_THAT(AgainstThere(rules::probe::kClaims, ns_, rules::probe::Claim("elsewhere")), ElementsAre("RP-401"));
  const Json service = {{"apiVersion", "v1"},
                        {"kind", "Service"},
                        {"metadata", {{"name", "out"}}},
                        {"spec", {{"type", "ExternalName"}, {"externalName", "out.example"}}}};
  EXPECT_THAT(AgainstThere(rules::probe::kServices, ns_, service), ElementsAre("RP-501"));
  // Nobody can take them away by the API: there they are not.
  for (const kube::Resource& resource : {api::kAdmissionPolicies, api::kAdmissionPolicyBindings}) {
    const auto there = elsewhere_->List(resource);
    ASSERT_TRUE(there) << there.error().ToString();
    EXPECT_THAT(*there, IsEmpty());
  }
}

}  // namespace
}  // namespace rempart::test
