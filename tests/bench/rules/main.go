// Rules measures what a gate's rules cost beside a policy that says `true`, on the API server's own validator
// (k8s.io/apiserver) and nothing else of a server: what it allocates is the same each time, so that a change of the rules
// shows where the benchmark of a whole server has noise. The files are those that `driver rules` writes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"text/tabwriter"

	"k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Case is one policy, and a pod that it lets through.
type Case struct {
	Name       string
	Policy     v1.ValidatingAdmissionPolicy
	Parameters map[string]any // nil: none
	Pod        corev1.Pod
}

// Cost is of one admission.
type Cost struct {
	Name              string  `json:"name"`
	Bytes             int64   `json:"bytes"`
	Allocations       int64   `json:"allocations"`
	NanosecondsMedian float64 `json:"nanosecondsMedian"`
}

// validatorOf compiles a policy as the server does (plugin/policy/validating, compilePolicy).
func validatorOf(spec v1.ValidatingAdmissionPolicySpec) (validating.Validator, error) {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, err
	}
	of := plugincel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil, HasAuthorizer: true}
	ofMessages := plugincel.OptionalVariableDeclarations{HasParams: spec.ParamKind != nil}
	for _, variable := range spec.Variables {
		compiler.CompileAndStoreVariable(&validating.Variable{Name: variable.Name, Expression: variable.Expression}, of, environment.StoredExpressions)
	}
	validations := make([]plugincel.ExpressionAccessor, len(spec.Validations))
	messages := make([]plugincel.ExpressionAccessor, len(spec.Validations))
	for i, validation := range spec.Validations {
		validations[i] = &validating.ValidationCondition{Expression: validation.Expression, Message: validation.Message, Reason: validation.Reason}
		if validation.MessageExpression != "" {
			messages[i] = &validating.MessageExpressionCondition{MessageExpression: validation.MessageExpression}
		}
	}
	var matcher matchconditions.Matcher
	if len(spec.MatchConditions) > 0 {
		conditions := make([]plugincel.ExpressionAccessor, len(spec.MatchConditions))
		for i := range spec.MatchConditions {
			conditions[i] = (*matchconditions.MatchCondition)(&spec.MatchConditions[i])
		}
		matcher = matchconditions.NewMatcher(compiler.CompileCondition(conditions, of, environment.StoredExpressions), spec.FailurePolicy, "policy", "validate", "")
	}
	return validating.NewValidator(compiler.CompileCondition(validations, of, environment.StoredExpressions), matcher,
		compiler.CompileCondition(nil, of, environment.StoredExpressions),
		compiler.CompileCondition(messages, ofMessages, environment.StoredExpressions), spec.FailurePolicy, nil), nil
}

// admissionOf gives what judges a pod once.
func admissionOf(c *Case, pod *corev1.Pod) (func() validating.ValidateResult, error) {
	validator, err := validatorOf(c.Policy.Spec)
	if err != nil {
		return nil, err
	}
	kind, resource := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithResource("pods")
	who := &user.DefaultInfo{Name: "bob", Groups: []string{"system:authenticated"}}
	attributes := admission.NewAttributesRecord(pod, nil, kind, "acme", pod.Name, resource, "", admission.Create, &metav1.CreateOptions{}, true, who)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	var parameters *unstructured.Unstructured
	if c.Parameters != nil {
		parameters = &unstructured.Unstructured{Object: c.Parameters}
	}
	return func() validating.ValidateResult {
		versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: pod}
		if parameters == nil {
			return validator.Validate(context.Background(), resource, versioned, nil, namespace, celconfig.RuntimeCELCostBudget, nil)
		}
		return validator.Validate(context.Background(), resource, versioned, parameters, namespace, celconfig.RuntimeCELCostBudget, nil)
	}, nil
}

// admits tells whether the pod gets in, and fails where that is so for no reason but an error.
func admits(c *Case, pod *corev1.Pod) (bool, error) {
	admit, err := admissionOf(c, pod)
	if err != nil {
		return false, err
	}
	for _, decision := range admit().Decisions { // none where the policy's match condition is false
		if decision.Evaluation == validating.EvalError {
			return false, fmt.Errorf("%s cannot judge the pod: %s", c.Name, decision.Message)
		}
		if decision.Evaluation != validating.EvalAdmit {
			return false, nil
		}
	}
	return true, nil
}

func measure(c *Case, runs int) (*Cost, error) {
	if policy := c.Policy.Spec.FailurePolicy; policy != nil && *policy != v1.Fail {
		return nil, fmt.Errorf("%s: what cannot be judged gets in, and would be taken for admitted", c.Name)
	}
	elsewhere := c.Pod.DeepCopy()
	elsewhere.Spec.NodeName = "node-of-no-region"
	if got, err := admits(c, &c.Pod); err != nil || !got {
		return nil, errors.Join(fmt.Errorf("%s does not admit the pod", c.Name), err)
	}
	if got, err := admits(c, elsewhere); err != nil || got != (c.Parameters == nil) { // the floor's policy has none
		return nil, errors.Join(fmt.Errorf("%s: whether a pod on a node of no region gets in is %v", c.Name, got), err)
	}
	admit, err := admissionOf(c, &c.Pod)
	if err != nil {
		return nil, err
	}
	cost := &Cost{Name: c.Name}
	var times []float64
	for range runs {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				admit()
			}
		})
		cost.Bytes, cost.Allocations = result.AllocedBytesPerOp(), result.AllocsPerOp()
		times = append(times, float64(result.T.Nanoseconds())/float64(result.N))
	}
	slices.Sort(times)
	cost.NanosecondsMedian = times[len(times)/2]
	return cost, nil
}

func run() error {
	runs := flag.Int("runs", 5, "of a second each, for the times")
	out := flag.String("out", "", "where the JSON goes")
	commit := flag.String("commit", "", "of the operator whose policies these are, for the JSON")
	flag.Parse()
	if flag.NArg() == 0 || *runs < 1 {
		return fmt.Errorf("usage: rules [-runs N] [-out FILE] CASE.json ...")
	}
	var costs []*Cost
	for _, file := range flag.Args() {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		c := &Case{Name: filepath.Base(file)}
		if err := json.Unmarshal(text, c); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		cost, err := measure(c, *runs)
		if err != nil {
			return err
		}
		costs = append(costs, cost)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "one admission of the pod\tallocated, KB\tallocations\tµs\tby the first's: bytes\tallocations\ttime")
	for _, cost := range costs {
		first := costs[0]
		fmt.Fprintf(table, "%s\t%.1f\t%d\t%.0f\t%.2f\t%.2f\t%.2f\n", cost.Name, float64(cost.Bytes)/1000, cost.Allocations, cost.NanosecondsMedian/1000,
			float64(cost.Bytes)/float64(first.Bytes), float64(cost.Allocations)/float64(first.Allocations), cost.NanosecondsMedian/first.NanosecondsMedian)
	}
	if err := table.Flush(); err != nil || *out == "" {
		return err
	}
	text, err := json.MarshalIndent(map[string]any{"commit": *commit, "costs": costs}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*out, append(text, '\n'), 0o644)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		os.Exit(1)
	}
}
