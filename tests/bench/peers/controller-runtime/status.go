package main

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// A condition without its type and times.
type verdict struct {
	status          metav1.ConditionStatus
	reason, message string
}

func computeStatus(workload *TenantWorkload, region *SovereignRegion, child *appsv1.Deployment, refused *verdict, pods []corev1.Pod, nodes map[string]*corev1.Node) WorkloadStatus {
	status := WorkloadStatus{
		ObservedGeneration: workload.Generation,
		Selector:           workloadLabel + "=" + workload.Name,
		Conditions:         copyConditions(workload.Status.Conditions),
	}
	if d := workload.Spec.Deployment; d != nil && d.Selector != nil {
		status.Selector = metav1.FormatLabelSelector(d.Selector)
	}
	if child != nil {
		status.Replicas, status.Ready, status.Updated = ptr.To(child.Status.Replicas), ptr.To(child.Status.ReadyReplicas), ptr.To(child.Status.UpdatedReplicas)
		status.Child = &ChildRef{APIVersion: "apps/v1", Kind: "Deployment", Name: child.Name, UID: string(child.UID),
			Applied: appliedText(workload, region, child), Region: workload.Spec.Region}
	}
	placed := judgePlaced(workload, child, pods, nodes, &status)
	ready, reconciling, stalled := judgeReady(workload, child, placed, refused)
	for _, c := range []struct {
		kind string
		verdict
	}{{"Ready", ready}, {"Placed", placed}, {"Reconciling", reconciling}, {"Stalled", stalled}} {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{Type: c.kind, Status: c.status, Reason: c.reason,
			Message: c.message, ObservedGeneration: workload.Generation})
	}
	return status
}

func judgePlaced(workload *TenantWorkload, child *appsv1.Deployment, pods []corev1.Pod, nodes map[string]*corev1.Node, status *WorkloadStatus) verdict {
	var seated, outside, waiting int
	for i := range pods {
		pod := &pods[i]
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		node, qualified := nodes[pod.Spec.NodeName]
		switch {
		case pod.Spec.NodeName == "":
			waiting++
		case !qualified:
			outside++
		default:
			seated++
			if status.Nodes == nil {
				status.Nodes = map[string]int32{}
			}
			status.Nodes[node.Labels[corev1.LabelTopologyZone]]++
		}
	}
	wants := child != nil && ptr.Deref(workload.Spec.Replicas, 1) > 0
	switch {
	case outside > 0:
		return verdict{metav1.ConditionFalse, "PodsOutside", fmt.Sprintf("%d pods outside region %s", outside, workload.Spec.Region)}
	case len(nodes) == 0 && (waiting > 0 || (seated == 0 && wants)):
		return verdict{metav1.ConditionFalse, "NoQualifiedNode", fmt.Sprintf("region %s has no qualified node, so pods wait", workload.Spec.Region)}
	case waiting > 0:
		return verdict{metav1.ConditionFalse, "PodsWaiting", fmt.Sprintf("%d pods waiting for a qualified node of region %s", waiting, workload.Spec.Region)}
	case seated == 0:
		return verdict{metav1.ConditionUnknown, "NoPods", "there are no pods"}
	case len(status.Nodes) < min(int(ptr.Deref(workload.Spec.Placement.MinZones, 1)), seated):
		return verdict{metav1.ConditionFalse, "TooFewZones", fmt.Sprintf("pods sit in %d zones", len(status.Nodes))}
	}
	return verdict{metav1.ConditionTrue, "OnQualifiedNodes", fmt.Sprintf("every pod sits on a qualified node of region %s", workload.Spec.Region)}
}

func judgeReady(workload *TenantWorkload, child *appsv1.Deployment, placed verdict, refused *verdict) (ready, reconciling, stalled verdict) {
	reconciling = verdict{metav1.ConditionFalse, "Settled", ""}
	stalled = verdict{metav1.ConditionFalse, "NotStalled", ""}
	if refused != nil {
		stalled = verdict{metav1.ConditionTrue, refused.reason, refused.message}
		ready = verdict{metav1.ConditionFalse, refused.reason, refused.message}
		reconciling.reason = "Stalled"
		return
	}
	replicas := ptr.Deref(workload.Spec.Replicas, 1)
	switch {
	case placed.status == metav1.ConditionFalse:
		ready = placed
	case child.Status.ObservedGeneration < child.Generation:
		ready = verdict{metav1.ConditionFalse, "RollingOut", "the Deployment controller has not seen the last change yet"}
	case child.Status.UpdatedReplicas < replicas:
		ready = verdict{metav1.ConditionFalse, "RollingOut", fmt.Sprintf("%d of %d pods updated to the newest template", child.Status.UpdatedReplicas, replicas)}
	case child.Status.Replicas > child.Status.UpdatedReplicas:
		ready = verdict{metav1.ConditionFalse, "RollingOut", fmt.Sprintf("%d pods of an older template still to go", child.Status.Replicas-child.Status.UpdatedReplicas)}
	case child.Status.ReadyReplicas < replicas:
		ready = verdict{metav1.ConditionFalse, "PodsNotReady", fmt.Sprintf("%d of %d pods ready", child.Status.ReadyReplicas, replicas)}
	default:
		ready = verdict{metav1.ConditionTrue, "Ready", fmt.Sprintf("%d of %d pods ready", child.Status.ReadyReplicas, replicas)}
	}
	if ready.status != metav1.ConditionTrue {
		reconciling = verdict{metav1.ConditionTrue, ready.reason, ready.message}
	}
	return
}
