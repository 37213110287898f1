// The two custom resources as typed structs, the way kubebuilder scaffolds them. Only what Deployment workloads need:
// the other kinds of child are no part of the comparison.
package main

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "rempart.dev", Version: "v1alpha1"}

func addToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(groupVersion, &SovereignRegion{}, &SovereignRegionList{}, &TenantWorkload{}, &TenantWorkloadList{})
	metav1.AddToGroupVersion(s, groupVersion)
	return nil
}

type SovereignRegion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              RegionSpec   `json:"spec,omitempty"`
	Status            RegionStatus `json:"status,omitempty"`
}

type SovereignRegionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SovereignRegion `json:"items"`
}

type RegionSpec struct {
	Country string  `json:"country"`
	Hosting Hosting `json:"hosting"`
}

type Hosting struct {
	Locations         []Location `json:"locations"`
	OnLoss            *OnLoss    `json:"onLoss,omitempty"`
	TaintOutsideNodes bool       `json:"taintOutsideNodes,omitempty"`
}

type Location struct {
	Region            string   `json:"region"`
	Zones             []string `json:"zones"`
	Country           string   `json:"country"`
	ProviderIDPattern string   `json:"providerIDPattern,omitempty"`
}

type OnLoss struct {
	Action      string           `json:"action,omitempty"`
	GracePeriod *metav1.Duration `json:"gracePeriod,omitempty"`
	Deadline    *metav1.Duration `json:"deadline,omitempty"`
}

type RegionStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Nodes              RegionNodes        `json:"nodes"`
	Outside            []OutsideNode      `json:"outside,omitempty"`
	Workloads          int32              `json:"workloads"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type RegionNodes struct {
	Qualified int32            `json:"qualified"`
	Outside   int32            `json:"outside"`
	Zones     map[string]int32 `json:"zones,omitempty"`
}

type OutsideNode struct {
	Node    string `json:"node"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type TenantWorkload struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WorkloadSpec   `json:"spec,omitempty"`
	Status            WorkloadStatus `json:"status,omitempty"`
}

type TenantWorkloadList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TenantWorkload `json:"items"`
}

type WorkloadSpec struct {
	Region     string                 `json:"region,omitempty"`
	Replicas   *int32                 `json:"replicas,omitempty"`
	Placement  Placement              `json:"placement,omitempty"`
	Template   corev1.PodTemplateSpec `json:"template"`
	Deployment *DeploymentPart        `json:"deployment,omitempty"`
}

type Placement struct {
	Spread   string   `json:"spread,omitempty"`
	Zones    []string `json:"zones,omitempty"`
	MinZones *int32   `json:"minZones,omitempty"`
}

// What a DeploymentSpec has beside replicas and template.
type DeploymentPart struct {
	Selector                *metav1.LabelSelector      `json:"selector,omitempty"`
	Strategy                *appsv1.DeploymentStrategy `json:"strategy,omitempty"`
	MinReadySeconds         int32                      `json:"minReadySeconds,omitempty"`
	RevisionHistoryLimit    *int32                     `json:"revisionHistoryLimit,omitempty"`
	Paused                  bool                       `json:"paused,omitempty"`
	ProgressDeadlineSeconds *int32                     `json:"progressDeadlineSeconds,omitempty"`
}

type WorkloadStatus struct {
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Pointers, so that the merge patch of a first status says 0 too: a user of kubectl sees 0, not an empty column.
	Replicas   *int32             `json:"replicas,omitempty"`
	Ready      *int32             `json:"ready,omitempty"`
	Updated    *int32             `json:"updated,omitempty"`
	Selector   string             `json:"selector,omitempty"`
	Nodes      map[string]int32   `json:"nodes,omitempty"`
	Child      *ChildRef          `json:"child,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

type ChildRef struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Name       string `json:"name,omitempty"`
	UID        string `json:"uid,omitempty"`
	Applied    string `json:"applied,omitempty"`
	Region     string `json:"region,omitempty"` // that it was last applied for
}
