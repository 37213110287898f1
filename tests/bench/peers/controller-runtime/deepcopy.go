// What controller-gen would write for types.go.
package main

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func copyConditions(in []metav1.Condition) []metav1.Condition {
	if in == nil {
		return nil
	}
	out := make([]metav1.Condition, len(in))
	for i := range in {
		in[i].DeepCopyInto(&out[i])
	}
	return out
}

func copyPtr[T any](in *T) *T {
	if in == nil {
		return nil
	}
	out := *in
	return &out
}

func (in *SovereignRegion) DeepCopyInto(out *SovereignRegion) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Hosting.Locations = slices.Clone(in.Spec.Hosting.Locations)
	for i := range out.Spec.Hosting.Locations {
		out.Spec.Hosting.Locations[i].Zones = slices.Clone(in.Spec.Hosting.Locations[i].Zones)
	}
	out.Spec.Hosting.OnLoss = copyPtr(in.Spec.Hosting.OnLoss)
	if out.Spec.Hosting.OnLoss != nil {
		out.Spec.Hosting.OnLoss.GracePeriod = copyPtr(in.Spec.Hosting.OnLoss.GracePeriod)
		out.Spec.Hosting.OnLoss.Deadline = copyPtr(in.Spec.Hosting.OnLoss.Deadline)
	}
	out.Status.Nodes.Zones = maps.Clone(in.Status.Nodes.Zones)
	out.Status.Outside = slices.Clone(in.Status.Outside)
	out.Status.Conditions = copyConditions(in.Status.Conditions)
}

func (in *SovereignRegion) DeepCopyObject() runtime.Object {
	out := new(SovereignRegion)
	in.DeepCopyInto(out)
	return out
}

func (in *SovereignRegionList) DeepCopyObject() runtime.Object {
	out := &SovereignRegionList{TypeMeta: in.TypeMeta, Items: make([]SovereignRegion, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

func (in *TenantWorkload) DeepCopyInto(out *TenantWorkload) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec.Replicas = copyPtr(in.Spec.Replicas)
	out.Spec.Placement.Zones = slices.Clone(in.Spec.Placement.Zones)
	out.Spec.Placement.MinZones = copyPtr(in.Spec.Placement.MinZones)
	in.Spec.Template.DeepCopyInto(&out.Spec.Template)
	out.Spec.Deployment = copyPtr(in.Spec.Deployment)
	if d := out.Spec.Deployment; d != nil {
		d.Selector = d.Selector.DeepCopy()
		d.Strategy = d.Strategy.DeepCopy()
		d.RevisionHistoryLimit = copyPtr(d.RevisionHistoryLimit)
		d.ProgressDeadlineSeconds = copyPtr(d.ProgressDeadlineSeconds)
	}
	out.Status.Replicas, out.Status.Ready, out.Status.Updated = copyPtr(in.Status.Replicas), copyPtr(in.Status.Ready), copyPtr(in.Status.Updated)
	out.Status.Nodes = maps.Clone(in.Status.Nodes)
	out.Status.Child = copyPtr(in.Status.Child)
	out.Status.Conditions = copyConditions(in.Status.Conditions)
}

func (in *TenantWorkload) DeepCopy() *TenantWorkload {
	out := new(TenantWorkload)
	in.DeepCopyInto(out)
	return out
}

func (in *TenantWorkload) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *TenantWorkloadList) DeepCopyObject() runtime.Object {
	out := &TenantWorkloadList{TypeMeta: in.TypeMeta, Items: make([]TenantWorkload, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}
