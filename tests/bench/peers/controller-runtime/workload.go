package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	regionLabel    = "rempart.dev/region"
	workloadLabel  = "rempart.dev/workload"
	managedByLabel = "app.kubernetes.io/managed-by"
	adopt          = "rempart.dev/adopt"
	fieldManager   = client.FieldOwner("rempart")
)

// WorkloadReconciler keeps each TenantWorkload's Deployment and status.
type WorkloadReconciler struct {
	client.Client
	Workers int
}

func (r *WorkloadReconciler) SetupWithManager(mgr ctrl.Manager) error {
	index := func(o client.Object) []string { return []string{o.(*TenantWorkload).Spec.Region} }
	if err := mgr.GetFieldIndexer().IndexField(context.Background(), &TenantWorkload{}, byRegion, index); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&TenantWorkload{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}).
		Watches(&SovereignRegion{}, handler.EnqueueRequestsFromMapFunc(r.workloadsOf), builder.WithPredicates(regionMatters)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(workloadOfPod)).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Workers}).
		Complete(r)
}

// Counts in a region's status concern no workload, unless its first node came or its last one went.
var regionMatters = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*SovereignRegion), e.ObjectNew.(*SovereignRegion)
	return before.Generation != after.Generation ||
		(before.Status.Nodes.Qualified == 0) != (after.Status.Nodes.Qualified == 0)
}}

func (r *WorkloadReconciler) workloadsOf(ctx context.Context, region client.Object) []reconcile.Request {
	var workloads TenantWorkloadList
	if err := r.List(ctx, &workloads, client.MatchingFields{byRegion: region.GetName()}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	requests := make([]reconcile.Request, 0, len(workloads.Items))
	for i := range workloads.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&workloads.Items[i])})
	}
	return requests
}

func workloadOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[workloadLabel]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

func (r *WorkloadReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var workload TenantWorkload
	if err := r.Get(ctx, req.NamespacedName, &workload); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !workload.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // the Deployment goes with its owner
	}
	region, refused, err := r.findRegion(ctx, &workload)
	if err != nil {
		return ctrl.Result{}, err
	}
	var child *appsv1.Deployment
	if refused == nil {
		refused = checkPlacement(&workload, region)
	}
	if refused == nil {
		if child, refused, err = r.applyChild(ctx, &workload, region); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, r.writeStatus(ctx, &workload, region, child, refused)
}

func (r *WorkloadReconciler) findRegion(ctx context.Context, workload *TenantWorkload) (*SovereignRegion, *verdict, error) {
	if workload.Spec.Region == "" {
		var namespace corev1.Namespace
		if err := r.Get(ctx, client.ObjectKey{Name: workload.Namespace}, &namespace); err != nil {
			return nil, nil, err
		}
		workload.Spec.Region = namespace.Labels[regionLabel]
	}
	if workload.Spec.Region == "" {
		return nil, &verdict{reason: "NoRegion", message: "spec.region is not set, nor is the namespace's label"}, nil
	}
	var region SovereignRegion
	err := r.Get(ctx, client.ObjectKey{Name: workload.Spec.Region}, &region)
	if apierrors.IsNotFound(err) {
		return nil, &verdict{reason: "RegionNotFound", message: fmt.Sprintf("there is no SovereignRegion %s", workload.Spec.Region)}, nil
	}
	return &region, nil, err
}

// applyChild writes the Deployment where it differs from what is asked for.
func (r *WorkloadReconciler) applyChild(ctx context.Context, workload *TenantWorkload, region *SovereignRegion) (*appsv1.Deployment, *verdict, error) {
	var current appsv1.Deployment
	err := r.Get(ctx, client.ObjectKeyFromObject(workload), &current)
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		return nil, nil, err
	case !metav1.IsControlledBy(&current, workload) && current.Annotations[adopt] != "true":
		return nil, &verdict{reason: "NameTaken", message: fmt.Sprintf("Deployment %s/%s exists and is not this workload's", current.Namespace, current.Name)}, nil
	case inStep(workload, region, &current):
		return &current, nil, nil
	}
	desired := renderDeployment(workload, region)
	// Applying the typed object is marked as deprecated; the apply configurations that replace it would have the
	// template go through JSON once more.
	if err := r.Patch(ctx, desired, client.Apply, fieldManager, client.ForceOwnership); err != nil { //nolint:staticcheck
		if apierrors.IsInvalid(err) {
			return nil, &verdict{reason: "ChildRefused", message: err.Error()}, nil
		}
		return nil, nil, err
	}
	return desired, nil, nil
}

// inStep: nobody has changed workload, region or Deployment since what we last applied. Comparing the specs themselves
// does not do: the server's defaults (of a probe's numbers, say) look like changes.
func inStep(workload *TenantWorkload, region *SovereignRegion, current *appsv1.Deployment) bool {
	last := workload.Status.Child
	return last != nil && last.UID == string(current.UID) && last.Applied == appliedText(workload, region, current) &&
		equality.Semantic.DeepDerivative(childLabels(workload, region), current.Labels) && metav1.IsControlledBy(current, workload)
}

func appliedText(workload *TenantWorkload, region *SovereignRegion, child *appsv1.Deployment) string {
	return fmt.Sprintf("%d-%d-%d", workload.Generation, region.Generation, child.Generation)
}

func (r *WorkloadReconciler) writeStatus(ctx context.Context, workload *TenantWorkload, region *SovereignRegion, child *appsv1.Deployment, refused *verdict) error {
	pods, nodes, err := r.observe(ctx, workload)
	if err != nil {
		return err
	}
	status := computeStatus(workload, region, child, refused, pods, nodes)
	if equality.Semantic.DeepEqual(status, workload.Status) {
		return nil
	}
	before := workload.DeepCopy()
	workload.Status = status
	return client.IgnoreNotFound(r.Status().Patch(ctx, workload, client.MergeFrom(before)))
}

// observe gives the workload's pods, and the region's qualified nodes by name.
func (r *WorkloadReconciler) observe(ctx context.Context, workload *TenantWorkload) ([]corev1.Pod, map[string]*corev1.Node, error) {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(workload.Namespace), client.MatchingLabels{workloadLabel: workload.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, err
	}
	var list corev1.NodeList
	if err := r.List(ctx, &list, client.MatchingLabels{nodeRegionLabel: workload.Spec.Region}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, err
	}
	nodes := make(map[string]*corev1.Node, len(list.Items))
	for i := range list.Items {
		nodes[list.Items[i].Name] = &list.Items[i]
	}
	return pods.Items, nodes, nil
}
