package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
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
	nodeRegionLabel  = "rempart.node-restriction.kubernetes.io/region"
	nodeCountryLabel = "rempart.node-restriction.kubernetes.io/country"
	byRegion         = "spec.region" // index of TenantWorkloads
	regionRefresh    = time.Second   // counts change in bursts
	outsideListed    = 50
)

// RegionReconciler labels the region's nodes and counts them in the region's status.
type RegionReconciler struct {
	client.Client
	patterns sync.Map // text -> *regexp.Regexp
}

func (r *RegionReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&SovereignRegion{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(r.allRegions), builder.WithPredicates(nodeMoved)).
		Watches(&TenantWorkload{}, usersOfRegion).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1}).
		Complete(r)
}

// What of a node matters; heartbeats change none of it.
var nodeMoved = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
	return before.Spec.ProviderID != after.Spec.ProviderID || !equality.Semantic.DeepEqual(before.Labels, after.Labels)
}}

// A workload that comes or goes changes its region's count of users.
var usersOfRegion = handler.Funcs{
	CreateFunc: func(_ context.Context, e event.CreateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		countAgain(e.Object, q)
	},
	DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		countAgain(e.Object, q)
	},
}

func countAgain(object client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	if region := object.(*TenantWorkload).Spec.Region; region != "" {
		q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: region}}, regionRefresh)
	}
}

func (r *RegionReconciler) allRegions(ctx context.Context, _ client.Object) []reconcile.Request {
	var regions SovereignRegionList
	if err := r.List(ctx, &regions); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for _, region := range regions.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&region)})
	}
	return requests
}

func (r *RegionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var region SovereignRegion
	if err := r.Get(ctx, req.NamespacedName, &region); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var nodes corev1.NodeList
	if err := r.List(ctx, &nodes); err != nil {
		return ctrl.Result{}, err
	}
	var users TenantWorkloadList
	if err := r.List(ctx, &users, client.MatchingFields{byRegion: region.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, err
	}

	status := RegionStatus{ObservedGeneration: region.Generation, Workloads: int32(len(users.Items)),
		Nodes: RegionNodes{Zones: map[string]int32{}}, Conditions: copyConditions(region.Status.Conditions)}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		reason, message := r.qualify(node, &region)
		if reason == "" {
			status.Nodes.Qualified++
			status.Nodes.Zones[node.Labels[corev1.LabelTopologyZone]]++
		} else {
			status.Nodes.Outside++
			if len(status.Outside) < outsideListed {
				status.Outside = append(status.Outside, OutsideNode{Node: node.Name, Reason: reason, Message: message})
			}
		}
		if err := r.label(ctx, node, &region, reason == ""); err != nil {
			return ctrl.Result{}, err
		}
	}
	setRegionConditions(&status, &region)
	if equality.Semantic.DeepEqual(status, region.Status) {
		return ctrl.Result{}, nil
	}
	before := region.DeepCopyObject().(*SovereignRegion)
	region.Status = status
	return ctrl.Result{}, r.Status().Patch(ctx, &region, client.MergeFrom(before))
}

func setRegionConditions(status *RegionStatus, region *SovereignRegion) {
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Qualified",
		Message: fmt.Sprintf("%d nodes are in the region", status.Nodes.Qualified)}
	if status.Nodes.Qualified == 0 {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, "NoQualifiedNode", "no node is in the region; see status.outside"
	}
	for _, c := range []metav1.Condition{ready,
		{Type: "Reconciling", Status: metav1.ConditionFalse, Reason: "Settled", Message: "nothing is under way"},
		{Type: "Stalled", Status: metav1.ConditionFalse, Reason: "NotStalled", Message: "nothing has to be done by hand"}} {
		c.ObservedGeneration = region.Generation
		meta.SetStatusCondition(&status.Conditions, c)
	}
}

// qualify says why a node is outside; "" for a node of the region.
func (r *RegionReconciler) qualify(node *corev1.Node, region *SovereignRegion) (reason, message string) {
	at, zone := node.Labels[corev1.LabelTopologyRegion], node.Labels[corev1.LabelTopologyZone]
	if at == "" || zone == "" {
		return "NoLocation", "the node has no region or zone label"
	}
	for _, location := range region.Spec.Hosting.Locations {
		if location.Region != at || !slices.Contains(location.Zones, zone) {
			continue
		}
		if location.Country != region.Spec.Country {
			return "OtherCountry", fmt.Sprintf("zone %s is in %s", zone, location.Country)
		}
		if location.ProviderIDPattern == "" {
			return "", ""
		}
		pattern, err := r.pattern(location.ProviderIDPattern)
		if err != nil || !pattern.MatchString(node.Spec.ProviderID) {
			return "ProviderMismatch", fmt.Sprintf("provider id %q does not match", node.Spec.ProviderID)
		}
		return "", ""
	}
	return "UnknownLocation", fmt.Sprintf("zone %s of region %s is not declared", zone, at)
}

func (r *RegionReconciler) pattern(text string) (*regexp.Regexp, error) {
	if known, ok := r.patterns.Load(text); ok {
		return known.(*regexp.Regexp), nil
	}
	compiled, err := regexp.Compile(text)
	if err == nil {
		r.patterns.Store(text, compiled)
	}
	return compiled, err
}

func (r *RegionReconciler) label(ctx context.Context, node *corev1.Node, region *SovereignRegion, qualified bool) error {
	ours := node.Labels[nodeRegionLabel] == region.Name
	before := node.DeepCopy()
	switch {
	case qualified && (!ours || node.Labels[nodeCountryLabel] != region.Spec.Country):
		if node.Labels == nil {
			node.Labels = map[string]string{}
		}
		node.Labels[nodeRegionLabel] = region.Name
		node.Labels[nodeCountryLabel] = region.Spec.Country
	case !qualified && ours:
		delete(node.Labels, nodeRegionLabel)
		delete(node.Labels, nodeCountryLabel)
	default:
		return nil
	}
	return r.Patch(ctx, node, client.MergeFrom(before))
}
