#include "operator/api/observed.h"

#include <algorithm>
#include <utility>

#include "operator/api/decoded_text.h"
#include "src/base/text.h"

namespace rempart::api {

namespace {

constexpr std::size_t kMaxMessage = 256;

// One that cannot be read is none, since a pattern might match whatever text stood for it, and somebody might sign it.
std::string Id(kube::View value) {
  const std::string_view text = value.Str();
  return std::string(text.size() <= kMaxKnownText ? text : std::string_view());
}

void KeepLocationLabels(kube::View labels, Node& node) {
  constexpr std::size_t kMaxLabelValue = 63;  // Kubernetes' own limit
  std::vector<std::pair<std::string_view, std::string_view>> found;
  labels.ForEachMember([&](std::string_view key, kube::View value) {
    const std::string_view text = value.Str();
    if (!text.empty() && text.size() <= kMaxLabelValue && IsLocationLabel(key)) found.emplace_back(key, text);
  });
  std::ranges::sort(found);
  node.more_location_labels = found.size() > kMaxLocationLabels;
  if (node.more_location_labels) found.resize(kMaxLocationLabels);
  node.location_labels.reserve(found.size());
  for (const auto& [key, value] : found) node.location_labels.push_back({std::string(key), std::string(value)});
}

Pod::Phase PhaseOf(std::string_view text) {
  if (text == "Running") return Pod::Phase::kRunning;
  if (text == "Succeeded") return Pod::Phase::kSucceeded;
  if (text == "Failed") return Pod::Phase::kFailed;
  if (text == "Pending" || text.empty()) return Pod::Phase::kPending;
  return Pod::Phase::kUnknown;
}

}  // namespace

bool IsLocationLabel(std::string_view key) {
  constexpr std::size_t kMaxKey = 253 + 1 + 63;  // Kubernetes' own limits
  constexpr std::string_view kRestricted = "node-restriction.kubernetes.io";
  const std::size_t slash = key.find('/');
  if (slash == key.npos || key.size() > kMaxKey || key == kTopologyRegion || key == kTopologyZone) return false;
  const std::string_view domain = key.substr(0, slash);
  if (domain == kNodeRegionLabel.substr(0, kNodeRegionLabel.find('/'))) return false;
  if (domain.starts_with("topology.")) return true;
  return domain.ends_with(kRestricted) &&
         (domain.size() == kRestricted.size() || domain[domain.size() - kRestricted.size() - 1] == '.');
}

Result<Node> DecodeNode(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode Node"));
  Node node;
  node.meta = std::move(*meta);
  const kube::View labels = object["metadata"]["labels"];
  node.topology_region = KnownText(labels[kTopologyRegion]);
  node.topology_zone = KnownText(labels[kTopologyZone]);
  node.legacy_region = KnownText(labels[kLegacyTopologyRegion]);
  node.legacy_zone = KnownText(labels[kLegacyTopologyZone]);
  node.region_label = KnownText(labels[kNodeRegionLabel]);
  node.country_label = KnownText(labels[kNodeCountryLabel]);
  node.lost_since_label = KnownText(labels[kNodeLostSinceLabel]);
  node.lost_region_label = KnownText(labels[kNodeLostRegionLabel]);
  node.cordoned_label = KnownText(labels[kNodeCordonedLabel]);
  KeepLocationLabels(labels, node);

  const kube::View spec = object["spec"];
  node.provider_id = Id(spec["providerID"]);
  const kube::View info = object["status"]["nodeInfo"];
  node.system_uuid = Id(info["systemUUID"]);
  node.machine_id = Id(info["machineID"]);
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
  const bool selects = !KnownText(object["spec"]["nodeSelector"][kNodeRegionLabel]).empty();
  if (!selects && KnownText(object["metadata"]["labels"][kWorkloadLabel]).empty())
    return Fail(Error::NotFound("the pod is of no region"));
  return DecodeAnyPod(object);
}

Result<Pod> DecodeAnyPod(kube::View object) {
  const kube::View spec = object["spec"];
  Pod pod;
  pod.region = KnownText(spec["nodeSelector"][kNodeRegionLabel]);
  pod.workload = KnownText(object["metadata"]["labels"][kWorkloadLabel]);
  if (!pod.workload.empty()) pod.region_label = KnownText(object["metadata"]["labels"][kRegionLabel]);

  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode Pod"));
  pod.meta = std::move(*meta);
  pod.node = KnownText(spec["nodeName"]);
  const kube::View grace =
      pod.meta.deleting ? object["metadata"]["deletionGracePeriodSeconds"] : spec["terminationGracePeriodSeconds"];
  pod.grace_seconds = grace.Int(pod.grace_seconds);
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
  const kube::View labels = object["metadata"]["labels"];
  Namespace ns{std::move(*meta), KnownText(labels[kRegionLabel]), {}, {}};
  ns.guarded = KnownText(object["metadata"]["annotations"][kPodSecurityAnnotation]);
  labels.ForEachMember([&](std::string_view key, kube::View value) { ns.labels.emplace(key, value.Str()); });
  return ns;
}

}  // namespace rempart::api
