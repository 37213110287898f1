#include "operator/api/observed.h"

#include <malloc.h>

#include "tests/unit/api/decoding.h"

namespace rempart::api {
namespace {

Json NodeJson() {
  Json meta = MetaJson("par-1");
  meta["labels"] = {{"topology.kubernetes.io/region", "fr-par"},
                    {"topology.kubernetes.io/zone", "fr-par-1"},
                    {"failure-domain.beta.kubernetes.io/region", "fr-old"},
                    {"failure-domain.beta.kubernetes.io/zone", "fr-old-1"},
                    {"rempart.node-restriction.kubernetes.io/region", "france"},
                    {"rempart.node-restriction.kubernetes.io/country", "FR"},
                    {"rempart.node-restriction.kubernetes.io/lost-since", "20261122T102300Z"},
                    {"rempart.node-restriction.kubernetes.io/lost-region", "spain"},
                    {"rempart.node-restriction.kubernetes.io/cordoned", "true"},
                    {"other", "x"}};
  return {{"metadata", meta},
          {"spec",
           {{"providerID", "kwok://par-1"},
            {"unschedulable", true},
            {"taints",
             {{{"key", "rempart.dev/outside"}, {"value", "true"}, {"effect", "NoSchedule"}},
              {{"key", "k"}, {"effect", "NoExecute"}, {"timeAdded", "2026-11-22T10:23:00Z"}}}}}},
          {"status",
           {{"nodeInfo",
             {{"systemUUID", "4C4C4544-0042-3510-8052-B4C04F4E3332"},
              {"machineID", "b2c1f0a9e8d74c6f9a1e3d5c7b9f0a2e"},
              {"bootID", "x"}}}}}};
}

TEST(DecodeNode, ReadsAll) {
  const Node node = Decoded(NodeJson(), DecodeNode).value();
  EXPECT_EQ(node.meta.key.name, "par-1");
  EXPECT_EQ(node.topology_region, "fr-par");
  EXPECT_EQ(node.topology_zone, "fr-par-1");
  EXPECT_EQ(node.legacy_region, "fr-old");
  EXPECT_EQ(node.legacy_zone, "fr-old-1");
  EXPECT_EQ(node.provider_id, "kwok://par-1");
  EXPECT_EQ(node.system_uuid, "4C4C4544-0042-3510-8052-B4C04F4E3332");
  EXPECT_EQ(node.machine_id, "b2c1f0a9e8d74c6f9a1e3d5c7b9f0a2e");
  EXPECT_TRUE(node.unschedulable);
  EXPECT_EQ(node.taints, (std::vector<Taint>{{"rempart.dev/outside", "true", "NoSchedule", ""},
                                             {"k", "", "NoExecute", "2026-11-22T10:23:00Z"}}));
  EXPECT_EQ(node.region_label, "france");
  EXPECT_EQ(node.country_label, "FR");
  EXPECT_EQ(node.lost_since_label, "20261122T102300Z");
  EXPECT_EQ(node.lost_region_label, "spain");
  EXPECT_EQ(node.cordoned_label, "true");
}

TEST(DecodeNode, WhatIsNotThereIsEmpty) {
  const Node node = Decoded({{"metadata", MetaJson("bare")}}, DecodeNode).value();
  EXPECT_EQ(node.topology_region + node.topology_zone + node.legacy_region + node.legacy_zone + node.provider_id, "");
  EXPECT_EQ(node.system_uuid + node.machine_id, "");
  EXPECT_EQ(
      node.region_label + node.country_label + node.lost_since_label + node.lost_region_label + node.cordoned_label,
      "");
  EXPECT_FALSE(node.unschedulable);
  EXPECT_TRUE(node.taints.empty());
}

// Read as absent, an old label of another type would no longer disagree with the new one: the node would be let in.
TEST(DecodeNode, AnUnreadableLabelIsNotAnAbsentOne) {
  const Json kUnreadable[] = {7, true, Json::array(), Json::object(), std::string(2000, 'x')};
  for (const Json& value : kUnreadable) {
    const Node node =
        Decoded(With(NodeJson(), "/metadata/labels/failure-domain.beta.kubernetes.io~1zone", value), DecodeNode)
            .value();
    EXPECT_EQ(node.legacy_zone, "(unreadable)");
  }
  EXPECT_EQ(Decoded(With(NodeJson(), "/spec/providerID", std::string(2000, 'x')), DecodeNode).value().provider_id, "");
  EXPECT_EQ(Decoded(With(NodeJson(), "/spec/providerID", 7), DecodeNode).value().provider_id, "");
  for (const Json& value : kUnreadable) {  // nothing can be bound to it, nor to a text that stood for it
    const Node node =
        Decoded(With(With(NodeJson(), "/status/nodeInfo/systemUUID", value), "/status/nodeInfo/machineID", value),
                DecodeNode)
            .value();
    EXPECT_EQ(node.system_uuid + node.machine_id, "");
  }
}

TEST(DecodeNode, KeepsTheFewLabelsThatTellWhereItIs) {
  Json object = NodeJson();
  Json& labels = object["metadata"]["labels"];
  EXPECT_TRUE(Decoded(object, DecodeNode).value().location_labels.empty());
  labels["topology.outscale.com/net"] = "vpc-1";
  labels["hosting.node-restriction.kubernetes.io/provider"] = "outscale";
  labels["topology.empty.org/x"] = "";
  labels["topology.long.org/x"] = std::string(64, 'x');
  labels["topology.number.org/x"] = 7;
  labels["nvidia.com/gpu.count"] = "8";
  Node node = Decoded(object, DecodeNode).value();
  EXPECT_EQ(node.location_labels, (std::vector<Label>{{"hosting.node-restriction.kubernetes.io/provider", "outscale"},
                                                      {"topology.outscale.com/net", "vpc-1"}}));
  EXPECT_FALSE(node.more_location_labels);
  for (int i = 0; i < 7; ++i) labels["topology.a.org/" + std::to_string(i)] = "x";
  node = Decoded(object, DecodeNode).value();
  EXPECT_EQ(node.location_labels.size(), kMaxLocationLabels) << "a kubelet can set any number";
  EXPECT_EQ(node.location_labels.back().key, "topology.a.org/6") << "by key, so that it is always the same ones";
  EXPECT_TRUE(node.more_location_labels);
}

Json PodJson() {
  Json meta = MetaJson("web-1", "acme");
  meta["labels"] = {{"rempart.dev/workload", "web"}, {"app", "web"}};
  return {
      {"metadata", meta},
      {"spec",
       {{"nodeName", "par-1"}, {"nodeSelector", {{"rempart.node-restriction.kubernetes.io/region", "france"}}}}},
      {"status",
       {{"phase", "Running"},
        {"conditions", {{{"type", "Ready"}, {"status", "True"}}, {{"type", "PodScheduled"}, {"status", "True"}}}}}}};
}

TEST(DecodePod, ReadsAll) {
  const Pod pod = Decoded(PodJson(), DecodePod).value();
  EXPECT_EQ(pod.meta.key.ToString(), "acme/web-1");
  EXPECT_EQ(pod.node, "par-1");
  EXPECT_EQ(pod.region, "france");
  EXPECT_EQ(pod.workload, "web");
  EXPECT_EQ(pod.phase, Pod::Phase::kRunning);
  EXPECT_TRUE(pod.ready);
  EXPECT_EQ(pod.waiting, "");
}

// "A cached pod costs hundreds of bytes, not its JSON": counted by the allocator, indexes of the store left out.
TEST(DecodePod, CostsHundredsOfBytes) {
#ifdef REMPART_SANITIZED
  GTEST_SKIP() << "the sanitizer's allocator keeps no such count";
#endif
  kube::Document document;
  Json json = PodJson();
  json["metadata"]["managedFields"] = std::string(4'000, 'x');  // what makes pods large
  constexpr std::size_t kPods = 1'000;
  std::vector<std::shared_ptr<const Pod>> pods;
  pods.reserve(kPods);
  const auto decode = [&](std::size_t i) {
    json["metadata"]["name"] = "web-7d4b9c6f5d-" + std::to_string(10'000 + i);
    const std::string text = json.dump();
    pods.push_back(std::make_shared<const Pod>(DecodePod(*document.Parse(text)).value()));
  };
  decode(0);  // the parser's own buffers
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 1; i < kPods; ++i) decode(i);
  const double each = static_cast<double>(mallinfo2().uordblks - before) / (kPods - 1);
  RecordProperty("bytes", std::to_string(each));
  EXPECT_LT(each, 700);
  EXPECT_GT(each, sizeof(Pod)) << "the count does not count";
}

TEST(DecodePod, OnlyPodsOfRegionsAreKept) {
  const Json no_region = Without(PodJson(), "/spec/nodeSelector");
  const Json no_workload = Without(PodJson(), "/metadata/labels");
  EXPECT_EQ(Decoded(no_region, DecodePod).value().workload, "web");
  EXPECT_EQ(Decoded(no_workload, DecodePod).value().region, "france");
  const auto neither = Decoded(Without(no_workload, "/spec/nodeSelector"), DecodePod);
  ASSERT_FALSE(neither);
  EXPECT_EQ(neither.error().kind, ErrorKind::kNotFound);
}

TEST(DecodePod, TheRegionLabelCountsBesideTheWorkloadsOnly) {
  Json object = Without(PodJson(), "/spec/nodeSelector");
  object["metadata"]["labels"]["rempart.dev/region"] = "france";
  const Pod pod = Decoded(object, DecodePod).value();
  EXPECT_EQ(pod.region, "");
  EXPECT_EQ(pod.region_label, "france");
  EXPECT_EQ(HeldTo(pod, true), "france");
  EXPECT_EQ(HeldTo(pod, false), "");
  Json selects = PodJson();
  selects["metadata"]["labels"] = {{"rempart.dev/region", "germany"}};
  EXPECT_EQ(Decoded(selects, DecodePod).value().region_label, "");
  EXPECT_EQ(HeldTo(Decoded(selects, DecodePod).value(), true), "france");
}

TEST(DecodePod, HowLongItMayTakeToEnd) {
  EXPECT_EQ(Decoded(PodJson(), DecodePod).value().grace_seconds, 30);
  Json object = PodJson();
  object["spec"]["terminationGracePeriodSeconds"] = 31536000;
  EXPECT_EQ(Decoded(object, DecodePod).value().grace_seconds, 31536000);
  object["metadata"]["deletionTimestamp"] = "2026-11-22T10:23:00Z";
  object["metadata"]["deletionGracePeriodSeconds"] = 30;
  EXPECT_EQ(Decoded(object, DecodePod).value().grace_seconds, 30);
}

TEST(DecodePod, Phases) {
  const struct {
    Json phase;
    Pod::Phase expected;
  } kCases[] = {{"Pending", Pod::Phase::kPending},     {"Running", Pod::Phase::kRunning},
                {"Succeeded", Pod::Phase::kSucceeded}, {"Failed", Pod::Phase::kFailed},
                {"Unknown", Pod::Phase::kUnknown},     {"Paused", Pod::Phase::kUnknown},
                {nullptr, Pod::Phase::kPending}};
  for (const auto& c : kCases)
    EXPECT_EQ(Decoded(With(PodJson(), "/status/phase", c.phase), DecodePod).value().phase, c.expected) << c.phase;
}

TEST(DecodePod, AWaitingPodSaysWhy) {
  Json object = Without(PodJson(), "/spec/nodeName");
  object["status"] = {
      {"phase", "Pending"},
      {"conditions",
       Json::array({{{"type", "PodScheduled"}, {"status", "False"}, {"message", "0/6 nodes are available"}}})}};
  const Pod pod = Decoded(object, DecodePod).value();
  EXPECT_EQ(pod.node, "");
  EXPECT_FALSE(pod.ready);
  EXPECT_EQ(pod.waiting, "0/6 nodes are available");
  std::string accents;
  for (int i = 0; i < 300; ++i) accents += "é";
  const Pod cut = Decoded(With(object, "/status/conditions/0/message", accents), DecodePod).value();
  EXPECT_LE(cut.waiting.size(), 256u);
  EXPECT_TRUE(cut.waiting.ends_with("é…"));
}

TEST(DecodeNamespace, ReadsTheRegion) {
  Json meta = MetaJson("acme");
  EXPECT_EQ(Decoded({{"metadata", meta}}, DecodeNamespace).value().region, "");
  meta["labels"] = {{"rempart.dev/region", "france"}};
  EXPECT_EQ(Decoded({{"metadata", meta}}, DecodeNamespace).value().region, "france");
}

TEST(DecodeObserved, UnreadableMetadataIsAnError) {
  EXPECT_EQ(Decoded(Without(NodeJson(), "/metadata/uid"), DecodeNode).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(Decoded(Without(PodJson(), "/metadata/resourceVersion"), DecodePod).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(Decoded({{"metadata", 7}}, DecodeNamespace).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(Decoded(Json::array(), DecodeNode).error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace rempart::api
