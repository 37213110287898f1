package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const subjectLabel = "bench.rempart.dev/subject"

// Admission measures what a pod's admission costs with each of several gates in front of one API server, each for a
// namespace of its own: hack/bench admission.
type Admission struct {
	root, work, charts            string // the checkout; where this run's files go; what charts.py wrote
	operator, kyverno, gatekeeper string // programs
	cores                         string
	nodes, images                 int // of the large region
	rounds, requests              int
	connections                   []int
	seed                          uint64
	regions                       []string // small, large, mutation
	onlyCases                     bool     // see writeCases; nothing is measured
	file                          string
	result                        *AdmissionResult
}

// Gate is one way to hold a namespace: a subject of the measurement.
type Gate struct {
	Name      string
	Region    string   // Rempart's, whose gate it is
	Refuses   bool     // bad pods; else it is a baseline
	Processes []string // that must run for it
	Workload  bool     // its pods are a TenantWorkload's: they come with the region's node selector
}

var gates = []Gate{
	{Name: "none"},
	{Name: "floor"},
	{Name: "rempart", Region: "small", Refuses: true},
	{Name: "rempart-large", Region: "large", Refuses: true},
	{Name: "rempart-mutation", Region: "mutation", Refuses: true},
	{Name: "rempart-workload", Region: "mutation", Refuses: true, Workload: true},
	{Name: "kyverno", Refuses: true, Processes: []string{"kyverno"}},
	{Name: "gatekeeper-cel", Refuses: true, Processes: []string{"gatekeeper"}},
	{Name: "gatekeeper-rego", Refuses: true, Processes: []string{"gatekeeper"}},
}

func (a *Admission) has(region string) bool { return slices.Contains(a.regions, region) }

// ours are Rempart's gates, of the regions that there are.
func ours() (names []string) {
	for _, gate := range gates {
		if gate.Region != "" {
			names = append(names, gate.Name)
		}
	}
	return names
}

func (g Gate) namespace() string { return "bench-" + g.Name }

// body is the pod of an edit, as JSON, as it comes to this gate.
func (g Gate) body(e edit) []byte {
	pod := tenantPod()
	spec := pod["spec"].(object)
	e.do(spec)
	if g.Workload {
		pod["metadata"].(object)["labels"].(object)["rempart.dev/workload"] = "orders"
		spec["nodeSelector"] = object{"rempart.node-restriction.kubernetes.io/region": g.Region}
	}
	return mustJSON(pod)
}

func (g Gate) path() string {
	return namespaced("/api/v1/pods", g.namespace(), "") + "?dryRun=All"
}

// Killed says what happened to pods after a process was killed.
type Killed struct {
	Gate          string `json:"gate"`
	What          string `json:"what"`
	FailurePolicy string `json:"failurePolicy,omitempty"`
	Good          Answer `json:"good"`
	Bad           Answer `json:"bad"`
	// After its restart, while the registration stood: bad pods that got in before the first refusal.
	LetIn     int     `json:"letIn"`
	Tried     int     `json:"tried"`
	Refused   float64 `json:"secondsToRefusal"`
	Restarted bool    `json:"restarted"`
}

// AdmissionResult is what is written to the JSON file.
type AdmissionResult struct {
	When      time.Time         `json:"when"`
	Machine   map[string]string `json:"machine"`
	PodBytes  int               `json:"podBytes"`
	Nodes     int               `json:"nodes"`
	Images    int               `json:"images"`
	Missing   map[string]string `json:"missing"`    // what could not be measured, and why
	IdleKiB   map[string]int    `json:"idleRssKiB"` // of each process, before the load
	Verdicts  int               `json:"verdicts"`   // that were asked for and right
	Turns     []*Turn           `json:"turns"`
	Kills     []Killed          `json:"kills"`
	Operators map[string]int    `json:"operatorRssKiB"`
}

