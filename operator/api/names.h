// Names that are part of the API: labels, annotations, finalizers, reasons. Spelled once, here.
#pragma once

#include <string_view>

#include "src/kube/object.h"

namespace rempart::api {

inline constexpr std::string_view kGroup = "rempart.dev";
inline constexpr kube::Resource kRegions{"rempart.dev", "v1alpha1", "sovereignregions", "SovereignRegion", false};
inline constexpr kube::Resource kProfiles{"rempart.dev", "v1alpha1", "hostingprofiles", "HostingProfile", false};
inline constexpr kube::Resource kMutatingPolicies{"admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies",
                                                  "MutatingAdmissionPolicy", false};
inline constexpr kube::Resource kMutatingPolicyBindings{
    "admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", false};
inline constexpr kube::Resource kAttestations{"rempart.dev", "v1alpha1", "nodeattestations", "NodeAttestation", false};
inline constexpr kube::Resource kWorkloads{"rempart.dev", "v1alpha1", "tenantworkloads", "TenantWorkload", true};
inline constexpr kube::Resource kPerimeterParameters{"rempart.dev", "v1alpha1", "perimeterparameters",
                                                     "PerimeterParameters", false};
inline constexpr kube::Resource kAdmissionPolicies{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicies",
                                                   "ValidatingAdmissionPolicy", false};
inline constexpr kube::Resource kAdmissionPolicyBindings{"admissionregistration.k8s.io", "v1",
                                                         "validatingadmissionpolicybindings",
                                                         "ValidatingAdmissionPolicyBinding", false};
inline constexpr kube::Resource kNodes{"", "v1", "nodes", "Node", false};
inline constexpr kube::Resource kPods{"", "v1", "pods", "Pod", true};
inline constexpr kube::Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr kube::Resource kNetworkPolicies{"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true};
inline constexpr kube::Resource kDeployments{"apps", "v1", "deployments", "Deployment", true};
inline constexpr kube::Resource kStatefulSets{"apps", "v1", "statefulsets", "StatefulSet", true};
inline constexpr kube::Resource kDaemonSets{"apps", "v1", "daemonsets", "DaemonSet", true};
inline constexpr kube::Resource kJobs{"batch", "v1", "jobs", "Job", true};
inline constexpr kube::Resource kCronJobs{"batch", "v1", "cronjobs", "CronJob", true};

// On qualified nodes, by the operator only. NodeRestriction keeps kubelets from setting labels under this prefix on
// their own node.
inline constexpr std::string_view kNodeRegionLabel = "rempart.node-restriction.kubernetes.io/region";
inline constexpr std::string_view kNodeCountryLabel = "rempart.node-restriction.kubernetes.io/country";
// On a node that lost its qualification: since when ("20261122T102300Z"), which region it served, and whether we
// cordoned it. Labels under the restricted prefix rather than annotations, so that a kubelet cannot put off an
// eviction.
inline constexpr std::string_view kNodeLostSinceLabel = "rempart.node-restriction.kubernetes.io/lost-since";
inline constexpr std::string_view kNodeLostRegionLabel = "rempart.node-restriction.kubernetes.io/lost-region";
inline constexpr std::string_view kNodeCordonedLabel = "rempart.node-restriction.kubernetes.io/cordoned";
// Taint of nodes outside every region, where a region asks for it: value "true", effect NoSchedule.
inline constexpr std::string_view kOutsideTaint = "rempart.dev/outside";

inline constexpr std::string_view kTopologyRegion = "topology.kubernetes.io/region";
inline constexpr std::string_view kTopologyZone = "topology.kubernetes.io/zone";
inline constexpr std::string_view kLegacyTopologyRegion = "failure-domain.beta.kubernetes.io/region";
inline constexpr std::string_view kLegacyTopologyZone = "failure-domain.beta.kubernetes.io/zone";

inline constexpr std::string_view kOurPrefix = "rempart.dev/";          // of labels and annotations
inline constexpr std::string_view kRegionLabel = "rempart.dev/region";  // namespaces; children and their pods
inline constexpr std::string_view kWorkloadLabel =
    "rempart.dev/workload";  // children and their pods: the TenantWorkload's name (63 characters at most)
inline constexpr std::string_view kManagedByLabel = "app.kubernetes.io/managed-by";  // "rempart"
inline constexpr std::string_view kAdoptAnnotation = "rempart.dev/adopt";  // "true" on an object that may be taken over
// On a namespace: which labels of Pod Security the operator set, so that it knows its own from others'.
inline constexpr std::string_view kPodSecurityAnnotation = "rempart.dev/pod-security";
inline constexpr std::string_view kDefaultDenyName = "rempart-default-deny";  // a NetworkPolicy in each namespace
inline constexpr std::string_view kRegionFinalizer = "rempart.dev/in-use";

}  // namespace rempart::api
