#include "operator/workload/child.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "operator/api/names.h"
#include "operator/workload/json_access.h"
#include "operator/workload/placement.h"
#include "operator/workload/selection.h"

namespace rempart::workload {
namespace {

// Names become label values.
constexpr std::size_t kMaxLabelValue = 63;

std::unexpected<Error> Refused(std::string_view field, std::string_view why) {
  return Fail(Error::Invalid(fmt::format("{}: {}", field, why)));
}

// The tenant's part of the child's spec, as an object; empty where none was given.
Result<Json> ReadChildSpec(const api::TenantWorkload& workload) {
  if (workload.child_json.empty()) return Json::object();
  const std::string field = fmt::format("spec.{}", ChildField(workload.kind));
  auto spec = ParseJson(workload.child_json);
  if (!spec) return Refused(field, spec.error().message);
  if (spec->is_null()) return Json::object();
  if (!spec->is_object()) return Refused(field, "is not an object");
  // The schema does not let these in; they would contradict what is said elsewhere.
  if (spec->contains("template"))
    return Refused(field + ".template", "the pod template is spec.template, for every kind: take this one out");
  if (spec->contains("replicas"))
    return Refused(field + ".replicas", "the number of replicas is spec.replicas: take this one out");
  return spec;
}

// Jobs do not take a pod's default restartPolicy (Always); what they take is Never or OnFailure.
void DefaultRestartPolicy(Json& pod_template) {
  Json& policy = pod_template["spec"]["restartPolicy"];
  if (policy.is_null()) policy = "OnFailure";
}

// The child's spec around the rendered template.
Result<Json> ChildSpec(const api::TenantWorkload& workload, Json pod_template) {
  auto read = ReadChildSpec(workload);
  if (!read) return Fail(std::move(read.error()));
  Json& spec = *read;
  using Kind = api::ChildKind;
  switch (workload.kind) {
    case Kind::kDeployment:
    case Kind::kStatefulSet:
      spec["replicas"] = workload.replicas;
      [[fallthrough]];
    case Kind::kDaemonSet:
      if (!Member(spec, "selector"))
        spec["selector"] = {{"matchLabels", {{api::kWorkloadLabel, workload.meta.key.name}}}};
      spec["template"] = std::move(pod_template);
      break;
    case Kind::kJob:  // a Job makes its own selector, unless manualSelector says otherwise
      DefaultRestartPolicy(pod_template);
      spec["template"] = std::move(pod_template);
      break;
    case Kind::kCronJob: {
      constexpr std::string_view kField = "spec.cronJob.jobTemplate";
      const Json* job = Member(spec, "jobTemplate");
      if (job && !job->is_object()) return Refused(kField, "is not an object");
      const Json* job_spec = Member(job, "spec");
      if (job_spec && !job_spec->is_object()) return Refused(fmt::format("{}.spec", kField), "is not an object");
      if (job_spec && job_spec->contains("template"))
        return Refused(fmt::format("{}.spec.template", kField),
                       "the pod template is spec.template, for every kind: take this one out");
      DefaultRestartPolicy(pod_template);
      ObjectAt(ObjectAt(spec, "jobTemplate"), "spec")["template"] = std::move(pod_template);
      break;
    }
  }
  return read;
}

// One requirement of a label selector in the form that label selectors have in queries.
std::string RequirementText(const Requirement& requirement) {
  const std::string values = fmt::format("{}", fmt::join(requirement.values, ","));
  switch (requirement.op) {
    case Requirement::Op::kIn:
      return fmt::format("{} in ({})", requirement.key, values);
    case Requirement::Op::kNotIn:
      return fmt::format("{} notin ({})", requirement.key, values);
    case Requirement::Op::kExists:
      return std::string(requirement.key);
    case Requirement::Op::kDoesNotExist:
      return fmt::format("!{}", requirement.key);
    default:
      return {};  // Gt and Lt are for nodes only
  }
}

// "" where the selector is none that the API server would take.
std::string SelectorText(const Json& selector) {
  std::vector<std::string> parts;
  if (const Json* labels = Member(selector, "matchLabels")) {
    if (!labels->is_object()) return {};
    for (const auto& [key, value] : labels->items()) {
      if (!value.is_string()) return {};
      parts.push_back(fmt::format("{}={}", key, *Text(value)));
    }
  }
  if (const Json* expressions = Member(selector, "matchExpressions")) {
    if (!expressions->is_array()) return {};
    for (const auto& expression : *expressions) {
      const auto requirement = ReadRequirement(expression);
      if (!requirement || RequirementText(*requirement).empty()) return {};
      parts.push_back(RequirementText(*requirement));
    }
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

// "<desired>-<child>[-complete|-failed]"; all empty where it is anything else.
AppliedText ParseApplied(const std::string& text) {
  const auto is_digest = [](std::string_view digest) {
    return !digest.empty() && digest.size() <= 64 &&
           digest.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  };
  const auto first = text.find('-');
  if (first == std::string::npos) return {};
  const auto second = text.find('-', first + 1);
  AppliedText read{text.substr(0, first),
                   text.substr(first + 1, second == std::string::npos ? second : second - first - 1),
                   second == std::string::npos ? "" : text.substr(second + 1)};
  const bool ends_well = second == std::string::npos || read.ended == "complete" || read.ended == "failed";
  if (!ends_well || !is_digest(read.desired_digest) || !is_digest(read.child_digest)) return {};
  return read;
}

}  // namespace

std::string_view ChildField(api::ChildKind kind) {
  switch (kind) {
    case api::ChildKind::kDeployment:
      return "deployment";
    case api::ChildKind::kStatefulSet:
      return "statefulSet";
    case api::ChildKind::kDaemonSet:
      return "daemonSet";
    case api::ChildKind::kJob:
      return "job";
    case api::ChildKind::kCronJob:
      return "cronJob";
  }
  return "deployment";
}

Result<Json> RenderChild(const api::TenantWorkload& workload, const api::SovereignRegion& region) {
  auto pod_template = ParseJson(workload.template_json);
  if (!pod_template) return Refused("spec.template", pod_template.error().message);
  return RenderChild(workload, *std::move(pod_template), region);
}

Result<Json> RenderChild(const api::TenantWorkload& workload, Json pod_template, const api::SovereignRegion& region) {
  const std::string &name = workload.meta.key.name, &region_name = region.meta.key.name;
  if (name.size() > kMaxLabelValue)
    return Refused("metadata.name",
                   "has more than 63 characters, and becomes the value of a label: choose a shorter one");
  if (region_name.size() > kMaxLabelValue)
    return Refused("spec.region", "names a region with more than 63 characters, which cannot be the value of a label");
  if (!pod_template.is_object())
    return Refused("spec.template", "is not an object: write a pod template (metadata, spec)");
  auto spec = ChildSpec(workload, RenderTemplate(workload, std::move(pod_template), region));
  if (!spec) return Fail(std::move(spec.error()));

  const kube::Resource& resource = api::ResourceOf(workload.kind);
  const Json owner = {{"apiVersion", api::kWorkloads.ApiVersion()},
                      {"kind", api::kWorkloads.kind},
                      {"name", name},
                      {"uid", workload.meta.uid},
                      {"controller", true},
                      {"blockOwnerDeletion", true}};
  return Json{
      {"apiVersion", resource.ApiVersion()},
      {"kind", resource.kind},
      {"metadata",
       {{"name", name},
        {"namespace", workload.meta.key.ns},
        {"labels", {{api::kWorkloadLabel, name}, {api::kRegionLabel, region_name}, {api::kManagedByLabel, "rempart"}}},
        {"ownerReferences", Json::array({owner})}}},
      {"spec", std::move(*spec)}};
}

bool IsChildOf(const api::Child& child, const api::TenantWorkload& workload) {
  if (!child.controller_uid.empty()) return child.controller_uid == workload.meta.uid;
  return WasMadeFor(child, workload);
}

bool WasMadeFor(const api::Child& child, const api::TenantWorkload& workload) {
  if (workload.status_json.empty() || child.meta.uid.empty()) return false;
  const auto status = ParseJson(workload.status_json);
  return status && TextAt(Member(*status, "child"), "uid") == child.meta.uid;
}

Json HoldPatch(const api::Child& child, const std::string& region) {
  Json pod_spec = {{"nodeName", nullptr}};
  if (!region.empty()) pod_spec["nodeSelector"] = {{api::kNodeRegionLabel, region}};
  Json spec = {{"template", {{"spec", std::move(pod_spec)}}}};
  if (child.kind == api::ChildKind::kCronJob) spec = {{"jobTemplate", {{"spec", std::move(spec)}}}};
  return {{"metadata", {{"uid", child.meta.uid}}}, {"spec", std::move(spec)}};
}

std::string AppliedText::ToString() const {
  if (desired_digest.empty() || child_digest.empty()) return {};
  return fmt::format("{}-{}{}{}", desired_digest, child_digest, ended.empty() ? "" : "-", ended);
}

AppliedText ReadAppliedText(const std::string& status_json) {
  if (status_json.empty()) return {};
  const auto status = ParseJson(status_json);
  if (!status) return {};
  const Json* child = Member(*status, "child");
  AppliedText read = ParseApplied(TextAt(child, "applied"));
  read.region = TextAt(child, "region");
  if (read.region.size() > kMaxLabelValue) read.region.clear();
  return read;
}

bool RemovedAfterEnd(const Json& desired) {
  return TextAt(&desired, "kind") == api::kJobs.kind && Member(Member(desired, "spec"), "ttlSecondsAfterFinished");
}

std::string PodSelectorText(const api::TenantWorkload& workload) {
  std::string text;
  if (workload.child_json.find("\"selector\"") != std::string::npos) {  // parsing is not free, and most give none
    if (const auto spec = ParseJson(workload.child_json))
      if (const Json* selector = Member(*spec, "selector")) text = SelectorText(*selector);
  }
  // Longer than any real one: what an autoscaler cannot use is better than a status that is never written.
  constexpr std::size_t kMaxSelector = 4096;
  if (text.size() > kMaxSelector) return {};
  return text.empty() ? fmt::format("{}={}", api::kWorkloadLabel, workload.meta.key.name) : text;
}

}  // namespace rempart::workload
