package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

type rawResult struct{ Seconds float64 }

// raw is the limit: the writes of a reconcile and nothing else. An apply and a merge patch a workload, one after the other,
// their bodies built beforehand, over as many kept-alive connections as the operator has workers. It says "ready", waits for
// a line, works, and prints a rawResult.
func raw(kubectl, kubeconfig string, n, connections int) error {
	ctx := context.Background()
	api, err := NewAPI(kubectl, kubeconfig, connections)
	if err != nil {
		return err
	}
	list, err := api.list(ctx, workloadsPath)
	if err != nil {
		return err
	}
	uids := map[string]string{}
	for _, item := range list.Items {
		uids[item.Metadata.Name] = item.Metadata.UID
	}
	type pair struct {
		childPath, statusPath string
		child, status         []byte
	}
	pairs := make([]pair, n)
	now := time.Now().UTC().Format(time.RFC3339)
	for i := range pairs {
		uid := uids[nameOf(i)]
		if uid == "" {
			return fmt.Errorf("no workload %s", nameOf(i))
		}
		const as = "?fieldManager=rempart&fieldValidation=Ignore" // as the operator asks
		pairs[i] = pair{namespaced(deploymentsPath, namespaceOf(i), nameOf(i)) + as + "&force=true",
			namespaced(workloadsPath, namespaceOf(i), nameOf(i)) + "/status" + as,
			mustJSON(child(i, uid)), mustJSON(status(i, uid, now))}
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}

	start := time.Now()
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() {
			for failure.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				err := api.Send(ctx, "PATCH", pairs[i].childPath, applyType, pairs[i].child)
				if err == nil {
					err = api.Send(ctx, "PATCH", pairs[i].statusPath, mergeType, pairs[i].status)
				}
				if err != nil {
					failure.Store(&err)
				}
			}
		})
	}
	workers.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return json.NewEncoder(os.Stdout).Encode(rawResult{time.Since(start).Seconds()})
}
