#include "operator/workload/child.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "operator/api/names.h"
#include "operator/workload/json_access.h"
#include "operator/workload/selection.h"
#include "src/kube/apply.h"

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

// The text of an object with one more member. The object does not have it yet.
std::string WithMember(std::string_view key, std::string_view value, const Json& object) {
  const std::string others = Compact(object);
  std::string text;
  text.reserve(key.size() + value.size() + others.size() + 8);
  text.append("{\"").append(key).append("\":").append(value);
  if (!object.empty()) text += ',';
  return text.append(others, 1);
}

// The tenant's jobTemplate around the pod template.
Result<std::string> JobTemplate(const Json* job_template, std::string_view pod_template) {
  constexpr std::string_view kField = "spec.cronJob.jobTemplate";
  if (job_template && !job_template->is_object()) return Refused(kField, "is not an object");
  const Json* spec = Member(job_template, "spec");
  if (spec && !spec->is_object()) return Refused(fmt::format("{}.spec", kField), "is not an object");
  if (spec && spec->contains("template"))
    return Refused(fmt::format("{}.spec.template", kField),
                   "the pod template is spec.template, for every kind: take this one out");
  const std::string job_spec = WithMember("template", pod_template, spec ? *spec : Json::object());
  Json others = job_template ? *job_template : Json::object();
  others.erase("spec");
  return WithMember("spec", job_spec, others);
}

// The child's spec around the rendered template.
Result<std::string> ChildSpec(const api::TenantWorkload& workload, PodTemplate pod_template) {
  auto read = ReadChildSpec(workload);
  if (!read) return Fail(std::move(read.error()));
  Json& spec = *read;
  using Kind = api::ChildKind;
  if (workload.kind == Kind::kJob || workload.kind == Kind::kCronJob) {
    // Jobs do not take a pod's default restartPolicy (Always); what they take is Never or OnFailure.
    Json& policy = pod_template.judged["spec"]["restartPolicy"];
    if (policy.is_null()) policy = "OnFailure";
  } else if (!Member(spec, "selector")) {  // a Job makes its own, unless manualSelector says otherwise
    spec["selector"]["matchLabels"][std::string(api::kWorkloadLabel)] = workload.meta.key.name;
  }
  if (workload.kind == Kind::kDeployment || workload.kind == Kind::kStatefulSet) spec["replicas"] = workload.replicas;

  const std::string text = pod_template.ToText();
  if (workload.kind != Kind::kCronJob) return WithMember("template", text, spec);
  auto job_template = JobTemplate(Member(spec, "jobTemplate"), text);
  if (!job_template) return job_template;
  spec.erase("jobTemplate");
  return WithMember("jobTemplate", *job_template, spec);
}

// With what a rendered child begins, so that OnlyCreate finds the place.
constexpr std::string_view kMetadataFirst = R"({"metadata":{)";

Json Metadata(const api::TenantWorkload& workload, const std::string& region) {
  // Member by member: a braced list would build each pair as an array first.
  Json metadata = Json::object();
  metadata["name"] = workload.meta.key.name;
  metadata["namespace"] = workload.meta.key.ns;
  Json& labels = metadata["labels"];
  labels[std::string(api::kWorkloadLabel)] = workload.meta.key.name;
  labels[std::string(api::kRegionLabel)] = region;
  labels[std::string(api::kManagedByLabel)] = "rempart";
  Json& owner = metadata["ownerReferences"].emplace_back(Json::object());
  owner["apiVersion"] = api::kWorkloads.ApiVersion();
  owner["kind"] = api::kWorkloads.kind;
  owner["name"] = workload.meta.key.name;
  owner["uid"] = workload.meta.uid;
  owner["controller"] = true;
  owner["blockOwnerDeletion"] = true;
  return metadata;
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

Result<std::string> RenderChild(const api::TenantWorkload& workload, const api::SovereignRegion& region) {
  auto pod_template = ReadPodTemplate(workload.template_json);
  if (!pod_template) return Refused("spec.template", pod_template.error().message);
  return RenderChild(workload, *std::move(pod_template), region);
}

Result<std::string> RenderChild(const api::TenantWorkload& workload, PodTemplate pod_template,
                                const api::SovereignRegion& region) {
  const std::string &name = workload.meta.key.name, &region_name = region.meta.key.name;
  if (name.size() > kMaxLabelValue)
    return Refused("metadata.name",
                   "has more than 63 characters, and becomes the value of a label: choose a shorter one");
  if (region_name.size() > kMaxLabelValue)
    return Refused("spec.region", "names a region with more than 63 characters, which cannot be the value of a label");
  if (!pod_template.judged.is_object())
    return Refused("spec.template", "is not an object: write a pod template (metadata, spec)");
  pod_template.judged = RenderTemplate(workload, std::move(pod_template.judged), region);
  const auto spec = ChildSpec(workload, std::move(pod_template));
  if (!spec) return spec;

  const kube::Resource& resource = api::ResourceOf(workload.kind);
  return fmt::format(R"({}{},"apiVersion":"{}","kind":"{}","spec":{}}})", kMetadataFirst,
                     Compact(Metadata(workload, region_name)).substr(1), resource.ApiVersion(), resource.kind, *spec);
}

std::string OnlyCreate(std::string_view rendered) {
  return fmt::format(R"({}"resourceVersion":"{}",{})", kMetadataFirst, kube::kOnlyCreate,
                     rendered.substr(std::min(rendered.size(), kMetadataFirst.size())));
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

bool RemovedAfterEnd(const api::TenantWorkload& workload) {
  if (workload.kind != api::ChildKind::kJob) return false;
  const auto spec = ReadChildSpec(workload);
  return spec && Member(*spec, "ttlSecondsAfterFinished") != nullptr;
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
