package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Cluster is a control plane of its own (hack/cluster), without scheduler and controller-manager, on given cores.
type Cluster struct {
	root, name          string
	Kubectl, Kubeconfig string
	API                 *API
}

// NewCluster starts one, with the CRDs, and no region and no workload yet.
func NewCluster(ctx context.Context, root, cores string) (*Cluster, error) {
	c := &Cluster{root: root, name: fmt.Sprintf("bench-%d", os.Getpid())}
	up := exec.CommandContext(ctx, filepath.Join(root, "hack/cluster"), "up", c.name, "--without", "scheduler,controller-manager")
	up.Env = append(os.Environ(), "CLUSTER_CPUS="+cores)
	up.Cancel = func() error { return up.Process.Signal(syscall.SIGTERM) } // it then takes down what it began
	if out, err := up.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("hack/cluster up: %w: %s", err, out)
	}
	if err := c.prepare(ctx); err != nil {
		c.Down()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) prepare(ctx context.Context) error {
	script := `eval "$("$0" env "$1")"; printf '%s\n%s\n' "$KUBECONFIG" "$(command -v kubectl)"`
	out, err := exec.CommandContext(ctx, "bash", "-c", script, filepath.Join(c.root, "hack/cluster"), c.name).Output()
	if err != nil {
		return fmt.Errorf("hack/cluster env: %w", err)
	}
	c.Kubeconfig, c.Kubectl, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	if c.API, err = NewAPI(c.Kubectl, c.Kubeconfig, 64); err != nil {
		return err
	}
	if err := c.kubectl(ctx, "apply", "--server-side", "-f", filepath.Join(c.root, "crds")); err != nil {
		return err
	}
	// kubectl wait fails on a CRD that is so new that it has no status yet, so it is asked again.
	established := []string{"wait", "--for=condition=Established", "--timeout=60s", "--recursive=false", "-f", filepath.Join(c.root, "crds")}
	for attempt := 1; ; attempt++ {
		err := c.kubectl(ctx, established...)
		if err == nil {
			break
		}
		if attempt == 10 || !pause(ctx, time.Second) {
			return err
		}
	}
	for _, namespace := range namespaces {
		body := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}}
		if err := c.API.Send(ctx, "POST", "/api/v1/namespaces", "application/json", mustJSON(body)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) kubectl(ctx context.Context, arguments ...string) error {
	out, err := exec.CommandContext(ctx, c.Kubectl, append([]string{"--kubeconfig", c.Kubeconfig}, arguments...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", arguments[0], err, out)
	}
	return nil
}

// serving waits until the API server has opened the storage of every kind of ours. It opens one with the first request for it, and
// answers 429 until then, with a second to wait: what a subject loses there would be the fresh cluster's time and not its own.
func (c *Cluster) serving(ctx context.Context) error {
	body, err := c.API.Do(ctx, "GET", groupPath, "", nil)
	if err != nil {
		return err
	}
	var kinds struct{ Resources []struct{ Name string } }
	if err := json.Unmarshal(body, &kinds); err != nil {
		return err
	}
	for _, kind := range kinds.Resources {
		if strings.Contains(kind.Name, "/") {
			continue
		}
		if _, err := c.API.Count(ctx, groupPath+"/"+kind.Name); err != nil {
			return err
		}
	}
	return nil
}

// Declare creates the region and n workloads.
func (c *Cluster) Declare(ctx context.Context, n int) error {
	if err := c.serving(ctx); err != nil {
		return err
	}
	if err := c.API.Send(ctx, "POST", regionsPath, "application/json", mustJSON(region())); err != nil {
		return err
	}
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for failure.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := c.API.Send(ctx, "POST", namespaced(workloadsPath, namespaceOf(i), ""), "application/json", mustJSON(workload(i))); err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return c.settle(ctx)
}

// enforce makes the region enforce its rules for a namespace of its own, and waits until it says that its gate has held.
func (c *Cluster) enforce(ctx context.Context) error {
	namespace := object{"apiVersion": "v1", "kind": "Namespace",
		"metadata": object{"name": "bench-enforced", "labels": object{"rempart.dev/region": regionName}}}
	if err := c.API.Send(ctx, "POST", "/api/v1/namespaces", "application/json", mustJSON(namespace)); err != nil {
		return err
	}
	// No controller-manager runs here that would make the account which every pod has.
	account := object{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": object{"name": "default"}}
	if err := c.API.Send(ctx, "POST", "/api/v1/namespaces/bench-enforced/serviceaccounts", "application/json", mustJSON(account)); err != nil {
		return err
	}
	body := object{"spec": object{"enforcement": "Enforce"}}
	if err := c.API.Send(ctx, "PATCH", regionsPath+"/"+regionName, mergeType, mustJSON(body)); err != nil {
		return err
	}
	if err := c.kubectl(ctx, "wait", "--for=condition=SelfTested", "--timeout=2m", "sovereignregion/"+regionName); err != nil {
		return err
	}
	return c.settle(ctx)
}

// settle waits until the API server has digested what it was given: under a tenth of a core for a second; a minute at
// most.
func (c *Cluster) settle(ctx context.Context) error {
	pid, err := c.serverPid()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		before, err := cpuOf(pid)
		if err != nil {
			return err
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
		if after, err := cpuOf(pid); err != nil || after-before < 100*time.Millisecond {
			return err
		}
	}
	return nil
}

func (c *Cluster) serverPid() (int, error) { return c.pidOf("kube-apiserver") }

// pidOf finds the cluster's process of a program.
func (c *Cluster) pidOf(program string) (int, error) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		exe, err := os.Readlink(link)
		if err != nil || filepath.Base(exe) != program {
			continue
		}
		dir := filepath.Dir(link)
		if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && filepath.Base(cwd) == c.name {
			var pid int
			_, err = fmt.Sscanf(filepath.Base(dir), "%d", &pid)
			return pid, err
		}
	}
	return 0, fmt.Errorf("cluster %s has no %s", c.name, program)
}

func (c *Cluster) Down() {
	if out, err := exec.Command(filepath.Join(c.root, "hack/cluster"), "down", c.name).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "hack/cluster down: %v: %s\n", err, out)
	}
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
