// Attested nodes on the real control plane: what `kubectl rempart` signs lets a node in, a copy does not, and the end
// of an attestation is the end of the node's place in the region.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/cluster/suite.h"

namespace rempart::test {
namespace {

const std::string kLabel{api::kNodeRegionLabel};
const std::string kPlugin = std::string(REMPART_BIN_DIR) + "/kubectl-rempart";

class AttestationTest : public ClusterTest {
 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    keys_ = LogPath(id_ + "-keys");
    std::filesystem::create_directories(keys_);
  }
  void TearDown() override {
    ClusterTest::TearDown();
    for (const auto& attestation : cluster().List(api::kAttestations).value_or(std::vector<Json>{}))
      if (attestation["spec"]["nodeName"].get<std::string>().starts_with(id_))
        (void)cluster().Delete(api::kAttestations, {"", attestation["metadata"]["name"]});
    std::filesystem::remove_all(keys_);
  }

  // A node in zone `z` of the region's places, with ids of its own, as a kubelet reports them.
  void MakeMachine(const std::string& z) {
    Json node = MakeNode(NodeName(z), id_, Zone(z), "kwok://" + NodeName(z));
    node["status"]["nodeInfo"] = {{"systemUUID", "uuid-of-" + NodeName(z)},
                                  {"machineID", "machine-of-" + NodeName(z)},
                                  {"bootID", ""},
                                  {"kernelVersion", ""},
                                  {"osImage", ""},
                                  {"containerRuntimeVersion", ""},
                                  {"kubeletVersion", "v1.36.3"},
                                  {"kubeProxyVersion", ""},
                                  {"operatingSystem", "linux"},
                                  {"architecture", "amd64"}};
    Create(node);
    // kwok fills in what it finds empty, and nothing more: the ids are there when this is.
    ASSERT_TRUE(cluster().Await(api::kNodes, {"", NodeName(z)}, [&](const Json& n) {
      return n.is_object() &&
             n["status"].value("nodeInfo", Json::object()).value("machineID", "") == "machine-of-" + NodeName(z);
    })) << "the node has no ids";
  }
  // An authority as keygen prints it.
  Json Authority(const std::string& name) {
    const auto made = RunCommand({kPlugin, "keygen", "--name", name, "--out", Key(name)});
    EXPECT_EQ(made.code, 0) << made.output;
    const auto begin = made.output.find("-----BEGIN"), end = made.output.find("-----END PUBLIC KEY-----");
    if (begin == std::string::npos || end == std::string::npos) return {};
    std::string pem = made.output.substr(begin, end + 24 - begin) + "\n";
    for (std::size_t at; (at = pem.find("    ")) != std::string::npos;) pem.erase(at, 4);
    return {{"name", name}, {"publicKey", pem}};
  }
  std::string Key(const std::string& name) const { return keys_ + "/" + name + ".pem"; }
  void MakeAsking(const std::vector<std::string>& zones, const Json& authorities, int threshold = 1) {
    MakeRegionOf(zones,
                 {{"attestation", {{"required", true}, {"threshold", threshold}, {"authorities", authorities}}}});
  }
  CommandResult Attest(const std::string& z, const std::string& key, std::vector<std::string> more = {}) {
    std::vector<std::string> command = {kPlugin, "attest", "node", NodeName(z), "--key", Key(key), "--country", "FR"};
    if (more.empty() || more[0] != "--add-signature")
      for (const char* word : {"--site", "Paris, DC3", "--host", "Hébergeur SAS"}) command.emplace_back(word);
    command.insert(command.end(), more.begin(), more.end());
    return RunCommand(command);
  }
  bool AwaitValid(const std::string& name, const std::string& status, const std::string& reason) {
    return cluster()
        .Await(api::kAttestations, {"", name}, [&](const Json& a) { return HasCondition(a, "Valid", status, reason); })
        .has_value();
  }
  bool AwaitOutside(const std::string& z, const std::string& reason) {
    return cluster()
        .Await(api::kRegions, {"", region_},
               [&](const Json& r) {
                 const Json status = r.is_object() ? r.value("status", Json::object()) : Json::object();
                 for (const Json& node : status.value("outside", Json::array()))
                   if (node["node"] == NodeName(z)) return node["reason"] == reason;
                 return false;
               })
        .has_value();
  }

