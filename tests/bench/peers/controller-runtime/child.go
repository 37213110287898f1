package main

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// checkPlacement refuses what the region excludes. (The operator also judges required node affinity; the benchmark's
// workloads have none.)
func checkPlacement(workload *TenantWorkload, region *SovereignRegion) *verdict {
	refuse := func(format string, args ...any) *verdict {
		return &verdict{reason: "PlacementRefused", message: fmt.Sprintf(format, args...)}
	}
	spec := &workload.Spec.Template.Spec
	if spec.NodeName != "" {
		return refuse("spec.template.spec.nodeName: a pod's node is chosen by the scheduler")
	}
	var regions, zones []string
	for _, location := range region.Spec.Hosting.Locations {
		if location.Country == region.Spec.Country {
			regions = append(regions, location.Region)
			zones = append(zones, location.Zones...)
		}
	}
	for key, allowed := range map[string][]string{corev1.LabelTopologyRegion: regions, corev1.LabelTopologyZone: zones,
		nodeRegionLabel: {region.Name}, nodeCountryLabel: {region.Spec.Country}} {
		if value, ok := spec.NodeSelector[key]; ok && !slices.Contains(allowed, value) {
			return refuse("spec.template.spec.nodeSelector[%s]: %q is not in region %s", key, value, region.Name)
		}
	}
	for _, zone := range workload.Spec.Placement.Zones {
		if !slices.Contains(zones, zone) {
			return refuse("spec.placement.zones: %q is not in region %s", zone, region.Name)
		}
	}
	return nil
}

func childLabels(workload *TenantWorkload, region *SovereignRegion) map[string]string {
	return map[string]string{workloadLabel: workload.Name, regionLabel: region.Name, managedByLabel: "rempart"}
}

func renderDeployment(workload *TenantWorkload, region *SovereignRegion) *appsv1.Deployment {
	child := &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{
			Name: workload.Name, Namespace: workload.Namespace,
			Labels:          childLabels(workload, region),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(workload, groupVersion.WithKind("TenantWorkload"))},
		},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(ptr.Deref(workload.Spec.Replicas, 1)),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{workloadLabel: workload.Name}},
			Template: *workload.Spec.Template.DeepCopy(),
		},
	}
	if d := workload.Spec.Deployment; d != nil {
		if d.Selector != nil {
			child.Spec.Selector = d.Selector
		}
		if d.Strategy != nil {
			child.Spec.Strategy = *d.Strategy
		}
		child.Spec.MinReadySeconds = d.MinReadySeconds
		child.Spec.RevisionHistoryLimit = d.RevisionHistoryLimit
		child.Spec.Paused = d.Paused
		child.Spec.ProgressDeadlineSeconds = d.ProgressDeadlineSeconds
	}
	template := &child.Spec.Template
	if template.Labels == nil {
		template.Labels = map[string]string{}
	}
	template.Labels[workloadLabel] = workload.Name
	template.Labels[regionLabel] = region.Name
	if template.Spec.NodeSelector == nil {
		template.Spec.NodeSelector = map[string]string{}
	}
	template.Spec.NodeSelector[nodeRegionLabel] = region.Name
	addZones(&template.Spec, workload.Spec.Placement.Zones)
	addSpread(&template.Spec, workload)
	return child
}

func addZones(spec *corev1.PodSpec, zones []string) {
	switch len(zones) {
	case 0:
		return
	case 1:
		spec.NodeSelector[corev1.LabelTopologyZone] = zones[0]
		return
	}
	in := corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: slices.Sorted(slices.Values(zones))}
	if spec.Affinity == nil {
		spec.Affinity = &corev1.Affinity{}
	}
	if spec.Affinity.NodeAffinity == nil {
		spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	required := &spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if *required == nil {
		*required = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{in}}}}
		return
	}
	for i := range (*required).NodeSelectorTerms {
		term := &(*required).NodeSelectorTerms[i]
		if len(term.MatchExpressions)+len(term.MatchFields) > 0 {
			term.MatchExpressions = append(term.MatchExpressions, in)
		}
	}
}

func addSpread(spec *corev1.PodSpec, workload *TenantWorkload) {
	constraint := corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{workloadLabel: workload.Name}}}
	add := func(c corev1.TopologySpreadConstraint) {
		for _, theirs := range spec.TopologySpreadConstraints {
			if theirs.TopologyKey == c.TopologyKey && theirs.WhenUnsatisfiable == c.WhenUnsatisfiable {
				return
			}
		}
		spec.TopologySpreadConstraints = append(spec.TopologySpreadConstraints, c)
	}
	placement := workload.Spec.Placement
	if zones := ptr.Deref(placement.MinZones, 1); zones >= 2 {
		hard := constraint
		hard.WhenUnsatisfiable, hard.MinDomains = corev1.DoNotSchedule, ptr.To(zones)
		add(hard)
	} else if placement.Spread == "Zone" {
		add(constraint)
	}
	if placement.Spread == "Node" {
		constraint.TopologyKey = corev1.LabelHostname
		add(constraint)
	}
}