func admission(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("admission", flag.ExitOnError)
	a := &Admission{}
	flags.StringVar(&a.root, "root", ".", "the checkout")
	flags.StringVar(&a.work, "work", "", "where this run's files go")
	flags.StringVar(&a.charts, "charts", "", "what hack/bench.d/charts.py wrote")
	flags.StringVar(&a.operator, "rempart", "", "rempart-operator")
	flags.StringVar(&a.kyverno, "kyverno", "", "Kyverno's program; none: it is left out")
	flags.StringVar(&a.gatekeeper, "gatekeeper", "", "Gatekeeper's program; none: it is left out")
	flags.StringVar(&a.cores, "cores", "0,1", "cores of all processes")
	flags.IntVar(&a.nodes, "nodes", 5000, "nodes of the large region")
	flags.IntVar(&a.images, "images", 10000, "released images of the large region")
	flags.IntVar(&a.rounds, "rounds", 6, "turns of each subject")
	flags.IntVar(&a.requests, "requests", 1200, "requests a turn")
	regions := flags.String("regions", "small,large,mutation", "which of them there are: one that taints needs the selector too where others have nodes")
	flags.BoolVar(&a.onlyCases, "only-cases", false, "write the cases, and measure nothing")
	connections := flags.String("connections", "1,8", "how many requests at the same time")
	flags.Uint64Var(&a.seed, "seed", uint64(time.Now().UnixNano()), "of the order of turns")
	flags.StringVar(&a.file, "out", "", "where the JSON goes")
	facts := flags.String("facts", "", "key=value;... for the JSON")
	_ = flags.Parse(arguments)
	var err error
	if a.connections, err = numbers(*connections); err != nil {
		return err
	}
	a.regions = strings.Split(*regions, ",")
	for _, name := range a.regions {
		if name == "" || !slices.ContainsFunc(gates, func(g Gate) bool { return g.Region == name }) {
			return fmt.Errorf("-regions: there is no %q", name)
		}
	}
	gates = slices.DeleteFunc(gates, func(g Gate) bool { return g.Region != "" && !a.has(g.Region) })
	if a.images < 3 || a.images > 10000 || a.nodes < 1 || a.nodes > 20000 || a.rounds < 1 || a.requests < 10 {
		return errors.New("-images is from 3 to 10000, -nodes from 1 to 20000, -rounds at least 1, -requests at least 10")
	}
	a.result = &AdmissionResult{When: time.Now().UTC(), Machine: machine(), PodBytes: len(Gate{}.body(edits[0])), Nodes: a.nodes, Images: a.images,
		Missing: map[string]string{}, IdleKiB: map[string]int{}, Operators: map[string]int{}}
	note(a.result.Machine, *facts)
	a.result.Machine["seed"] = strconv.FormatUint(a.seed, 10)
	return a.run(ctx)
}

func (a *Admission) log(name string) string { return filepath.Join(a.work, name+".log") }

func (a *Admission) save() error {
	text, err := json.MarshalIndent(a.result, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(a.file, append(text, '\n'), 0o644)
}

func smallNodes() []string { return threeNodes("fr-small") }

func threeNodes(place string) (names []string) {
	for i := 1; i <= 3; i++ {
		names = append(names, fmt.Sprintf("%s-node-%d", place, i))
	}
	return names
}

func (a *Admission) policyText(subject, engine, failurePolicy string) policyText {
	return policyText{Subject: subject, Engine: engine, FailurePolicy: failurePolicy, Nodes: smallNodes(), Registries: registries,
		Released: digests(3), ExecGroups: execGroups, LoadBalancerClasses: loadBalancerClasses}
}

func (a *Admission) run(ctx context.Context) error {
	start := time.Now()
	progress := func(format string, values ...any) {
		fmt.Printf("%5.0f s  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, values...))
	}
	c, err := NewCluster(ctx, a.root, a.cores)
	if err != nil {
		return err
	}
	defer c.Down()
	progress("a control plane is up: %s", c.name)
	if err := a.namespaces(ctx, c); err != nil {
		return err
	}
	if err := a.floor(ctx, c); err != nil {
		return err
	}
	if err := a.rempart(ctx, c, progress); err != nil {
		return err
	}
	if err := a.writeCases(ctx, c); err != nil || a.onlyCases {
		return err
	}
	peers := map[string]*Peer{}
	for _, peer := range []struct {
		name, program string
		start         func(context.Context, *Cluster, *Admission) (*Peer, error)
	}{{"kyverno", a.kyverno, NewKyverno}, {"gatekeeper", a.gatekeeper, NewGatekeeper}} {
		if peer.program == "" {
			a.result.Missing[peer.name] = "its program is not there"
			continue
		}
		p, err := peer.start(ctx, c, a)
		if p != nil && p.process != nil {
			defer func() { p.process.Kill() }() // the process of then, after restarts too
		}
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			a.result.Missing[peer.name] = err.Error()
			progress("%s cannot be measured: %v", peer.name, err)
			continue
		}
		peers[peer.name] = p
		progress("%s is ready", peer.name)
	}
	present, err := a.awaitGates(ctx, c, peers, progress)
	if err != nil {
		return err
	}
	pids := map[string]int{}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if pids[name], err = c.pidOf(name); err != nil {
			return err
		}
	}
	for name, p := range peers {
		pids[name] = p.PID()
	}
	if err := c.settle(ctx); err != nil {
		return err
	}
	for name, pid := range pids {
		if a.result.IdleKiB[name], err = memoryKiB(pid, "VmRSS"); err != nil {
			return err
		}
	}
	if err := a.measure(ctx, c, present, pids, progress); err != nil {
		return err
	}
	if err := a.verdicts(ctx, c, present); err != nil {
		return fmt.Errorf("after the load, the operator dead since before it: %w", err)
	}
	for _, name := range []string{"kyverno", "gatekeeper"} {
		if p := peers[name]; p != nil {
			if err := a.kill(ctx, c, p, progress); err != nil {
				return fmt.Errorf("%s killed: %w", name, err)
			}
		}
	}
	if err := a.save(); err != nil {
		return err
	}
	a.result.Table(os.Stdout)
	return nil
}