  std::string keys_;
};

TEST_F(AttestationTest, ANodeIsInOnceEnoughAuthoritiesAttestIt) {
  MakeMachine("a");
  MakeMachine("b");
  MakeAsking({"a", "b"}, Json::array({Authority("hebergeur"), Authority("auditor")}), 2);
  ASSERT_TRUE(AwaitRegion("Ready", "False", "NoQualifiedNode").is_object());
  EXPECT_TRUE(AwaitOutside("a", "NotAttested"));

  auto signed_once = Attest("a", "hebergeur", {"--valid", "720h", "--authority", "hebergeur"});
  ASSERT_EQ(signed_once.code, 0) << signed_once.output;
  EXPECT_NE(signed_once.output.find("ThresholdNotMet"), std::string::npos) << signed_once.output;
  EXPECT_TRUE(AwaitValid(NodeName("a"), "False", "ThresholdNotMet"));
  EXPECT_TRUE(AwaitOutside("a", "AttestationInvalid"));
  const auto signed_twice = Attest("a", "auditor", {"--add-signature"});
  ASSERT_EQ(signed_twice.code, 0) << signed_twice.output;
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  EXPECT_TRUE(AwaitValid(NodeName("a"), "True", "Attested"));
  ASSERT_TRUE(AwaitRegion("Ready", "True", "Qualified").is_object());
  EXPECT_TRUE(HasCondition(AwaitRegion("AttestationsExpiring", "False"), "AttestationsExpiring", "False", "NoneSoon"));

  // Copied to another node, whoever it says it is about, it is worthless.
  const auto original = cluster().Get(api::kAttestations, {"", NodeName("a")});
  ASSERT_TRUE(original);
  EXPECT_EQ((*original)["status"]["authorities"], Json::array({"hebergeur", "auditor"}));
  EXPECT_EQ((*original)["status"]["site"], "Paris, DC3");
  Json copy = {{"apiVersion", "rempart.dev/v1alpha1"},
               {"kind", "NodeAttestation"},
               {"metadata", {{"name", NodeName("b")}}},
               {"spec", {{"nodeName", NodeName("b")}, {"envelope", (*original)["spec"]["envelope"]}}}};
  ASSERT_TRUE(cluster().Create(copy));
  EXPECT_TRUE(AwaitValid(NodeName("b"), "False", "WrongNode"));
  EXPECT_TRUE(AwaitOutside("b", "AttestationInvalid"));

  const auto explained = RunCommand({kPlugin, "explain", "node", NodeName("b")});
  EXPECT_NE(explained.output.find("WrongNode"), std::string::npos) << explained.output;
  EXPECT_NE(explained.output.find("outside (AttestationInvalid)"), std::string::npos) << explained.output;

  // Another machine under the node's name.
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")},
                                   {{"status", {{"nodeInfo", {{"machineID", "another"}}}}}}, "status"));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
  EXPECT_TRUE(AwaitValid(NodeName("a"), "False", "WrongNode"));
  ASSERT_TRUE(cluster().MergePatch(api::kNodes, {"", NodeName("a")},
                                   {{"status", {{"nodeInfo", {{"machineID", "machine-of-" + NodeName("a")}}}}}},
                                   "status"));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));

  // Deleted: nothing speaks for the node any more.
  ASSERT_TRUE(cluster().Delete(api::kAttestations, {"", NodeName("a")}));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
  EXPECT_TRUE(AwaitOutside("a", "NotAttested"));
}

