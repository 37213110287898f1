package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// policyText is what a peer's policies are filled in with.
type policyText struct {
	Check                                                        bool // for manifests, not for admission
	Engine, Subject, FailurePolicy                               string
	Nodes, Registries, Released, ExecGroups, LoadBalancerClasses []string
}

// fill reads a file of tests/bench/peers and fills in its braces.
func fill(root, file string, with policyText) ([]byte, error) {
	quoted := func(list []string, quote string) string {
		parts := make([]string, len(list))
		for i, text := range list {
			parts[i] = quote + text + quote
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	path := filepath.Join(root, "tests/bench/peers", file)
	text, err := template.New(filepath.Base(path)).Funcs(template.FuncMap{
		"cel":  func(list []string) string { return quoted(list, "'") },
		"json": func(list []string) string { return quoted(list, `"`) },
	}).ParseFiles(path)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = text.Execute(&out, with)
	return out.Bytes(), err
}

// Peer is the real Kyverno or Gatekeeper: its one process, outside the cluster, with the arguments that its chart gives it.
type Peer struct {
	name, program, health string
	arguments, env        []string
	cores, kubeconfig     string
	log                   string
	process               *Subject
}

func (p *Peer) Start() (err error) {
	p.process, err = startProcess(p.cores, p.log, append(p.env, "KUBECONFIG="+p.kubeconfig), append([]string{p.program}, p.arguments...)...)
	return err
}

func (p *Peer) PID() int { return p.process.command.Process.Pid }

// awaitHealth waits until its readiness endpoint says 200.
func (p *Peer) awaitHealth(ctx context.Context, limit time.Duration) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // its certificate is its own
	last := errors.New("no answer")
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if err := p.process.Alive(); err != nil {
			return err
		}
		response, err := client.Get(p.health)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(response.Status)
		}
		last = err
		if !pause(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s is not ready after %s: %w (see %s)", p.name, limit, last, p.log)
}

// freePort asks the kernel for one. Nobody holds it afterwards, so it is used soon.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

func freePorts(n int) (ports []string, err error) {
	for range n {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// chartArguments reads what hack/bench.d/charts.py wrote, and sets some of them anew ("--port" to "--port=1").
func chartArguments(charts, name string, anew map[string]string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(charts, name+".args.json"))
	if err != nil {
		return nil, err
	}
	var arguments []string
	if err := json.Unmarshal(text, &arguments); err != nil {
		return nil, err
	}
	for i, argument := range arguments {
		flag, _, _ := strings.Cut(argument, "=")
		if value, ok := anew[flag]; ok {
			arguments[i] = flag + "=" + value
			delete(anew, flag)
		}
	}
	for flag, value := range anew {
		arguments = append(arguments, flag+"="+value)
	}
	return arguments, nil
}

// NewKyverno installs it and starts its admission controller.
func NewKyverno(ctx context.Context, c *Cluster, a *Admission) (*Peer, error) {
	if err := a.install(ctx, c, "kyverno"); err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	arguments, err := chartArguments(a.charts, "kyverno", map[string]string{"--webhookServerPort": ports[0], "--metricsPort": ports[1],
		"--controllerRuntimeMetricsAddress": "127.0.0.1:" + ports[2], "--kubeconfig": c.Kubeconfig, "--serverIP": "127.0.0.1:" + ports[0]})
	if err != nil {
		return nil, err
	}
	p := &Peer{name: "kyverno", program: a.kyverno, arguments: arguments, health: "https://127.0.0.1:" + ports[0] + "/health/readiness",
		env: []string{"INIT_CONFIG=kyverno", "METRICS_CONFIG=kyverno-metrics", "KYVERNO_NAMESPACE=kyverno", "KYVERNO_POD_NAME=kyverno-outside",
			"KYVERNO_SERVICEACCOUNT_NAME=kyverno-admission-controller", "KYVERNO_ROLE_NAME=kyverno:admission-controller",
			"KYVERNO_SVC=kyverno-svc", "KYVERNO_DEPLOYMENT=kyverno-admission-controller", "TUF_ROOT=" + a.work},
		cores: a.cores, kubeconfig: c.Kubeconfig, log: a.log("kyverno")}
	if err := a.applyKyverno(ctx, c, "Fail"); err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	return p, p.awaitHealth(ctx, 3*time.Minute)
}

func (a *Admission) applyKyverno(ctx context.Context, c *Cluster, failurePolicy string) error {
	text, err := fill(a.root, "kyverno/policies.yaml", a.policyText("kyverno", "", failurePolicy))
	if err != nil {
		return err
	}
	return c.apply(ctx, text)
}

// NewGatekeeper installs it and starts its controller manager with the webhook.
func NewGatekeeper(ctx context.Context, c *Cluster, a *Admission) (*Peer, error) {
	if err := a.install(ctx, c, "gatekeeper"); err != nil {
		return nil, err
	}
	certificates := filepath.Join(a.work, "gatekeeper-certificates")
	bundle, err := writeCertificates(certificates)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	arguments, err := chartArguments(a.charts, "gatekeeper", map[string]string{"--port": ports[0], "--health-addr": "127.0.0.1:" + ports[1],
		"--prometheus-port": ports[2], "--disable-cert-rotation": "true", "--kubeconfig": c.Kubeconfig, "--cert-dir": certificates,
		"--host": "127.0.0.1", "--shutdown-delay": "0"})
	if err != nil {
		return nil, err
	}
	p := &Peer{name: "gatekeeper", program: a.gatekeeper, arguments: arguments, health: "http://127.0.0.1:" + ports[1] + "/readyz",
		env:   []string{"POD_NAME=gatekeeper-outside", "POD_NAMESPACE=gatekeeper-system", "NAMESPACE=gatekeeper-system", "CONTAINER_NAME=manager"},
		cores: a.cores, kubeconfig: c.Kubeconfig, log: a.log("gatekeeper")}
	// Stands for the pod that it would run in: the objects that say how it is are owned by that. Never scheduled.
	outside := object{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "gatekeeper-outside", "namespace": "gatekeeper-system"},
		"spec": object{"schedulingGates": []object{{"name": "bench.rempart.dev/outside"}}, "automountServiceAccountToken": false,
			"containers": []object{{"name": "manager", "image": "none"}}}}
	if err := c.apply(ctx, mustJSON(outside)); err != nil {
		return nil, err
	}
	for _, file := range []string{"gatekeeper/cel.yaml", "gatekeeper/rego.yaml"} {
		text, err := fill(a.root, file, a.policyText("", "", ""))
		if err != nil {
			return nil, err
		}
		if err := c.apply(ctx, text); err != nil {
			return nil, err
		}
	}
	if err := generateConstraintKinds(ctx, c, p); err != nil {
		return nil, err
	}
	for _, engine := range []string{"Cel", "Rego"} {
		text, err := fill(a.root, "gatekeeper/constraints.yaml", a.policyText("gatekeeper-"+strings.ToLower(engine), engine, ""))
		if err != nil {
			return nil, err
		}
		if err := c.apply(ctx, text); err != nil {
			return nil, err
		}
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	if err := p.awaitHealth(ctx, 3*time.Minute); err != nil {
		return p, err
	}
	return p, c.apply(ctx, mustJSON(gatekeeperWebhook("https://127.0.0.1:"+ports[0]+"/v1/admit", bundle, "Fail")))
}

// generateConstraintKinds has Gatekeeper make the custom resource definitions of its templates, which is another pod's job in its chart.
func generateConstraintKinds(ctx context.Context, c *Cluster, p *Peer) error {
	generator := *p
	generator.name, generator.log = "gatekeeper --operation=generate", strings.TrimSuffix(p.log, ".log")+"-generate.log"
	generator.arguments = append(slices.Clone(p.arguments), "--operation=generate", "--default-create-vap-for-templates=false",
		"--default-create-vap-binding-for-constraints=false")
	if err := generator.Start(); err != nil {
		return err
	}
	defer generator.process.Kill()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		err := c.kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "crd/podscel.constraints.gatekeeper.sh", "crd/podsrego.constraints.gatekeeper.sh")
		if err == nil {
			return nil
		}
		if alive := generator.process.Alive(); alive != nil {
			return alive
		}
		if time.Now().After(deadline) || !pause(ctx, 500*time.Millisecond) {
			return fmt.Errorf("no constraint kinds (see %s): %w", generator.log, err)
		}
	}
}

