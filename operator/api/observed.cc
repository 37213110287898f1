#include "operator/api/observed.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"

namespace rempart::api {

namespace {

constexpr std::size_t kMaxText = 1024;  // bytes of a value that is kept as it is; the API server's own limits are below
constexpr std::size_t kMaxMessage = 256;

// "" where it is not there. What cannot be read must not look like what is not there: it becomes a text that equals no
// label's value, so that it disagrees with whatever it is compared to.
std::string LabelText(kube::View value) {
  if (!value.exists()) return {};
  const auto text = value.AsString();
  return std::string(text && text->size() <= kMaxText ? *text : "(unreadable)");
}

// "" also where it is unreadable: nothing is then known.
std::string Text(kube::View value) {
  const std::string_view text = value.Str();
  return std::string(text.size() <= kMaxText ? text : std::string_view());
}

Pod::Phase PhaseOf(std::string_view text) {
  if (text == "Running") return Pod::Phase::kRunning;
  if (text == "Succeeded") return Pod::Phase::kSucceeded;
  if (text == "Failed") return Pod::Phase::kFailed;
  if (text == "Pending" || text.empty()) return Pod::Phase::kPending;
  return Pod::Phase::kUnknown;
}

}  // namespace

Result<Node> DecodeNode(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode Node"));
  Node node;
  node.meta = std::move(*meta);
  const kube::View labels = object["metadata"]["labels"];
  node.topology_region = LabelText(labels[kTopologyRegion]);
  node.topology_zone = LabelText(labels[kTopologyZone]);
  node.legacy_region = LabelText(labels[kLegacyTopologyRegion]);
  node.legacy_zone = LabelText(labels[kLegacyTopologyZone]);
  node.region_label = LabelText(labels[kNodeRegionLabel]);
  node.country_label = LabelText(labels[kNodeCountryLabel]);
  node.lost_since_label = LabelText(labels[kNodeLostSinceLabel]);
  node.lost_region_label = LabelText(labels[kNodeLostRegionLabel]);
  node.cordoned_label = LabelText(labels[kNodeCordonedLabel]);

  const kube::View spec = object["spec"];
  node.provider_id = Text(spec["providerID"]);
  node.unschedulable = spec["unschedulable"].Bool();
  const kube::View taints = spec["taints"];
  node.taints.reserve(taints.Size());
  // All of them, and whole: the list is written back when our own taint is put right.
  taints.ForEachElement([&](kube::View taint) {
    node.taints.push_back({std::string(taint["key"].Str()), std::string(taint["value"].Str()),
                           std::string(taint["effect"].Str()), std::string(taint["timeAdded"].Str())});
  });
  return node;
}

Result<Pod> DecodePod(kube::View object) {
  const kube::View spec = object["spec"];
  Pod pod;
  pod.region = LabelText(spec["nodeSelector"][kNodeRegionLabel]);
  pod.workload = LabelText(object["metadata"]["labels"][kWorkloadLabel]);
  if (pod.region.empty() && pod.workload.empty()) return Fail(Error::NotFound("the pod is of no region"));

  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode Pod"));
  pod.meta = std::move(*meta);
  pod.node = Text(spec["nodeName"]);
  const kube::View status = object["status"];
  pod.phase = PhaseOf(status["phase"].Str());
  status["conditions"].ForEachElement([&](kube::View condition) {
    const std::string_view type = condition["type"].Str();
    const std::string_view state = condition["status"].Str();
    if (type == "Ready") pod.ready = state == "True";
    if (type == "PodScheduled" && state == "False") pod.waiting = CleanText(condition["message"].Str(), kMaxMessage);
  });
  return pod;
}

Result<Namespace> DecodeNamespace(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode Namespace"));
  return Namespace{std::move(*meta), LabelText(object["metadata"]["labels"][kRegionLabel])};
}

}  // namespace rempart::api
