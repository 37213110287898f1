package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	groupPath       = "/apis/rempart.dev/v1alpha1"
	workloadsPath   = groupPath + "/tenantworkloads"
	regionsPath     = groupPath + "/sovereignregions"
	deploymentsPath = "/apis/apps/v1/deployments"
	applyType       = "application/apply-patch+yaml" // JSON is YAML
	mergeType       = "application/merge-patch+json"
)

// namespaced("/apis/apps/v1/deployments", "a", "b") is "/apis/apps/v1/namespaces/a/deployments/b".
func namespaced(collection, namespace, name string) string {
	i := strings.LastIndexByte(collection, '/')
	path := collection[:i] + "/namespaces/" + namespace + collection[i:]
	if name != "" {
		path += "/" + name
	}
	return path
}

// API is a plain HTTP/1.1 client of one cluster: no caches, no retries. Safe for concurrent use.
type API struct {
	base   string
	client *http.Client
}

// NewAPI reads the kubeconfig with kubectl. It keeps at most `connections` connections, and keeps them alive.
func NewAPI(kubectl, kubeconfig string, connections int) (*API, error) {
	out, err := exec.Command(kubectl, "--kubeconfig", kubeconfig, "config", "view", "--raw", "--flatten", "--minify", "-o", "json").Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl config view: %w", err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     []byte `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Cert []byte `json:"client-certificate-data"`
				Key  []byte `json:"client-key-data"`
			} `json:"user"`
		} `json:"users"`
	}
	if err := json.Unmarshal(out, &config); err != nil {
		return nil, err
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 {
		return nil, fmt.Errorf("%s: expected one cluster and one user", kubeconfig)
	}
	cert, err := tls.X509KeyPair(config.Users[0].User.Cert, config.Users[0].User.Key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.Clusters[0].Cluster.CA)
	return &API{base: config.Clusters[0].Cluster.Server, client: &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // no HTTP/2
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
	}}}, nil
}

// open sends a request. 429 (the storage of a new CRD that is not ready yet) is obeyed, for half a minute.
func (a *API) open(ctx context.Context, method, path, contentType string, body []byte) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("Accept", "application/json")
		response, err := a.client.Do(request)
		if err != nil || response.StatusCode < 300 {
			return response, err
		}
		text, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
		response.Body.Close()
		if response.StatusCode != http.StatusTooManyRequests || attempt == 30 || !pause(ctx, time.Second) {
			return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
		}
	}
}

// Do sends one request and gives the answer's body.
func (a *API) Do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	response, err := a.open(ctx, method, path, contentType, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

// Send is Do for those who want no more of the answer than that it came whole.
func (a *API) Send(ctx context.Context, method, path, contentType string, body []byte) error {
	response, err := a.open(ctx, method, path, contentType, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// Count says how many objects a collection has.
func (a *API) Count(ctx context.Context, path string) (int, error) {
	list, err := a.list(ctx, path+"?limit=1")
	return len(list.Items) + list.Metadata.Remaining, err
}

type objectList struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Remaining       int    `json:"remainingItemCount"`
	} `json:"metadata"`
	Items []struct {
		Metadata struct {
			Name, Namespace, UID string
			Generation           int64
		} `json:"metadata"`
	} `json:"items"`
}

func (a *API) list(ctx context.Context, path string) (list objectList, err error) {
	body, err := a.Do(ctx, "GET", path, "", nil)
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	return list, err
}

// Watch calls `each` with every event (one JSON text) from now on, until ctx ends. It returns once the watch stands;
// how it ended comes through the channel.
func (a *API) Watch(ctx context.Context, path string, each func(event []byte)) (<-chan error, error) {
	list, err := a.list(ctx, path+"?limit=1")
	if err != nil {
		return nil, err
	}
	response, err := a.open(ctx, "GET", path+"?watch=1&timeoutSeconds=3600&resourceVersion="+list.Metadata.ResourceVersion, "", nil)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		defer response.Body.Close()
		reader := bufio.NewReaderSize(response.Body, 1<<20)
		for {
			line, err := reader.ReadBytes('\n')
			if err != nil {
				done <- err
				return
			}
			each(line)
		}
	}()
	return done, nil
}

// textAfter finds the first `"key":"` and gives what stands there. In an event of the API server the first "name" is
// the object's: keys are sorted, and quotes within managedFields are escaped.
func textAfter(event []byte, key string) string {
	_, rest, found := bytes.Cut(event, []byte(`"`+key+`":"`))
	if !found {
		return ""
	}
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(text)
}

// call is a kind of request, as the API server counts them.
type call struct {
	verb, group, resource, subresource string
	dryRun                             bool
}

func (c call) String() string {
	name := c.resource
	if c.subresource != "" {
		name += "/" + c.subresource
	}
	if c.dryRun {
		name += " (dry run)"
	}
	return c.verb + " " + name
}

func (c call) isWrite() bool {
	switch c.verb {
	case "GET", "LIST", "WATCH", "CONNECT":
		return false
	}
	return !c.dryRun
}

// Calls reads the API server's own count of requests. Left out: watches, leases, and what kwok's simulated kubelets
// send (the status of nodes).
func (a *API) Calls(ctx context.Context) (map[call]int, error) {
	body, err := a.Do(ctx, "GET", "/metrics", "", nil)
	if err != nil {
		return nil, err
	}
	calls := map[call]int{}
	for line := range strings.Lines(string(body)) {
		labels, value, found := strings.Cut(strings.TrimSpace(line), "} ")
		if !found || !strings.HasPrefix(labels, "apiserver_request_total{") {
			continue
		}
		get := func(name string) string {
			_, rest, _ := strings.Cut(labels, name+`="`)
			text, _, _ := strings.Cut(rest, `"`)
			return text
		}
		c := call{verb: get("{verb"), group: get(",group"), resource: get(",resource"), subresource: get(",subresource"), dryRun: get(",dry_run") != ""}
		if c.verb == "" {
			c.verb = get(",verb")
		}
		if c.verb == "WATCH" || c.resource == "leases" || (c.resource == "nodes" && c.subresource == "status") {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("metrics: %q: %w", line, err)
		}
		calls[c] += int(number)
	}
	return calls, nil
}

func since(before, after map[call]int) map[call]int {
	delta := map[call]int{}
	for c, n := range after {
		if n > before[c] {
			delta[c] = n - before[c]
		}
	}
	return delta
}
