// Children as they stand (declared in observed.h).
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "operator/api/decoded_text.h"
#include "operator/api/governed.h"
#include "operator/api/observed.h"
#include "src/base/text.h"

namespace rempart::api {

namespace {

constexpr std::size_t kMaxFailure = 256;

std::int32_t Count(kube::View value) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(value.Int(), 0, std::numeric_limits<std::int32_t>::max()));
}

kube::View TemplateOf(ChildKind kind, kube::View spec) {
  return kind == ChildKind::kCronJob ? spec["jobTemplate"]["spec"]["template"] : spec["template"];
}

kube::View ControllerOf(kube::View metadata) {
  kube::View controller;
  metadata["ownerReferences"].ForEachElement([&](kube::View owner) {
    if (owner["controller"].Bool() && !controller) controller = owner;
  });
  return controller;
}

bool IsWorkload(kube::View owner) {
  return owner["kind"].Str() == kWorkloads.kind && owner["apiVersion"].Str().starts_with(kOurPrefix);
}

std::string ReasonAndMessage(kube::View condition) {
  return CleanText(std::string(condition["reason"].Str("Failed")) + ": " + std::string(condition["message"].Str()),
                   kMaxFailure);
}

void ReadConditions(ChildKind kind, kube::View status, Child& child) {
  status["conditions"].ForEachElement([&](kube::View condition) {
    const std::string_view type = condition["type"].Str();
    const bool is_true = condition["status"].Str() == "True";
    const bool is_false = condition["status"].Str() == "False";
    if (kind == ChildKind::kJob && type == "Complete") child.complete = is_true;
    const bool failed = (kind == ChildKind::kDeployment && type == "Progressing" && is_false) ||
                        (kind == ChildKind::kDeployment && type == "ReplicaFailure" && is_true) ||
                        (kind == ChildKind::kJob && type == "Failed" && is_true);
    // A replica failure names the cause (a quota, a refused pod), lack of progress only the consequence.
    if (failed && (child.failure.empty() || type == "ReplicaFailure")) child.failure = ReasonAndMessage(condition);
  });
}

void ReadCounts(ChildKind kind, kube::View status, Child& child) {
  switch (kind) {
    case ChildKind::kDeployment:
    case ChildKind::kStatefulSet:
      child.replicas = Count(status["replicas"]);
      child.ready = Count(status["readyReplicas"]);
      child.updated = Count(status["updatedReplicas"]);
      child.available = Count(status["availableReplicas"]);
      return;
    case ChildKind::kDaemonSet:
      child.replicas = Count(status["desiredNumberScheduled"]);
      child.ready = Count(status["numberReady"]);
      child.updated = Count(status["updatedNumberScheduled"]);
      child.available = Count(status["numberAvailable"]);
      return;
    case ChildKind::kJob:
      child.replicas = Count(status["active"]);
      child.ready = Count(status["ready"]);
      return;
    case ChildKind::kCronJob:
      child.replicas = static_cast<std::int32_t>(std::min<std::size_t>(status["active"].Size(), 1'000'000));
      return;
  }
}

}  // namespace

Result<Child> DecodeChild(ChildKind kind, kube::View object) {
  auto meta = kube::DecodeMeta(object);
  if (!meta) return Fail(std::move(meta).error().While("decode " + std::string(ResourceOf(kind).kind)));
  Child child;
  child.meta = std::move(*meta);
  child.kind = kind;

  const kube::View metadata = object["metadata"];
  const kube::View controller = ControllerOf(metadata);
  const kube::View adopt = metadata["annotations"][kAdoptAnnotation];
  child.controller_uid = KnownText(controller["uid"]);
  child.controller_is_workload = IsWorkload(controller);
  child.adopt = adopt.AsString() == "true";
  const kube::View spec = object["spec"];
  const kube::View pod_spec = TemplateOf(kind, spec)["spec"];
  child.region_label = KnownText(metadata["labels"][kRegionLabel]);
  child.node_selector_region = KnownText(pod_spec["nodeSelector"][kNodeRegionLabel]);
  child.sets_node_name = !KnownText(pod_spec["nodeName"]).empty();
  if (!child.controller_is_workload && !adopt && !metadata["labels"][kWorkloadLabel]) return child;

  child.digest = DigestOfGoverned(object);
  child.suspended = (kind == ChildKind::kJob || kind == ChildKind::kCronJob) && spec["suspend"].Bool();
  const kube::View status = object["status"];
  child.observed_generation = status["observedGeneration"].Int();
  ReadCounts(kind, status, child);
  ReadConditions(kind, status, child);
  return child;
}

}  // namespace rempart::api
