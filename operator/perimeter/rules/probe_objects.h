// The objects that probes are made of: valid to the API server and compliant with the region, but for what a probe
// changes. Pure. Only probes.cc and its tests call it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "operator/api/sovereign_region.h"
#include "src/base/json.h"
#include "src/kube/object.h"

namespace rempart::rules::probe {

inline constexpr kube::Resource kServices{"", "v1", "services", "Service", true};
inline constexpr kube::Resource kClaims{"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true};
inline constexpr kube::Resource kEndpoints{"", "v1", "endpoints", "Endpoints", true};
inline constexpr kube::Resource kSlices{"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true};
inline constexpr kube::Resource kStores{"external-secrets.io", "v1", "secretstores", "SecretStore", true};
inline constexpr kube::Resource kExternalSecrets{"external-secrets.io", "v1", "externalsecrets", "ExternalSecret",
                                                 true};

inline constexpr kube::Resource kPushSecrets{"external-secrets.io", "v1alpha1", "pushsecrets", "PushSecret", true};
inline constexpr kube::Resource kSnapshots{"snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", true};
inline constexpr kube::Resource kIngresses{"networking.k8s.io", "v1", "ingresses", "Ingress", true};
inline constexpr kube::Resource kGateways{"gateway.networking.k8s.io", "v1", "gateways", "Gateway", true};
inline constexpr kube::Resource kHttpRoutes{"gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", true};
inline constexpr kube::Resource kNetworkSets{"crd.projectcalico.org", "v1", "networksets", "NetworkSet", true};
inline constexpr kube::Resource kStorageClasses{"storage.k8s.io", "v1", "storageclasses", "StorageClass", false};
inline constexpr kube::Resource kVolumes{"", "v1", "persistentvolumes", "PersistentVolume", false};
inline constexpr kube::Resource kClusterStores{"external-secrets.io", "v1", "clustersecretstores", "ClusterSecretStore",
                                               false};
inline constexpr std::string_view kPodSecurityLevel = "pod-security.kubernetes.io/enforce";

// {apiVersion, kind, metadata.name: rempart-probe}
Json Bare(const kube::Resource& resource);

// Fit for Pod Security's restricted level, and held to the region's nodes.
Json Pod(const std::string& region, const std::string& image);
Json Service();
Json Claim(const std::string& storage_class);
Json Binding(const std::string& node);
Json Slice(const std::string& address);
Json Endpoints(const std::string& address);
Json SecretStore(const std::string& name);
Json NetworkPolicy();                            // whose pods send to pods of their namespace
Json Ingress(const std::string& ingress_class);  // "" for one that names none
Json Gateway(const std::string& gateway_class);
Json HttpRoute(const Json& backend);  // a backendRef
Json NetworkSet(const std::string& net);
Json StorageClass(const std::string& name, const std::string& provisioner);
Json Volume(const std::string& storage_class, const std::string& zone);  // "" for one of every zone
Json ExternalSecret(const std::string& store);                           // "" for one that names none
Json PushSecret(const std::string& store);
Json Snapshot(const std::string& snapshot_class);
Json Namespace(const api::SovereignRegion& region);
Json RegionNode(const std::string& name, const std::string& region);

// Images that the region may let in, in the order of its list; not every registry that may be written there can be
// meant by an image.
std::vector<std::string> Images(const api::SovereignRegion& region);
std::string ForeignImage(const api::SovereignRegion& region);      // from no registry of the region
std::string UnreleasedDigest(const api::SovereignRegion& region);  // "sha256:…"

// `stem`, or stem-1, stem-2, … : the first of which `taken` is not true.
std::string Free(const std::string& stem, const std::function<bool(const std::string&)>& taken);

// One that is none of the names.
std::string NoneOf(const std::vector<std::string>& names, const std::string& stem = "rempart-probe");

// Addresses that an endpoint may have, here and there in the world, those for documentation first.
const std::vector<std::string>& Addresses();

}  // namespace rempart::rules::probe
