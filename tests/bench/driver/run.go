package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// Cold is the start of a subject over n workloads that nobody has looked at yet.
type Cold struct {
	Seconds          float64        `json:"seconds"`          // from the start of the process to the last write to a workload or child
	SecondsAnything  float64        `json:"secondsAnything"`  // the same, the region's status counted too
	CPUus            float64        `json:"cpuUsPerWorkload"` // of the subject, start-up included
	ServerCPUus      float64        `json:"serverCpuUsPerWorkload"`
	PeakRSSKiB       int            `json:"peakRssKiB"`
	RSSKiB           int            `json:"rssKiB"`           // when all is done
	KiBPerObject     float64        `json:"kibPerObject"`     // what RSS is above that of an empty cluster, by 2n objects
	CallsPerWorkload float64        `json:"callsPerWorkload"` // to workloads and Deployments
	Calls            map[string]int `json:"calls"`
}

// Steady is so many changes a second (50) for 20 seconds.
type Steady struct {
	Changes        int            `json:"changes"`
	Unseen         int            `json:"unseen"` // whose Deployment had not followed after 10 s
	P50, P99, Max  float64        // ms from the answer to the change to the Deployment's watch event
	CPUusPerChange float64        `json:"cpuUsPerChange"`
	ServerCPUus    float64        `json:"serverCpuUsPerChange"` // the changes' own requests included
	Calls          map[string]int `json:"calls"`
}

// Rest is a minute in which nobody changes anything.
type Rest struct {
	Seconds float64        `json:"seconds"`
	Writes  int            `json:"writes"`
	CPUms   float64        `json:"cpuMs"`
	Calls   map[string]int `json:"calls"`
}

type Run struct {
	Subject string  `json:"subject"`
	N       int     `json:"n"`
	Round   int     `json:"round"`
	Load    string  `json:"loadBefore"` // /proc/loadavg
	Cold    Cold    `json:"cold"`
	Steady  *Steady `json:"steady,omitempty"`
	Rest    *Rest   `json:"rest,omitempty"`
	// The same in a region that enforces, whose gate is tried each minute. The twin has none.
	RestEnforced *Rest `json:"restEnforced,omitempty"`
}

const (
	quiet       = 3 * time.Second // without a write: all is done
	connections = 8               // of the raw loop; the subjects have 8 workers
)

// writes follows a cluster's workloads and region through watches, and knows when the last one was written.
type writes struct {
	mutex          sync.Mutex
	written        map[string]bool // workloads that have been written since
	last, anything time.Time
	changed        chan struct{}
}