// namespaces makes one for each gate. Without a controller manager nobody makes the service account that pods need.
func (a *Admission) namespaces(ctx context.Context, c *Cluster) error {
	for _, gate := range gates {
		labels := object{subjectLabel: gate.Name}
		if gate.Region != "" {
			labels["rempart.dev/region"] = gate.Region
		}
		err := c.API.Send(ctx, "POST", "/api/v1/namespaces", "application/json", mustJSON(object{"apiVersion": "v1", "kind": "Namespace",
			"metadata": object{"name": gate.namespace(), "labels": labels}}))
		if err != nil {
			return err
		}
	}
	for _, namespace := range []string{"gatekeeper-system"} {
		_ = c.API.Send(ctx, "POST", "/api/v1/namespaces", "application/json", mustJSON(object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}}))
	}
	account := mustJSON(object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": "default"}})
	for _, gate := range append(slices.Clone(gates), Gate{Name: ""}) {
		namespace := gate.namespace()
		if gate.Name == "" {
			namespace = "gatekeeper-system"
		}
		if err := c.API.Send(ctx, "POST", namespaced("/api/v1/serviceaccounts", namespace, ""), "application/json", account); err != nil {
			return err
		}
	}
	return nil
}

// floor is a policy that says `true`: asked of everything, and with nothing to work out.
func (a *Admission) floor(ctx context.Context, c *Cluster) error {
	policy := object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": object{"name": "floor"},
		"spec": object{"failurePolicy": "Fail",
			"matchConstraints": object{"resourceRules": []object{{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE", "UPDATE"},
				"resources": []string{"pods", "pods/ephemeralcontainers"}}}},
			"validations": []object{{"expression": "true"}}}}
	binding := object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": object{"name": "floor"},
		"spec": object{"policyName": "floor", "validationActions": []string{"Deny", "Audit"},
			"matchResources": object{"namespaceSelector": object{"matchLabels": object{subjectLabel: "floor"}}}}}
	return errors.Join(c.apply(ctx, mustJSON(policy)), c.apply(ctx, mustJSON(binding)))
}