// gatekeeperWebhook is its registration, for nothing but what the rules are about.
func gatekeeperWebhook(url string, bundle []byte, failurePolicy string) object {
	return object{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": object{"name": "bench-gatekeeper"},
		"webhooks": []object{{"name": "validation.gatekeeper.sh", "clientConfig": object{"url": url, "caBundle": base64.StdEncoding.EncodeToString(bundle)},
			"failurePolicy": failurePolicy, "sideEffects": "None", "admissionReviewVersions": []string{"v1"}, "timeoutSeconds": 3,
			"namespaceSelector": object{"matchExpressions": []object{{"key": subjectLabel, "operator": "In", "values": []string{"gatekeeper-cel", "gatekeeper-rego"}}}},
			"rules":             []object{{"apiGroups": []string{""}, "apiVersions": []string{"v1"}, "operations": []string{"CREATE", "UPDATE"}, "resources": []string{"pods", "pods/ephemeralcontainers"}}}}}}
}

// writeCertificates makes an authority and a server certificate for 127.0.0.1 in a folder, and gives the authority's PEM.
func writeCertificates(folder string) ([]byte, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	make := func(about, parent *x509.Certificate, signer *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		if signer == nil {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, about, parent, &key.PublicKey, signer)
		return key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: from, NotAfter: to,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	signer, bundle, err := make(authority, authority, nil)
	if err != nil {
		return nil, err
	}
	key, certificate, err := make(server, authority, signer)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return bundle, errors.Join(os.WriteFile(filepath.Join(folder, "ca.crt"), bundle, 0o600),
		os.WriteFile(filepath.Join(folder, "tls.crt"), certificate, 0o600), os.WriteFile(filepath.Join(folder, "tls.key"), private, 0o600))
}

// install applies what a peer's chart ships (charts.py), and waits for its custom resource definitions.
func (a *Admission) install(ctx context.Context, c *Cluster, name string) error {
	file := filepath.Join(a.charts, name+".json")
	if err := c.kubectl(ctx, "apply", "--server-side", "--force-conflicts", "-f", file); err != nil {
		return err
	}
	return c.kubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
}

// apply gives a text to kubectl.
func (c *Cluster) apply(ctx context.Context, text []byte) error {
	command := exec.CommandContext(ctx, c.Kubectl, "--kubeconfig", c.Kubeconfig, "apply", "--server-side", "--force-conflicts", "-f", "-")
	command.Stdin = bytes.NewReader(text)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl apply: %w: %s", err, out)
	}
	return nil
}
