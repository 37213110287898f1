#include "operator/cli/judged_objects.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "operator/api/names.h"
#include "src/kube/pod_defaults.h"

namespace rempart::cli {
namespace {

struct Kind {
  std::string_view group, kind;
  bool operator==(const Kind&) const = default;
};

Kind KindOf(const Json& object) {
  const std::string_view api_version = object.at("apiVersion").get_ref<const std::string&>();
  const auto slash = api_version.find('/');
  return {slash == api_version.npos ? std::string_view() : api_version.substr(0, slash),
          object.at("kind").get_ref<const std::string&>()};
}

constexpr std::string_view kOldGroup = "extensions";  // of Deployments and DaemonSets, until Kubernetes 1.16
constexpr Kind kPod{"", "Pod"}, kStatefulSet{"apps", "StatefulSet"};

constexpr std::array<const char*, 2> kTemplate{"spec", "template"};
constexpr std::array<const char*, 4> kJobTemplate{"spec", "jobTemplate", "spec", "template"};
constexpr std::array<const char*, 1> kBareTemplate{"template"};

struct Holder {
  Kind kind;
  std::span<const char* const> path;  // of its pod template
};
constexpr std::array kHolders{
    Holder{{"apps", "Deployment"}, kTemplate},
    Holder{kStatefulSet, kTemplate},
    Holder{{"apps", "DaemonSet"}, kTemplate},
    Holder{{"apps", "ReplicaSet"}, kTemplate},
    Holder{{"batch", "Job"}, kTemplate},
    Holder{{"batch", "CronJob"}, kJobTemplate},
    Holder{{"", "ReplicationController"}, kTemplate},
    Holder{{"", "PodTemplate"}, kBareTemplate},
    Holder{{api::kGroup, "TenantWorkload"}, kTemplate},
    Holder{{"argoproj.io", "Rollout"}, kTemplate},
    Holder{{kOldGroup, "Deployment"}, kTemplate},
    Holder{{kOldGroup, "DaemonSet"}, kTemplate},
    Holder{{kOldGroup, "ReplicaSet"}, kTemplate},
};

constexpr std::array kClusterScoped{
    Kind{"", "ComponentStatus"},
    Kind{"", "Namespace"},
    Kind{"", "Node"},
    Kind{"", "PersistentVolume"},
    Kind{"admissionregistration.k8s.io", "MutatingAdmissionPolicy"},
    Kind{"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"},
    Kind{"admissionregistration.k8s.io", "MutatingWebhookConfiguration"},
    Kind{"admissionregistration.k8s.io", "ValidatingAdmissionPolicy"},
    Kind{"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"},
    Kind{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"},
    Kind{"apiextensions.k8s.io", "CustomResourceDefinition"},
    Kind{"apiregistration.k8s.io", "APIService"},
    Kind{"cert-manager.io", "ClusterIssuer"},
    Kind{"certificates.k8s.io", "CertificateSigningRequest"},
    Kind{"certificates.k8s.io", "ClusterTrustBundle"},
    Kind{"external-secrets.io", "ClusterExternalSecret"},
    Kind{"external-secrets.io", "ClusterSecretStore"},
    Kind{"flowcontrol.apiserver.k8s.io", "FlowSchema"},
    Kind{"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"},
    Kind{"gateway.networking.k8s.io", "GatewayClass"},
    Kind{"networking.k8s.io", "IPAddress"},
    Kind{"networking.k8s.io", "IngressClass"},
    Kind{"networking.k8s.io", "ServiceCIDR"},
    Kind{"node.k8s.io", "RuntimeClass"},
    Kind{"rbac.authorization.k8s.io", "ClusterRole"},
    Kind{"rbac.authorization.k8s.io", "ClusterRoleBinding"},
    Kind{api::kGroup, "HostingProfile"},
    Kind{api::kGroup, "NodeAttestation"},
    Kind{api::kGroup, "SovereignRegion"},
    Kind{"resource.k8s.io", "DeviceClass"},
    Kind{"resource.k8s.io", "ResourceSlice"},
    Kind{"scheduling.k8s.io", "PriorityClass"},
    Kind{"storage.k8s.io", "CSIDriver"},
    Kind{"storage.k8s.io", "CSINode"},
    Kind{"storage.k8s.io", "StorageClass"},
    Kind{"storage.k8s.io", "VolumeAttachment"},
    Kind{"storage.k8s.io", "VolumeAttributesClass"},
};

// Kinds that none of us knows. A definition's schema, and the patterns of a policy engine, look like pod templates and
// are none.
bool IsCustom(const Kind& kind) {
  return kind.group.contains('.') && kind.group != "apiextensions.k8s.io" && kind.group != "kyverno.io" &&
         !kind.group.ends_with(".kyverno.io");
}

// A step of a path, as FieldLines reads it.
std::string Below(const std::string& path, const std::string& key) {
  if (key.find_first_of(".[]") != key.npos) return path + "[\"" + key + "\"]";
  return path.empty() ? key : path + "." + key;
}

// The member, where `value` is an object and has one that is not null.
Json* Member(Json& value, const char* key) {
  if (!value.is_object()) return nullptr;
  const auto at = value.find(key);
  return at == value.end() || at->is_null() ? nullptr : &*at;
}

class Walk {
 public:
  explicit Walk(const std::function<void(const std::string&, const Json&)>& judge) : judge_(judge) {}

  std::vector<std::string> Take(Json object) {
    const Kind kind = KindOf(object);
    if (kind == kPod) kube::DefaultVolumes(object);
    judge_("", object);
    if (const Json* metadata = Member(object, "metadata")) {
      if (const auto ns = metadata->find("namespace"); ns != metadata->end()) namespace_ = *ns;
    }
    placed_ = kind.group == api::kGroup;
    if (kind == kPod) TakeVolumes(object, "");
    if (const auto holder = std::ranges::find(kHolders, kind, &Holder::kind); holder != kHolders.end()) {
      TakePodTemplate(object, holder->path);
    } else if (IsCustom(kind)) {
      for (auto& [key, member] : object.items()) Search(member, Below("", key));
    }
    if (kind == kStatefulSet) TakeClaimTemplates(object);
    return std::move(unreadable_);
  }

 private:
  void TakePodTemplate(Json& object, std::span<const char* const> path) {
    Json* part = &object;
    std::string prefix;
    for (const char* step : path) {
      part = Member(*part, step);
      if (part == nullptr) return;
      prefix += step;
      if (!part->is_object()) return unreadable_.push_back(std::move(prefix));
      prefix += '.';
    }
    TakePod(std::move(*part), prefix);
  }

  void TakePod(Json part, const std::string& prefix) {
    Json pod = Make("Pod", std::move(part));
    if (placed_) pod["apiVersion"] = kPlacedPods;
    kube::DefaultVolumes(pod);
    judge_(prefix, pod);
    TakeVolumes(pod, prefix);
  }

  // An object of another kind than Pod is not made a pod of, and may have templates in it.
  static bool IsPodTemplate(Json& value) {
    Json* spec = Member(value, "spec");
    const Json* containers = spec != nullptr ? Member(*spec, "containers") : nullptr;
    if (containers == nullptr || !containers->is_array() || containers->empty()) return false;
    const Json* kind = Member(value, "kind");
    return kind == nullptr || *kind == kPod.kind;
  }

  // Pod templates in what nobody told us the shape of. As deep as documents are read.
  void Search(Json& value, const std::string& path) {
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) Search(value[i], path + "[" + std::to_string(i) + "]");
    } else if (value.is_object()) {
      if (IsPodTemplate(value)) return TakePod(std::move(value), path + ".");
      for (auto& [key, member] : value.items()) Search(member, Below(path, key));
    }
  }

