package main

import (
	"encoding/json"
	"fmt"
	"maps"
)

type object = map[string]any

const regionName = "france"

var namespaces = []string{"bench-0", "bench-1", "bench-2", "bench-3"}

func namespaceOf(i int) string { return namespaces[i%len(namespaces)] }
func nameOf(i int) string      { return fmt.Sprintf("web-%05d", i) }

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of strings and numbers only
	}
	return text
}

// region is crds/samples/region-france.yaml.
func region() object {
	return object{"apiVersion": "rempart.dev/v1alpha1", "kind": "SovereignRegion", "metadata": object{"name": regionName},
		"spec": object{"country": "FR", "hosting": object{
			"locations": []object{{"region": "fr-par", "zones": []string{"fr-par-1", "fr-par-2", "fr-par-3"}, "country": "FR", "providerIDPattern": "^kwok://"}},
			"onLoss":    object{"action": "Evict", "gracePeriod": "30s", "deadline": "10m"}}}}
}

var strategy = object{"rollingUpdate": object{"maxSurge": 1, "maxUnavailable": 0}}

func podSpec() object {
	return object{
		"securityContext": object{"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": object{"type": "RuntimeDefault"}},
		"containers": []object{{
			"name": "web", "image": "registry.example/acme/web:1.4.2",
			"securityContext": object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": object{"drop": []string{"ALL"}}},
			"resources":       object{"requests": object{"cpu": "100m", "memory": "64Mi"}, "limits": object{"memory": "64Mi"}},
			"ports":           []object{{"name": "http", "containerPort": 8080, "protocol": "TCP"}},
			"readinessProbe":  object{"httpGet": object{"path": "/ready", "port": "http"}},
			"env":             []object{{"name": "LOG_LEVEL", "value": "info"}, {"name": "LISTEN", "value": ":8080"}},
		}},
	}
}

// workload is crds/samples/workload-deployment.yaml, with two variables in its environment.
func workload(i int) object {
	return object{"apiVersion": "rempart.dev/v1alpha1", "kind": "TenantWorkload",
		"metadata": object{"name": nameOf(i), "namespace": namespaceOf(i)},
		"spec": object{"region": regionName, "replicas": 3, "placement": object{"spread": "Zone", "minZones": 2},
			"deployment": object{"strategy": strategy},
			"template":   object{"metadata": object{"labels": object{"app": "web"}}, "spec": podSpec()}}}
}

// child is what the operator and its twin make of workload(i).
func child(i int, uid string) object {
	ours := object{"rempart.dev/workload": nameOf(i), "rempart.dev/region": regionName}
	labels := maps.Clone(ours)
	labels["app.kubernetes.io/managed-by"] = "rempart"
	podLabels := maps.Clone(ours)
	podLabels["app"] = "web"
	selector := object{"matchLabels": object{"rempart.dev/workload": nameOf(i)}}
	spec := podSpec()
	spec["nodeSelector"] = object{"rempart.node-restriction.kubernetes.io/region": regionName}
	spec["topologySpreadConstraints"] = []object{{"maxSkew": 1, "minDomains": 2, "topologyKey": "topology.kubernetes.io/zone",
		"whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}}
	return object{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": object{"name": nameOf(i), "namespace": namespaceOf(i), "labels": labels,
			"ownerReferences": []object{{"apiVersion": "rempart.dev/v1alpha1", "kind": "TenantWorkload", "name": nameOf(i), "uid": uid,
				"controller": true, "blockOwnerDeletion": true}}},
		"spec": object{"replicas": 3, "selector": selector, "strategy": strategy,
			"template": object{"metadata": object{"labels": podLabels}, "spec": spec}}}
}

// status is the merge patch of what the operator says right after it made the child. The child's uid is not known before it is made;
// another of the same length stands for it.
func status(i int, uid, now string) object {
	condition := func(kind, value, reason, message string) object {
		return object{"type": kind, "status": value, "reason": reason, "message": message, "observedGeneration": 1, "lastTransitionTime": now}
	}
	waiting := "the Deployment controller has not seen the last change yet"
	return object{
		"status": object{"observedGeneration": 1, "replicas": 0, "ready": 0, "updated": 0, "selector": "rempart.dev/workload=" + nameOf(i),
			"child": object{"apiVersion": "apps/v1", "kind": "Deployment", "name": nameOf(i), "uid": uid,
				"applied": "0123456789abcdef0123456789abcdef-0123456789abcdef0123456789abcdef", "region": regionName},
			"conditions": []object{condition("Ready", "False", "RollingOut", waiting), condition("Placed", "Unknown", "NoPods", "there are no pods"),
				condition("Reconciling", "True", "RollingOut", waiting), condition("Stalled", "False", "NotStalled", "")}}}
}
