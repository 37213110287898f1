package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The region's rules as both `admission` and `check` have them: for Rempart in a SovereignRegion, for its peers in their policies.
var (
	registries          = []string{"registry.sas.example"}
	execGroups          = []string{"tenant-admins"}
	loadBalancerClasses = []string{"metal.example/fr"}
)

const outsideTaint = "rempart.dev/outside"

// digestOf(i) is the digest of the i-th image that there is.
func digestOf(i int) string { return fmt.Sprintf("sha256:%064x", i+0xabcdef) }

// digests gives the first n.
func digests(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = digestOf(i)
	}
	return all
}

// fullRegion has every section of rules, without egress, entry classes and provisioners: what a pod is asked is all there.
func fullRegion(name, place string, released []string) object {
	return object{"apiVersion": "rempart.dev/v1alpha1", "kind": "SovereignRegion", "metadata": object{"name": name},
		"spec": object{"country": "FR", "enforcement": "Enforce",
			"hosting": object{"taintOutsideNodes": true,
				"locations": []object{{"region": place, "zones": []string{place + "-1"}, "country": "FR"}}},
			"images":  object{"registries": registries, "requireDigest": true, "requireRelease": true, "released": released},
			"storage": object{"classes": []string{"local-fr"}},
			"network": object{"loadBalancerClasses": loadBalancerClasses, "ranges": []string{"10.0.0.0/8"}},
			"keys":    object{"externalStores": "Deny", "allowedStores": []string{"vault-fr"}},
			"access": object{"admins": []string{"group:region-admins"}, "exec": []string{"group:" + execGroups[0]},
				"nodeIdentity": []string{"user:system:cloud-controller-manager"}}}}
}

func container(name, repository string, digest int, arguments ...string) object {
	return object{"name": name, "image": registries[0] + "/" + repository + "@" + digestOf(digest), "args": arguments,
		"securityContext": object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": object{"drop": []any{"ALL"}}},
		"resources":       object{"requests": object{"cpu": "250m", "memory": "256Mi"}, "limits": object{"memory": "512Mi"}},
		"volumeMounts":    []any{object{"name": "settings", "mountPath": "/etc/settings", "readOnly": true}, object{"name": "scratch", "mountPath": "/tmp"}}}
}

// probe asks a container for its health.
func probe(path string, seconds int) object {
	return object{"httpGet": object{"path": path, "port": "https", "scheme": "HTTPS"}, "periodSeconds": seconds, "failureThreshold": 3, "timeoutSeconds": 2}
}

