package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

// writeCases writes what the floor and our gates ask of a pod, one file each, for the server's validator by itself
// (../rules): the policy and the parameters as the server has them, and the pod as it comes to the gate.
func (a *Admission) writeCases(ctx context.Context, c *Cluster) error {
	folder := filepath.Join(a.work, "cases")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	get := func(path string) (o object, err error) {
		body, err := c.API.Do(ctx, "GET", path, "", nil)
		if err != nil {
			return nil, err
		}
		return o, json.Unmarshal(body, &o)
	}
	for i, gate := range gates {
		if gate.Name != "floor" && gate.Region == "" || gate.Workload {
			continue
		}
		gate.Workload = gate.Region == "mutation" || len(a.regions) > 1 // as a pod is when it is judged: with the selector
		written := object{"name": a.result.title(gate), "pod": mustParse(gate.body(edits[0]))}
		policy := "floor"
		var err error
		if gate.Region != "" {
			policy = gate.Region + ".pods.rempart.dev"
			if written["parameters"], err = get("/apis/rempart.dev/v1alpha1/perimeterparameters/" + gate.Region); err != nil {
				return err
			}
		}
		if written["policy"], err = get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/" + policy); err != nil {
			return err
		}
		write := func(name string) error { // in the order of the gates
			return os.WriteFile(filepath.Join(folder, string(rune('a'+i))+"-"+name+".json"), mustJSON(written), 0o644)
		}
		if err := write(gate.Name); err != nil {
			return err
		}
		if gate.Name == "floor" { // and what the server leaves the rest of, as with our gates
			written["name"] = "one policy whose match condition says `false`"
			written["policy"].(object)["spec"].(object)["matchConditions"] = []object{{"name": "never", "expression": "false"}}
			if err := write(gate.Name + ".unmatched"); err != nil {
				return err
			}
		}
	}
	return nil
}
