// Rules measures what a gate's rules cost beyond the smallest policy that there can be, on the API server's own validator
// (k8s.io/apiserver) and nothing else of a server: what it allocates is the same each time, so that a change of the rules
// shows where the benchmark of a whole server has noise. The files are those that `driver rules` writes.
package main

import (
	"context"
	"encoding/json"
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
	return validating.NewValidator(compiler.CompileCondition(validations, of, environment.StoredExpressions), nil,
		compiler.CompileCondition(nil, of, environment.StoredExpressions),
		compiler.CompileCondition(messages, ofMessages, environment.StoredExpressions), spec.FailurePolicy, nil), nil
}

// admissionOf gives what judges the case's pod once.
func admissionOf(c *Case) (func() validating.ValidateResult, error) {
	validator, err := validatorOf(c.Policy.Spec)
	if err != nil {
		return nil, err
	}
	kind, resource := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithResource("pods")
	who := &user.DefaultInfo{Name: "bob", Groups: []string{"system:authenticated"}}
	attributes := admission.NewAttributesRecord(&c.Pod, nil, kind, "acme", c.Pod.Name, resource, "", admission.Create, &metav1.CreateOptions{}, true, who)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	var parameters *unstructured.Unstructured
	if c.Parameters != nil {
		parameters = &unstructured.Unstructured{Object: c.Parameters}
	}
	return func() validating.ValidateResult {
		versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: &c.Pod}
		if parameters == nil {
			return validator.Validate(context.Background(), resource, versioned, nil, namespace, celconfig.RuntimeCELCostBudget, nil)
		}
		return validator.Validate(context.Background(), resource, versioned, parameters, namespace, celconfig.RuntimeCELCostBudget, nil)
	}, nil
}

func measure(c *Case, runs int) (*Cost, error) {
	admit, err := admissionOf(c)
	if err != nil {
		return nil, err
	}
	decisions := admit().Decisions
	if len(decisions) == 0 {
		return nil, fmt.Errorf("%s judges nothing", c.Name)
	}
	for _, decision := range decisions {
		if decision.Evaluation != validating.EvalAdmit {
			return nil, fmt.Errorf("%s does not admit the pod: %s", c.Name, decision.Message)
		}
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
	text, err := json.MarshalIndent(costs, "", "  ")
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