  // A pod's ephemeral volumes are claims of its own.
  void TakeVolumes(Json& pod, const std::string& prefix) {
    Json* spec = Member(pod, "spec");
    Json* volumes = spec != nullptr ? Member(*spec, "volumes") : nullptr;
    if (volumes == nullptr || !volumes->is_array()) return;
    for (std::size_t i = 0; i < volumes->size(); ++i) {
      Json* ephemeral = Member((*volumes)[i], "ephemeral");
      Json* claim = ephemeral != nullptr ? Member(*ephemeral, "volumeClaimTemplate") : nullptr;
      if (claim != nullptr) {
        TakeClaim(std::move(*claim), prefix + "spec.volumes[" + std::to_string(i) + "].ephemeral.volumeClaimTemplate");
      }
    }
  }

  void TakeClaimTemplates(Json& object) {
    Json* spec = Member(object, "spec");
    Json* claims = spec != nullptr ? Member(*spec, "volumeClaimTemplates") : nullptr;
    if (claims == nullptr || !claims->is_array()) return;
    for (std::size_t i = 0; i < claims->size(); ++i) {
      TakeClaim(std::move((*claims)[i]), "spec.volumeClaimTemplates[" + std::to_string(i) + "]");
    }
  }

  void TakeClaim(Json claim, std::string path) {
    if (!claim.is_object()) return unreadable_.push_back(std::move(path));
    judge_(path + ".", Make("PersistentVolumeClaim", std::move(claim)));
  }

  Json Make(const char* kind, Json part) const {
    Json made = {{"apiVersion", "v1"}, {"kind", kind}};
    Json& metadata = made["metadata"];
    if (Json* own = Member(part, "metadata")) metadata = std::move(*own);
    if (metadata.is_null()) metadata = Json::object();
    if (metadata.is_object() && !namespace_.is_null()) metadata["namespace"] = namespace_;
    if (Json* spec = Member(part, "spec")) made["spec"] = std::move(*spec);
    return made;
  }

  const std::function<void(const std::string&, const Json&)>& judge_;
  Json namespace_;
  bool placed_ = false;  // by the operator
  std::vector<std::string> unreadable_;
};

}  // namespace

std::vector<std::string> ForEachJudged(
    Json object, const std::function<void(const std::string& prefix, const Json& object)>& judge) {
  return Walk(judge).Take(std::move(object));
}

std::string FieldInManifest(std::string_view prefix, std::string_view field) {
  if (field.empty() && prefix.ends_with('.')) prefix.remove_suffix(1);
  if (field.starts_with('[') && prefix.ends_with('.')) prefix.remove_suffix(1);
  return std::string(prefix).append(field);
}

kube::Labels LabelsOf(const Json& object) {
  kube::Labels labels;
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return labels;
  if (const auto given = metadata->find("labels"); given != metadata->end() && given->is_object())
    for (const auto& [key, value] : given->items())
      if (value.is_string()) labels[key] = value.get<std::string>();
  return labels;
}

bool IsClusterScoped(const Json& object) {
  return std::ranges::find(kClusterScoped, KindOf(object)) != kClusterScoped.end();
}

}  // namespace rempart::cli
