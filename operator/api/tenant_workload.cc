#include "operator/api/tenant_workload.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "operator/api/decoded_text.h"
#include "operator/api/spec_reader.h"

namespace rempart::api {

namespace {

using Need = SpecReader::Need;

constexpr std::size_t kMaxZones = 100;
constexpr std::size_t kMaxTemplate = 1024 * 1024;  // of the pod template and of the child's spec, each
// The name becomes the child's name and the value of a label. A CronJob appends 11 characters to it for its Jobs, a
// StatefulSet as many for the revision label of its pods.
constexpr std::size_t kMaxName = 63;
constexpr std::size_t kMaxNameAppendedTo = 52;

struct KindField {
  ChildKind kind;
  std::string_view field;
};
constexpr std::array<KindField, kChildKinds> kKindFields{{
    {ChildKind::kDeployment, "deployment"},
    {ChildKind::kStatefulSet, "statefulSet"},
    {ChildKind::kDaemonSet, "daemonSet"},
    {ChildKind::kJob, "job"},
    {ChildKind::kCronJob, "cronJob"},
}};

// Compact JSON of an object that may not be larger than kMaxTemplate; "" otherwise.
std::string ObjectText(const Field& at, SpecReader& reader) {
  std::string text = at.value.Minified();
  if (text.size() > kMaxTemplate) {
    reader.Refuse(
        at, fmt::format("has {} bytes, at most {} are allowed: move data into a ConfigMap", text.size(), kMaxTemplate));
    return {};
  }
  text.shrink_to_fit();
  return text;
}

Placement ReadPlacement(const Field& at, SpecReader& reader) {
  Placement placement;
  if (!reader.Object(at, Need::kOptional)) return placement;
  using Spread = Placement::Spread;
  placement.spread = reader.OneOf<Spread>(
      at["spread"], {{"Zone", Spread::kZone}, {"Node", Spread::kNode}, {"None", Spread::kNone}}, placement.spread);
  placement.zones = reader.Texts(at["zones"], 0, kMaxZones, kLabelValueRule);
  placement.min_zones = static_cast<int>(reader.Int(at["minZones"], 1, kMaxZones, 1));
  if (!placement.zones.empty() && static_cast<std::size_t>(placement.min_zones) > placement.zones.size()) {
    reader.Refuse(at["minZones"],
                  fmt::format("{} is more than the {} zones that are listed: lower it, or list more zones",
                              placement.min_zones, placement.zones.size()));
  }
  return placement;
}

void ReadKind(const Field& spec, SpecReader& reader, TenantWorkload& workload) {
  std::string given;
  std::size_t count = 0;
  for (const auto& [kind, name] : kKindFields) {
    const Field at = spec[name];
    if (!at.value.exists()) continue;
    given.append(given.empty() ? "" : " and ").append(name);
    if (++count > 1) continue;
    workload.kind = kind;
    if (reader.Object(at, Need::kOptional)) workload.child_json = ObjectText(at, reader);
  }
  if (count > 1) reader.Refuse(spec, given + " are given, but a workload has one kind: keep one of them");
}

void ReadSpec(const Field& spec, SpecReader& reader, TenantWorkload& workload) {
  if (!reader.Object(spec, Need::kRequired)) return;
  workload.region = reader.Text(spec["region"], kRegionNameRule, Need::kOptional);
  workload.replicas =
      static_cast<std::int32_t>(reader.Int(spec["replicas"], 0, std::numeric_limits<std::int32_t>::max(), 1));
  workload.placement = ReadPlacement(spec["placement"], reader);
  ReadKind(spec, reader, workload);
  const Field pod_template = spec["template"];
  if (!reader.Object(pod_template, Need::kRequired)) return;
  reader.Object(pod_template["spec"], Need::kRequired);
  workload.template_json = ObjectText(pod_template, reader);
}

void CheckName(SpecReader& reader, const TenantWorkload& workload) {
  const bool appended_to = workload.kind == ChildKind::kCronJob || workload.kind == ChildKind::kStatefulSet;
  const std::size_t most = appended_to ? kMaxNameAppendedTo : kMaxName;
  const std::string& name = workload.meta.key.name;
  if (name.size() <= most) return;
  reader.Refuse(
      {{}, "metadata.name"},
      fmt::format(
          "has {} characters, the name of a workload that is a {} has at most {}: create it under a shorter name",
          name.size(), ResourceOf(workload.kind).kind, most));
}

}  // namespace

const kube::Resource& ResourceOf(ChildKind kind) {
  switch (kind) {
    case ChildKind::kDeployment:
      return kDeployments;
    case ChildKind::kStatefulSet:
      return kStatefulSets;
    case ChildKind::kDaemonSet:
      return kDaemonSets;
    case ChildKind::kJob:
      return kJobs;
    case ChildKind::kCronJob:
      return kCronJobs;
  }
  return kDeployments;
}

Result<TenantWorkload> DecodeTenantWorkload(kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode TenantWorkload"));
  TenantWorkload workload;
  workload.meta = std::move(*meta);

  SpecReader reader;
  ReadSpec({object["spec"], "spec"}, reader, workload);
  CheckName(reader, workload);
  workload.invalid = std::move(reader).TakeProblem();
  workload.status_json = StatusText(object["status"]);
  return workload;
}

}  // namespace rempart::api
