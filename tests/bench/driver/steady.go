package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// change is a new number of replicas for one workload, and when the answer to it and the Deployment's event came.
type change struct {
	name           string
	replicas       int
	answered, seen time.Time
	err            error
}

// steady changes spec.replicas of random workloads (each once, while there are enough of them) at a steady rate.
func (b *Bench) steady(ctx context.Context, cluster *Cluster, subject *Subject, n int) (*Steady, error) {
	changes := make([]change, int(b.rate*b.steadyFor.Seconds()))
	order := rand.Perm(n)
	for i := range changes {
		// Another number in each lap, so that an event tells which change it follows.
		changes[i] = change{name: nameOf(order[i%n]), replicas: 4 + i/n}
	}
	var mutex sync.Mutex
	seen := map[string]time.Time{}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	_, err := cluster.API.Watch(watching, deploymentsPath, func(event []byte) {
		now := time.Now()
		var e struct {
			Object struct {
				Metadata struct{ Name string }
				Spec     struct{ Replicas int }
			}
		}
		if json.Unmarshal(event, &e) == nil {
			key := fmt.Sprintf("%s=%d", e.Object.Metadata.Name, e.Object.Spec.Replicas)
			mutex.Lock()
			if _, again := seen[key]; !again {
				seen[key] = now
			}
			mutex.Unlock()
		}
	})
	if err != nil {
		return nil, err
	}
	before, err := cluster.API.Calls(ctx)
	if err != nil {
		return nil, err
	}
	cpuBefore, err := subject.CPU()
	if err != nil {
		return nil, err
	}
	server, err := cluster.serverPid()
	if err != nil {
		return nil, err
	}
	serverBefore, err := cpuOf(server)
	if err != nil {
		return nil, err
	}
	if err := send(ctx, cluster.API, changes, order, b.rate); err != nil {
		return nil, err
	}
	// The last ones get 10 s to be followed.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && pause(ctx, 100*time.Millisecond); {
		mutex.Lock()
		all := true
		for i := range changes {
			changes[i].seen = seen[fmt.Sprintf("%s=%d", changes[i].name, changes[i].replicas)]
			all = all && !changes[i].seen.IsZero()
		}
		mutex.Unlock()
		if all {
			break
		}
	}
	cpuAfter, err := subject.CPU()
	if err != nil {
		return nil, err
	}
	serverAfter, err := cpuOf(server)
	if err != nil {
		return nil, err
	}
	after, err := cluster.API.Calls(ctx)
	if err != nil {
		return nil, err
	}
	result := latencies(changes)
	result.CPUusPerChange = perWorkload(cpuAfter-cpuBefore, len(changes))
	result.ServerCPUus = perWorkload(serverAfter-serverBefore, len(changes))
	result.Calls = toStrings(since(before, after))
	return result, nil
}

func send(ctx context.Context, api *API, changes []change, order []int, rate float64) error {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	var sent sync.WaitGroup
	for i := range changes {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		sent.Go(func() {
			c := &changes[i]
			path := namespaced(workloadsPath, namespaceOf(order[i%len(order)]), c.name)
			c.err = api.Send(ctx, "PATCH", path, mergeType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, c.replicas))
			c.answered = time.Now()
		})
	}
	sent.Wait()
	for i := range changes {
		if changes[i].err != nil {
			return changes[i].err
		}
	}
	return nil
}

func latencies(changes []change) *Steady {
	result := &Steady{Changes: len(changes)}
	var ms []float64
	for _, c := range changes {
		if c.seen.IsZero() {
			result.Unseen++
			continue
		}
		ms = append(ms, max(0, float64(c.seen.Sub(c.answered).Microseconds())/1000))
	}
	slices.Sort(ms)
	if len(ms) > 0 {
		at := func(q float64) float64 { return ms[min(len(ms)-1, int(q*float64(len(ms))))] }
		result.P50, result.P99, result.Max = at(0.5), at(0.99), ms[len(ms)-1]
	}
	return result
}