func follow(ctx context.Context, api *API) (*writes, error) {
	w := &writes{written: map[string]bool{}, changed: make(chan struct{}, 1)}
	note := func(isWorkload bool) func([]byte) {
		return func(event []byte) {
			now := time.Now()
			w.mutex.Lock()
			w.anything = now
			if isWorkload {
				w.last = now
				w.written[textAfter(event, "name")] = true
			}
			w.mutex.Unlock()
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
	if _, err := api.Watch(ctx, workloadsPath, note(true)); err != nil {
		return nil, err
	}
	_, err := api.Watch(ctx, regionsPath, note(false))
	return w, err
}

// untilDone waits until n workloads have been written and nothing more is. The region must have been too.
func (w *writes) untilDone(ctx context.Context, n int, alive func() error) (last, anything time.Time, err error) {
	timer := time.NewTimer(quiet)
	for {
		select {
		case <-ctx.Done():
			w.mutex.Lock()
			defer w.mutex.Unlock()
			return last, anything, fmt.Errorf("%d of %d workloads written: %w", len(w.written), n, ctx.Err())
		case <-w.changed:
			timer.Reset(quiet)
		case <-timer.C:
			w.mutex.Lock()
			done := len(w.written)
			last, anything = w.last, w.anything
			w.mutex.Unlock()
			if done == n && !anything.IsZero() {
				return last, anything, nil
			}
			if err := alive(); err != nil {
				return last, anything, err
			}
			timer.Reset(quiet)
		}
	}
}

func perWorkload(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(n) }

func toStrings(calls map[call]int) map[string]int {
	out := map[string]int{}
	for c, n := range calls {
		out[c.String()] += n
	}
	return out
}

func ofWorkloads(calls map[call]int) (sum int) {
	for c, n := range calls {
		if c.resource == "tenantworkloads" || c.resource == "deployments" {
			sum += n
		}
	}
	return sum
}

// emptyRSS is what a subject takes on a cluster that has a region and no workload.
func (b *Bench) emptyRSS(ctx context.Context, name string) (int, error) {
	cluster, err := NewCluster(ctx, b.root, b.serverCores)
	if err != nil {
		return 0, err
	}
	defer cluster.Down()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := cluster.Declare(ctx, 0); err != nil {
		return 0, err
	}
	w, err := follow(ctx, cluster.API)
	if err != nil {
		return 0, err
	}
	subject, err := StartSubject(b.subjectCores, cluster.Kubeconfig, b.log(name, "empty"), b.argv[name]...)
	if err != nil {
		return 0, err
	}
	if _, _, err = w.untilDone(ctx, 0, subject.Alive); err != nil {
		_ = subject.Stop()
		return 0, err
	}
	rss, err := subject.MemoryKiB("VmRSS")
	if stopped := subject.Stop(); err == nil {
		err = stopped
	}
	return rss, err
}

// run takes one subject through all of its phases, on a cluster of its own.
func (b *Bench) run(ctx context.Context, name string, n, round int) (*Run, error) {
	run := &Run{Subject: name, N: n, Round: round, Load: loadAverage()}
	cluster, err := NewCluster(ctx, b.root, b.serverCores)
	if err != nil {
		return nil, err
	}
	defer cluster.Down()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := cluster.Declare(ctx, n); err != nil {
		return nil, err
	}
	if name == "raw" {
		return run, b.coldRaw(ctx, cluster, run)
	}
	subject, err := b.cold(ctx, cluster, run)
	if subject != nil {
		defer func() {
			if stopped := subject.Stop(); stopped != nil {
				fmt.Printf("  %s: %v\n", name, stopped)
			}
		}()
	}
	if err != nil {
		return nil, err
	}
	if b.steadyFor > 0 {
		if run.Steady, err = b.steady(ctx, cluster, subject, n); err != nil {
			return nil, err
		}
	}
	if round != 1 || b.rest == 0 {
		return run, nil
	}
	if run.Rest, err = b.atRest(ctx, cluster, subject); err != nil || name != "rempart" {
		return run, err
	}
	if err := cluster.enforce(ctx); err != nil {
		return run, err
	}
	run.RestEnforced, err = b.atRest(ctx, cluster, subject)
	return run, err
}

func (b *Bench) cold(ctx context.Context, cluster *Cluster, run *Run) (*Subject, error) {
	w, err := follow(ctx, cluster.API)
	if err != nil {
		return nil, err
	}
	server, err := cluster.serverPid()
	if err != nil {
		return nil, err
	}
	before, err := cluster.API.Calls(ctx)
	if err != nil {
		return nil, err
	}
	serverBefore, err := cpuOf(server)
	if err != nil {
		return nil, err
	}
	subject, err := StartSubject(b.subjectCores, cluster.Kubeconfig, b.log(run.Subject, fmt.Sprintf("%d-%d", run.N, run.Round)), b.argv[run.Subject]...)
	if err != nil {
		return nil, err
	}
	last, anything, err := w.untilDone(ctx, run.N, subject.Alive)
	if err != nil {
		return subject, err
	}
	cold := &run.Cold
	cold.Seconds, cold.SecondsAnything = last.Sub(subject.started).Seconds(), anything.Sub(subject.started).Seconds()
	cpu, err := subject.CPU()
	if err != nil {
		return subject, err
	}
	serverAfter, err := cpuOf(server)
	if err != nil {
		return subject, err
	}
	cold.CPUus, cold.ServerCPUus = perWorkload(cpu, run.N), perWorkload(serverAfter-serverBefore, run.N)
	if cold.PeakRSSKiB, err = subject.MemoryKiB("VmHWM"); err != nil {
		return subject, err
	}
	if cold.RSSKiB, err = subject.MemoryKiB("VmRSS"); err != nil {
		return subject, err
	}
	cold.KiBPerObject = float64(cold.RSSKiB-b.empty[run.Subject]) / float64(2*run.N)
	if err := b.countCalls(ctx, cluster, run, before); err != nil {
		return subject, err
	}
	return subject, b.compare(ctx, cluster, run)
}

// countCalls also sees to it that the job was done.
func (b *Bench) countCalls(ctx context.Context, cluster *Cluster, run *Run, before map[call]int) error {
	after, err := cluster.API.Calls(ctx)
	if err != nil {
		return err
	}
	calls := since(before, after)
	run.Cold.Calls = toStrings(calls)
	run.Cold.CallsPerWorkload = float64(ofWorkloads(calls)) / float64(run.N)
	children, err := cluster.API.Count(ctx, deploymentsPath)
	if err == nil && children != run.N {
		err = fmt.Errorf("%s: %d workloads, and %d Deployments", run.Subject, run.N, children)
	}
	return err
}

func (b *Bench) coldRaw(ctx context.Context, cluster *Cluster, run *Run) error {
	server, err := cluster.serverPid()
	if err != nil {
		return err
	}
	w, err := follow(ctx, cluster.API)
	if err != nil {
		return err
	}
	var before map[call]int
	var serverBefore time.Duration
	var failed error
	result, cpu, err := runRaw(b.subjectCores, func() {
		if before, failed = cluster.API.Calls(ctx); failed == nil {
			serverBefore, failed = cpuOf(server)
		}
	}, b.self, "raw", "-kubectl", cluster.Kubectl, "-kubeconfig", cluster.Kubeconfig, "-n", fmt.Sprint(run.N), "-connections", fmt.Sprint(connections))
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if _, _, err = w.untilDone(ctx, run.N, func() error { return nil }); err != nil {
		return err
	}
	serverAfter, err := cpuOf(server)
	if err != nil {
		return err
	}
	run.Cold.Seconds, run.Cold.SecondsAnything = result.Seconds, result.Seconds
	run.Cold.CPUus, run.Cold.ServerCPUus = perWorkload(cpu, run.N), perWorkload(serverAfter-serverBefore, run.N)
	if err := b.countCalls(ctx, cluster, run, before); err != nil {
		return err
	}
	return b.compare(ctx, cluster, run)
}

func (b *Bench) atRest(ctx context.Context, cluster *Cluster, subject *Subject) (*Rest, error) {
	before, err := cluster.API.Calls(ctx)
	if err != nil {
		return nil, err
	}
	cpuBefore, err := subject.CPU()
	if err != nil {
		return nil, err
	}
	if !pause(ctx, b.rest) {
		return nil, ctx.Err()
	}
	cpuAfter, err := subject.CPU()
	if err != nil {
		return nil, err
	}
	after, err := cluster.API.Calls(ctx)
	if err != nil {
		return nil, err
	}
	calls := since(before, after)
	rest := &Rest{Seconds: b.rest.Seconds(), CPUms: float64((cpuAfter - cpuBefore).Milliseconds()), Calls: toStrings(calls)}
	for c, n := range calls {
		if c.isWrite() {
			rest.Writes += n
		}
	}
	return rest, nil
}

func (b *Bench) log(subject, what string) string {
	return filepath.Join(b.root, "build/bench/logs", subject+"-"+what+".log")
}