// rempart has the operator compile the policies of three regions: a small and a large one whose nodes outside are tainted,
// and a small one whose pods get the region's node selector by mutation. It is killed once the gates hold.
func (a *Admission) rempart(ctx context.Context, c *Cluster, progress func(string, ...any)) error {
	node := func(name, place string) []byte {
		return mustJSON(object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": name,
			"labels": object{"topology.kubernetes.io/region": place, "topology.kubernetes.io/zone": place + "-1", "kubernetes.io/hostname": name}}})
	}
	many := 0
	for _, region := range a.regions {
		if region == "large" {
			many = a.nodes
			continue
		}
		place := "fr-" + region
		for _, name := range threeNodes(place) {
			if err := c.API.Send(ctx, "POST", "/api/v1/nodes", "application/json", node(name, place)); err != nil {
				return err
			}
		}
	}
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := next.Add(1); i <= int64(many) && failure.Load() == nil; i = next.Add(1) {
				if err := c.API.Send(ctx, "POST", "/api/v1/nodes", "application/json", node(largeNode(int(i)), "fr-large")); err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	progress("the nodes are there")
	regions := map[string]object{"small": fullRegion("small", "fr-small", digests(3)), "large": fullRegion("large", "fr-large", digests(a.images)),
		"mutation": fullRegion("mutation", "fr-mutation", digests(3))}
	regions["mutation"]["spec"].(object)["hosting"].(object)["taintOutsideNodes"] = false
	for name, region := range regions {
		if !a.has(name) {
			continue
		}
		if err := c.API.Send(ctx, "POST", regionsPath, "application/json", mustJSON(region)); err != nil {
			return fmt.Errorf("region %s: %w", name, err)
		}
	}
	operator, err := StartSubject(a.cores, c.Kubeconfig, a.log("rempart"), a.operator, "--leader-elect=false", "--metrics-addr", "0", "--health-addr", "0")
	if err != nil {
		return err
	}
	defer operator.Kill()
	parameters := func(region string) (nodes, released int, err error) {
		body, err := c.API.Do(ctx, "GET", "/apis/rempart.dev/v1alpha1/perimeterparameters/"+region, "", nil)
		if err != nil {
			return 0, 0, err
		}
		var p struct {
			Spec struct{ Nodes, Released map[string]bool }
		}
		err = json.Unmarshal(body, &p)
		return len(p.Spec.Nodes), len(p.Spec.Released), err
	}
	for told := time.Now(); ; {
		whole, large := true, 0
		for _, region := range a.regions {
			nodes, released, err := parameters(region)
			if region == "large" {
				large = nodes
				whole = whole && err == nil && nodes == a.nodes && released == a.images
			} else {
				whole = whole && err == nil && nodes == len(smallNodes())
			}
		}
		if whole {
			break
		}
		if err := operator.Alive(); err != nil {
			return err
		}
		if time.Since(told) > 15*time.Second {
			told = time.Now()
			progress("the operator has %d of %d nodes in the large region's parameters", large, a.nodes)
		}
		if !pause(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
	}
	if err := a.awaitRefusals(ctx, c, ours()); err != nil {
		return err
	}
	if err := a.podSecurity(ctx, c); err != nil {
		return err
	}
	if a.result.Operators["with all regions"], err = operator.MemoryKiB("VmRSS"); err != nil {
		return err
	}
	operator.Kill()
	progress("Rempart's policies hold; the operator is killed (SIGKILL), and stays dead from here on")
	one := gateOf(ours()[0])
	good, bad := c.API.Try(ctx, one.path(), one.body(edits[0])), c.API.Try(ctx, one.path(), one.body(editOf("foreign node")))
	a.result.Kills = append(a.result.Kills, Killed{Gate: "rempart", What: "operator", FailurePolicy: "Fail", Good: good, Bad: bad})
	return nil
}

// podSecurity gives every gate's namespace the labels of Pod Security that the operator gave Rempart's: what the server's own
// plugin costs is no gate's.
func (a *Admission) podSecurity(ctx context.Context, c *Cluster) error {
	const prefix = "pod-security.kubernetes.io/"
	labelsOf := func(gate string) (object, error) {
		body, err := c.API.Do(ctx, "GET", "/api/v1/namespaces/"+gateOf(gate).namespace(), "", nil)
		if err != nil {
			return nil, err
		}
		var namespace struct {
			Metadata struct{ Labels map[string]string }
		}
		err = json.Unmarshal(body, &namespace)
		labels := object{}
		for key, value := range namespace.Metadata.Labels {
			if strings.HasPrefix(key, prefix) {
				labels[key] = value
			}
		}
		return labels, err
	}
	ours := ours()
	var labels object
	for deadline := time.Now().Add(60 * time.Second); ; {
		guarded := 0
		for _, gate := range ours {
			has, err := labelsOf(gate)
			if err != nil {
				return err
			}
			if len(has) > 0 {
				labels = has
				guarded++
			}
		}
		if guarded == len(ours) {
			break
		}
		if time.Now().After(deadline) || !pause(ctx, 100*time.Millisecond) {
			return errors.New("the regions' namespaces have no labels of Pod Security after 60 s")
		}
	}
	patch := mustJSON(object{"metadata": object{"labels": labels}})
	for _, gate := range gates {
		if slices.Contains(ours, gate.Name) {
			continue
		}
		if err := c.API.Send(ctx, "PATCH", "/api/v1/namespaces/"+gate.namespace(), mergeType, patch); err != nil {
			return err
		}
	}
	return nil
}

func largeNode(i int) string { return fmt.Sprintf("fr-large-node-%05d", i) }

func gateOf(name string) Gate {
	return gates[slices.IndexFunc(gates, func(g Gate) bool { return g.Name == name })]
}

func editOf(name string) edit {
	return edits[slices.IndexFunc(edits, func(e edit) bool { return e.name == name })]
}

// awaitRefusals waits until each of these gates refuses a bad pod by its rule and admits a good one, ten times in a row.
func (a *Admission) awaitRefusals(ctx context.Context, c *Cluster, names []string) error {
	for _, name := range names {
		gate := gateOf(name)
		last := ""
		deadline := time.Now().Add(90 * time.Second)
		for held := 0; held < 10; {
			good, bad := c.API.Try(ctx, gate.path(), gate.body(edits[0])), c.API.Try(ctx, gate.path(), gate.body(editOf("foreign node")))
			if good.Code == http.StatusCreated && isRefusal(bad, "RP-101") {
				held++
				continue
			}
			held, last = 0, fmt.Sprintf("good pod: %s; bad pod: %s", good, bad)
			if time.Now().After(deadline) || !pause(ctx, 100*time.Millisecond) {
				return fmt.Errorf("%s does not hold after 90 s: %s", name, last)
			}
		}
	}
	return nil
}

func isRefusal(answer Answer, rule string) bool {
	return answer.Code >= 400 && answer.Code < 500 && strings.Contains(answer.Message, rule)
}

// awaitGates gives the gates that hold; those that do not are noted as missing. A baseline holds when it is told apart by nothing.
func (a *Admission) awaitGates(ctx context.Context, c *Cluster, peers map[string]*Peer, progress func(string, ...any)) (present []Gate, err error) {
	for _, gate := range gates {
		missing := slices.ContainsFunc(gate.Processes, func(name string) bool { return peers[name] == nil })
		if missing {
			continue
		}
		if gate.Refuses {
			if err := a.awaitRefusals(ctx, c, []string{gate.Name}); err != nil {
				if ctx.Err() != nil || gate.Region != "" {
					return nil, err
				}
				a.result.Missing[gate.Name] = err.Error()
				progress("%s cannot be measured: %v", gate.Name, err)
				continue
			}
		}
		present = append(present, gate)
	}
	if err := a.verdicts(ctx, c, present); err != nil {
		return nil, err
	}
	progress("%d verdicts on %d pods are as they should be", a.result.Verdicts, len(edits))
	return present, nil
}

// verdicts asks each gate about each pod.
func (a *Admission) verdicts(ctx context.Context, c *Cluster, present []Gate) error {
	for _, gate := range present {
		for _, e := range edits {
			answer := c.API.Try(ctx, gate.path(), gate.body(e))
			right := answer.Code == http.StatusCreated
			if gate.Refuses && e.rule != "" {
				right = isRefusal(answer, e.rule)
			}
			if !right {
				return fmt.Errorf("%s, pod %q: %s", gate.Name, e.name, answer)
			}
			a.result.Verdicts++
		}
	}
	return nil
}

func (a *Admission) measure(ctx context.Context, c *Cluster, present []Gate, pids map[string]int, progress func(string, ...any)) error {
	for _, connections := range a.connections {
		api, err := NewAPI(c.Kubectl, c.Kubeconfig, connections)
		if err != nil {
			return err
		}
		for _, gate := range present { // connections, caches, code paths
			if _, err := runTurn(ctx, api, gate.path(), gate.body(edits[0]), max(20, a.requests/2), connections, pids); err != nil {
				return fmt.Errorf("%s: %w", gate.Name, err)
			}
		}
		told := time.Now()
		for round := 1; round <= a.rounds; round++ {
			// Another order each time: what the one before left to be done (garbage) falls to another one.
			for _, i := range rand.New(rand.NewPCG(a.seed, uint64(1000*connections+round))).Perm(len(present)) {
				gate := present[i]
				if _, err := runTurn(ctx, api, gate.path(), gate.body(edits[0]), max(10, a.requests/20), connections, pids); err != nil {
					return fmt.Errorf("%s: %w", gate.Name, err)
				}
				turn, err := runTurn(ctx, api, gate.path(), gate.body(edits[0]), a.requests, connections, pids)
				if err != nil {
					return fmt.Errorf("%s: %w", gate.Name, err)
				}
				turn.Subject, turn.Round = gate.Name, round
				a.result.Turns = append(a.result.Turns, turn)
			}
			if time.Since(told) > 15*time.Second || round == a.rounds {
				told = time.Now()
				progress("%d at a time: round %d of %d", connections, round, a.rounds)
				if err := a.save(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// kill kills a peer's process with SIGKILL under both failure policies, and starts it again.
func (a *Admission) kill(ctx context.Context, c *Cluster, p *Peer, progress func(string, ...any)) error {
	gate := gateOf(map[string]string{"kyverno": "kyverno", "gatekeeper": "gatekeeper-cel"}[p.name])
	good, bad := gate.body(edits[0]), gate.body(editOf("foreign node"))
	for _, policy := range []string{"Fail", "Ignore"} {
		if policy != "Fail" {
			if err := a.setFailurePolicy(ctx, c, p, policy); err != nil {
				return err
			}
			if err := a.awaitRefusals(ctx, c, []string{gate.Name}); err != nil {
				return err
			}
		}
		p.process.Kill()
		k := Killed{Gate: gate.Name, What: p.name, FailurePolicy: policy}
		k.Good, k.Bad = c.API.Try(ctx, gate.path(), good), c.API.Try(ctx, gate.path(), bad)
		if err := p.Start(); err != nil {
			return err
		}
		started := time.Now()
		for {
			answer := c.API.Try(ctx, gate.path(), bad)
			k.Tried++
			if isRefusal(answer, "RP-101") {
				k.Restarted, k.Refused = true, time.Since(started).Seconds()
				break
			}
			if answer.Code == http.StatusCreated {
				k.LetIn++
			}
			if time.Since(started) > 90*time.Second {
				break
			}
			if !pause(ctx, 10*time.Millisecond) {
				return ctx.Err()
			}
		}
		a.result.Kills = append(a.result.Kills, k)
		progress("%s killed, failurePolicy %s: good pod %s; bad pod %s; after its restart %d bad pods got in", p.name, policy, k.Good, k.Bad, k.LetIn)
	}
	return nil
}

// setFailurePolicy changes what happens while the webhook does not answer, and waits until it is registered so.
func (a *Admission) setFailurePolicy(ctx context.Context, c *Cluster, p *Peer, policy string) error {
	const configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
	if p.name == "gatekeeper" {
		patch := []object{{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": policy}}
		return c.API.Send(ctx, "PATCH", configurations+"/bench-gatekeeper", "application/json-patch+json", mustJSON(patch))
	}
	if err := a.applyKyverno(ctx, c, policy); err != nil {
		return err
	}
	for deadline := time.Now().Add(60 * time.Second); ; {
		body, err := c.API.Do(ctx, "GET", configurations+"?labelSelector=webhook.kyverno.io%2Fmanaged-by%3Dkyverno", "", nil)
		if err != nil {
			return err
		}
		var list struct {
			Items []struct {
				Webhooks []struct {
					FailurePolicy string
					Rules         []struct{ Resources []string }
				}
			}
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return err
		}
		found := map[string]bool{} // failure policies of webhooks for pods
		for _, item := range list.Items {
			for _, webhook := range item.Webhooks {
				for _, rule := range webhook.Rules {
					if slices.Contains(rule.Resources, "pods") {
						found[webhook.FailurePolicy] = true
					}
				}
			}
		}
		if len(found) == 1 && found[policy] {
			return nil
		}
		if time.Now().After(deadline) || !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("kyverno's webhooks for pods have failure policies %v, not %s", found, policy)
		}
	}
}
