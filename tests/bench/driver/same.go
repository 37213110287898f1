package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
)

// What every subject made is compared: a subject that says less, or makes a smaller child, would be cheaper for that alone.

// made is what there is after a subject's cold start, by "kind/namespace/name", without what two clusters cannot share: uids, the
// times of transitions, and the digests of what was applied, which each subject takes in its own way.
type made map[string][]byte

func dropEach(of any, keys ...string) {
	switch value := of.(type) {
	case object:
		for _, key := range keys {
			delete(value, key)
		}
		for _, member := range value {
			dropEach(member, keys...)
		}
	case []any:
		for _, item := range value {
			dropEach(item, keys...)
		}
	}
}

// children and workloads are read by pages. Of a child: labels, owners and spec; of a workload: its status.
func (a *API) made(ctx context.Context) (made, error) {
	out := made{}
	for path, parts := range map[string]func(object) any{
		deploymentsPath: func(child object) any {
			metadata := child["metadata"].(object)
			return object{"labels": metadata["labels"], "ownerReferences": metadata["ownerReferences"], "spec": child["spec"]}
		},
		workloadsPath: func(workload object) any { return workload["status"] },
	} {
		for next := ""; ; {
			body, err := a.Do(ctx, "GET", path+"?limit=500&continue="+url.QueryEscape(next), "", nil)
			if err != nil {
				return nil, err
			}
			var list struct {
				Kind     string
				Metadata struct{ Continue string }
				Items    []object
			}
			if err := json.Unmarshal(body, &list); err != nil {
				return nil, err
			}
			for _, item := range list.Items {
				metadata, _ := item["metadata"].(object)
				kept := parts(item)
				dropEach(kept, "uid", "lastTransitionTime", "applied")
				out[fmt.Sprint(list.Kind, "/", metadata["namespace"], "/", metadata["name"])] = mustJSON(kept)
			}
			if next = list.Metadata.Continue; next == "" {
				break
			}
		}
	}
	return out, nil
}

// sameAs names the first object that differs, and shows both.
func (m made) sameAs(other made) error {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !bytes.Equal(m[name], other[name]) {
			return fmt.Errorf("%s differs:\n  here   %s\n  before %s", name, m[name], other[name])
		}
	}
	if len(m) != len(other) {
		return fmt.Errorf("%d objects here, and %d before", len(m), len(other))
	}
	return nil
}

// compare holds what a subject made against what the first subject of this size made. The 2n objects are read outside of
// all that is measured, and once a subject.
func (b *Bench) compare(ctx context.Context, cluster *Cluster, run *Run) error {
	if run.Round != 1 {
		return nil
	}
	now, err := cluster.API.made(ctx)
	if err != nil {
		return err
	}
	first, ok := b.made[run.N]
	if !ok {
		b.made[run.N] = now
		return nil
	}
	if err := now.sameAs(first); err != nil {
		return fmt.Errorf("what %s made: %w", run.Subject, err)
	}
	fmt.Printf("%d workloads: %s made the same children and the same statuses as the subject before it (%d objects)\n", run.N, run.Subject, len(now))
	return nil
}
