// What of a manifest's object is judged: itself, and what controllers will make from it. Pure.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"
#include "src/kube/label_selector.h"

namespace rempart::cli {

inline constexpr char kPlacedPods[] = "rempart.dev/v1alpha1";

// Calls `judge` for the object itself with prefix "", then for each object that controllers will create from a part of
// it, with the path of that part: a Pod of metadata and spec for the pod template in a PodTemplate ("template."),
// Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet, Job, TenantWorkload, Argo Rollout
// ("spec.template."), or CronJob ("spec.jobTemplate.spec.template."); in a custom resource of any other kind, wherever
// below its members an object has a `spec` with a list of `containers` (but in those of policy engines); a
// PersistentVolumeClaim for the claim templates of a StatefulSet ("spec.volumeClaimTemplates[0].") and of a pod's
// ephemeral volumes. They get the object's namespace. A TenantWorkload's pod gets the apiVersion kPlacedPods, which no
// manifest can have for a Pod: the operator will hold it to the region, so that its template need not. Kinds are told
// by their group too, in any version. What is not there is not judged.
//
// `object` has apiVersion and kind as texts, and a metadata that is an object if it is there. Returns the paths of
// templates that are no objects, and so cannot be judged.
std::vector<std::string> ForEachJudged(Json object,
                                       const std::function<void(const std::string& prefix, const Json& object)>& judge);

// A field of a judged object in the terms of the manifest: "spec.template." and "spec.nodeName" give
// "spec.template.spec.nodeName"; no field gives the part itself, "spec.template".
std::string FieldInManifest(std::string_view prefix, std::string_view field);

// Its metadata.labels, as far as they are texts.
kube::Labels LabelsOf(const Json& object);

// Kinds of Kubernetes, Rempart and their usual neighbours that are in no namespace. Another kind is taken to be in one.
bool IsClusterScoped(const Json& object);

}  // namespace rempart::cli