TEST_F(AttestationTest, ItsEndIsTheEndOfTheNodesPlace) {
  MakeMachine("a");
  MakeMachine("b");
  MakeAsking({"a", "b"}, Json::array({Authority("hebergeur")}));
  ASSERT_EQ(Attest("a", "hebergeur", {"--valid", "25s"}).code, 0);
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  ASSERT_TRUE(cluster().Create(MakeWorkload(ns_, "web", region_)));
  ASSERT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
  EXPECT_EQ(NodesOfPods("web"), std::vector<std::string>{NodeName("a")});
  // Told ahead, and then it is so without anybody's doing.
  EXPECT_TRUE(AwaitRegion("AttestationsExpiring", "True", "ExpiringSoon").is_object());
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, "", 60s));
  EXPECT_TRUE(AwaitOutside("a", "AttestationExpired"));
  EXPECT_TRUE(AwaitValid(NodeName("a"), "False", "Expired"));
  EXPECT_TRUE(cluster().AwaitList(api::kPods, ns_, "rempart.dev/workload=web", [&](const std::vector<Json>& pods) {
    return std::ranges::none_of(pods, [&](const Json& p) { return p["spec"].value("nodeName", "") == NodeName("a"); });
  })) << "its pod is evicted";
  // Attested anew in the same object, it is in again.
  ASSERT_EQ(Attest("a", "hebergeur", {"--valid", "720h"}).code, 0);
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  EXPECT_TRUE(AwaitWorkload("web", "Ready", "True").is_object());
}

TEST_F(AttestationTest, OneThatContradictsTheRegionPutsTheNodeOutThoughNoneIsRequired) {
  MakeMachine("a");
  MakeRegionOf({"a"}, {{"attestation", {{"authorities", Json::array({Authority("hebergeur")})}}}});
  ASSERT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
  const auto done = RunCommand({kPlugin, "attest", "node", NodeName("a"), "--key", Key("hebergeur"), "--country", "DE",
                                "--site", "Frankfurt", "--host", "Hoster GmbH", "--valid", "720h"});
  ASSERT_EQ(done.code, 0) << done.output;
  EXPECT_NE(done.output.find("the node is outside it"), std::string::npos) << done.output;
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, ""));
  EXPECT_TRUE(AwaitOutside("a", "AttestedElsewhere"));
  ASSERT_TRUE(cluster().Delete(api::kAttestations, {"", NodeName("a")}));
  EXPECT_TRUE(AwaitNodeLabel(NodeName("a"), kLabel, region_));
}

TEST_F(AttestationTest, BadOnesAreRefusedAtApply) {
  const Json good = {{"apiVersion", "rempart.dev/v1alpha1"},
                     {"kind", "NodeAttestation"},
                     {"metadata", {{"name", id_}}},
                     {"spec",
                      {{"nodeName", id_ + "-node"},
                       {"envelope",
                        {{"payloadType", "application/vnd.in-toto+json"},
                         {"payload", "e30="},
                         {"signatures", Json::array({{{"sig", "AAAA"}}})}}}}}};
  for (const auto& [pointer, value] :
       std::vector<std::pair<std::string, Json>>{{"/spec/nodeName", "Not A Node"},
                                                 {"/spec/envelope/payloadType", "text/plain"},
                                                 {"/spec/envelope/payload", "not base64!"},
                                                 {"/spec/envelope/signatures", Json::array()},
                                                 {"/spec/envelope/signatures", Json::array({{{"keyid", "x"}}})}}) {
    Json bad = good;
    bad[Json::json_pointer(pointer)] = value;
    const auto made = cluster().Create(bad);
    EXPECT_TRUE(!made && made.error().kind == ErrorKind::kInvalid) << pointer;
    if (made) (void)cluster().Delete(api::kAttestations, {"", id_});
  }
  ASSERT_TRUE(cluster().Create(good));
  EXPECT_TRUE(AwaitValid(id_, "False", "NoSuchNode"));
  EXPECT_FALSE(cluster().MergePatch(api::kAttestations, {"", id_}, {{"spec", {{"nodeName", "other"}}}}));
}

}  // namespace
}  // namespace rempart::test