// tenantSpec is the spec of a pod as tenants have them: three containers, probes, volumes; compliant with fullRegion.
func tenantSpec() object {
	main := container("orders", "shop/orders", 0, "--listen=:8443", "--settings=/etc/settings/orders.yaml", "--drain=25s")
	main["ports"] = []any{object{"name": "https", "containerPort": 8443, "protocol": "TCP"}, object{"name": "metrics", "containerPort": 9100, "protocol": "TCP"}}
	main["env"] = []any{
		object{"name": "POD", "valueFrom": object{"fieldRef": object{"fieldPath": "metadata.name"}}},
		object{"name": "DATABASE", "value": "postgres://orders-db.shop.svc.cluster.local:5432/orders"},
		object{"name": "DATABASE_PASSWORD", "valueFrom": object{"secretKeyRef": object{"name": "orders-db", "key": "password"}}},
		object{"name": "QUEUE", "value": "amqps://queue.shop.svc.cluster.local:5671/orders"},
		object{"name": "PAYMENTS", "value": "https://payments.shop.svc.cluster.local:8443/v2"},
		object{"name": "STOCK", "value": "https://stock.shop.svc.cluster.local:8443/v1"},
		object{"name": "TRACES", "value": "https://traces.observability.svc.cluster.local:4318/v1/traces"},
		object{"name": "LOG_LEVEL", "value": "info"},
	}
	main["livenessProbe"], main["readinessProbe"] = probe("/live", 10), probe("/ready", 5)
	return object{
		"restartPolicy": "Always", "terminationGracePeriodSeconds": 40, "serviceAccountName": "default",
		"securityContext": object{"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532, "seccompProfile": object{"type": "RuntimeDefault"}},
		"tolerations":     []any{object{"key": "shop.example/dedicated", "operator": "Equal", "value": "orders", "effect": "NoSchedule"}},
		"affinity": object{"podAntiAffinity": object{"preferredDuringSchedulingIgnoredDuringExecution": []any{object{"weight": 50,
			"podAffinityTerm": object{"topologyKey": "kubernetes.io/hostname", "labelSelector": object{"matchLabels": object{"app.kubernetes.io/name": "orders"}}}}}}},
		"topologySpreadConstraints": []any{object{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
			"labelSelector": object{"matchLabels": object{"app.kubernetes.io/name": "orders"}}}},
		"initContainers": []any{container("migrate", "shop/migrate", 1, "up", "--wait=60s")},
		"containers":     []any{main, container("logs", "platform/logs", 2, "--config=/etc/settings/logs.yaml", "--forward=logs.observability.svc:24224")},
		"volumes": []any{object{"name": "settings", "configMap": object{"name": "orders-settings"}},
			object{"name": "tls", "secret": object{"secretName": "orders-tls"}}, object{"name": "scratch", "emptyDir": object{"sizeLimit": "128Mi"}}},
	}
}

func tenantPod() object {
	return object{"apiVersion": "v1", "kind": "Pod",
		"metadata": object{"name": "orders-6f7d9c5b44-q8x2v",
			"labels": object{"app.kubernetes.io/name": "orders", "app.kubernetes.io/instance": "orders-prod", "app.kubernetes.io/part-of": "shop",
				"app.kubernetes.io/version": "7.3.1", "pod-template-hash": "6f7d9c5b44"},
			"annotations": object{"prometheus.io/scrape": "true", "prometheus.io/port": "9100",
				"checksum/settings": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}},
		"spec": tenantSpec()}
}

// edit changes a compliant pod's spec into one that `rule` is against; "" for none.
type edit struct {
	name, rule string
	do         func(spec object)
}

func first(spec object, list string) object { return spec[list].([]any)[0].(object) }

func setImage(list, image string) func(object) {
	return func(spec object) { first(spec, list)["image"] = image }
}

var edits = []edit{
	{"compliant", "", func(object) {}},
	{"few fields", "", func(spec object) {
		for _, name := range []string{"tolerations", "affinity", "topologySpreadConstraints", "initContainers"} {
			delete(spec, name)
		}
	}},
	{"other toleration", "", func(spec object) {
		spec["tolerations"] = []any{object{"operator": "Exists", "effect": "NoExecute"}}
	}},
	{"foreign node", "RP-101", func(spec object) { spec["nodeName"] = "foreign" }},
	{"tolerates outside", "RP-104", func(spec object) {
		spec["tolerations"] = []any{object{"key": outsideTaint, "operator": "Exists"}}
	}},
	{"tolerates everything", "RP-104", func(spec object) { spec["tolerations"] = []any{object{"operator": "Exists"}} }},
	{"foreign registry", "RP-301", setImage("containers", "ghcr.io/shop/orders@"+digestOf(0))},
	{"Docker Hub's short name", "RP-301", setImage("containers", "nginx@"+digestOf(0))},
	{"init container's registry", "RP-301", setImage("initContainers", "registry.sas.example.evil/shop/migrate@"+digestOf(1))},
	{"tag", "RP-302", setImage("containers", registries[0]+"/shop/orders:7.3.1")},
	{"not released", "RP-303", setImage("containers", registries[0]+"/shop/orders@sha256:"+strings.Repeat("f", 64))},
}

func mustParse(text []byte) (o object) {
	if err := json.Unmarshal(text, &o); err != nil {
		panic(err) // our own text
	}
	return o
}
