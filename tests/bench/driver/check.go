package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// Check measures how fast manifests are judged without a cluster: hack/bench check.
type Check struct {
	root, work                string
	rempart, kyverno, gator   string // programs
	rounds, perFile, everyBad int
	limit                     time.Duration
	file                      string
	result                    *CheckResult
}

// CheckRun is one run of one program over one set.
type CheckRun struct {
	Subject   string  `json:"subject"`
	Manifests int     `json:"manifests"`
	Round     int     `json:"round"`
	Seconds   float64 `json:"seconds"`
	CPU       float64 `json:"cpuSeconds"`
	PeakKiB   int64   `json:"peakRssKiB"`
	ExitCode  int     `json:"exitCode"`
	Findings  int     `json:"findings"` // different pairs of object and rule
}

// CheckResult is what is written to the JSON file.
type CheckResult struct {
	When     time.Time         `json:"when"`
	Machine  map[string]string `json:"machine"`
	Missing  map[string]string `json:"missing"`
	Expected map[int]int       `json:"expectedFindings"` // by number of manifests
	Differ   []string          `json:"disagreements"`
	Runs     []*CheckRun       `json:"runs"`
}

const onceOnly = time.Minute // what takes longer over a set is not run again over it

// finding is "kind namespace/name rule".
type finding = string

// manifest makes the i-th of a set, and says which rule it is against: Deployments, pods and Services, as five to three to two. Each
// bad one breaks one rule, with one value.
func (k *Check) manifest(i int) (o object, rule string) {
	name, namespace := fmt.Sprintf("m-%05d", i), fmt.Sprintf("team-%02d", i%20)
	bad := i%k.everyBad == k.everyBad-1
	turn := i / k.everyBad
	metadata := object{"name": name, "namespace": namespace, "labels": object{"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop"}}
	kind := i / 7 % 10
	if kind >= 8 {
		spec := object{"selector": object{"app.kubernetes.io/name": name}, "type": "ClusterIP",
			"ports": []any{object{"name": "https", "port": 443, "targetPort": "https", "protocol": "TCP"}, object{"name": "metrics", "port": 9100, "targetPort": "metrics", "protocol": "TCP"}}}
		if bad {
			switch turn % 3 {
			case 0:
				rule, spec = "RP-501", object{"type": "ExternalName", "externalName": "orders.example.org"}
			case 1:
				rule, spec["externalIPs"] = "RP-502", []any{"198.51.100.7"}
			case 2:
				rule, spec["type"], spec["loadBalancerClass"] = "RP-503", "LoadBalancer", "cloud.example/everywhere"
			}
		}
		return object{"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}, rule
	}
	spec := tenantSpec()
	if bad {
		// A tag alone is against two rules (no digest, so none that is released): left out.
		usable := slices.DeleteFunc(slices.Clone(edits), func(e edit) bool { return e.rule == "" || e.rule == "RP-302" })
		e := usable[turn%len(usable)]
		e.do(spec)
		rule = e.rule
	}
	if kind >= 5 {
		return object{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, rule
	}
	return object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": object{"replicas": 3,
		"selector": object{"matchLabels": object{"app.kubernetes.io/name": name}},
		"template": object{"metadata": object{"labels": object{"app.kubernetes.io/name": name}}, "spec": spec}}}, rule
}

// generate writes a set, so many manifests a file, and gives what is to be found in it.
func (k *Check) generate(folder string, n int) (expected map[finding]bool, bytesWritten int, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, 0, err
	}
	expected = map[finding]bool{}
	var out bytes.Buffer
	for i := 0; i < n; i++ {
		o, rule := k.manifest(i)
		if rule != "" {
			metadata := o["metadata"].(object)
			expected[fmt.Sprintf("%s %s/%s %s", o["kind"], metadata["namespace"], metadata["name"], rule)] = true
		}
		writeYAML(&out, o, 0)
		if (i+1)%k.perFile == 0 || i == n-1 {
			file := filepath.Join(folder, fmt.Sprintf("part-%04d.yaml", i/k.perFile))
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				return nil, 0, err
			}
			bytesWritten += out.Len()
			out.Reset()
		} else {
			out.WriteString("---\n")
		}
	}
	return expected, bytesWritten, nil
}

var (
	plainText = regexp.MustCompile(`^[a-zA-Z/][\w./-]*$`)
	notPlain  = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// yamlScalar is plain where that means the same, else in double quotes (JSON's are YAML's).
func yamlScalar(value any) string {
	if text, ok := value.(string); ok && plainText.MatchString(text) && !notPlain.MatchString(text) {
		return text
	}
	return string(mustJSON(value))
}

// writeYAML prints maps (by key), lists and scalars in block style.
func writeYAML(out *bytes.Buffer, value any, indent int) {
	pad := strings.Repeat("  ", indent)
	scalar := func(v any) bool {
		switch v := v.(type) {
		case object:
			return len(v) == 0
		case []any:
			return len(v) == 0
		}
		return true
	}
	switch v := value.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if scalar(v[key]) {
				fmt.Fprintf(out, "%s%s: %s\n", pad, yamlScalar(key), yamlScalar(v[key]))
			} else {
				fmt.Fprintf(out, "%s%s:\n", pad, yamlScalar(key))
				writeYAML(out, v[key], indent+1)
			}
		}
	case []any:
		for _, element := range v {
			if scalar(element) {
				fmt.Fprintf(out, "%s- %s\n", pad, yamlScalar(element))
				continue
			}
			var inner bytes.Buffer
			writeYAML(&inner, element, indent+1)
			text := inner.String() // its first line begins where the dash is
			fmt.Fprintf(out, "%s- %s", pad, text[len(pad)+2:])
		}
	}
}

// checker is a program that judges, and how its findings are read from what it prints.
type checker struct {
	name, title string
	argv        []string
	read        func(output []byte) (map[finding]bool, error)
}

func readRempart(output []byte) (map[finding]bool, error) {
	var report struct {
		Violations []struct {
			Object struct{ Kind, Namespace, Name string }
			Rule   string
		}
		Problems []struct{ Message string }
	}
	if err := json.Unmarshal(output, &report); err != nil {
		return nil, err
	}
	if len(report.Problems) > 0 {
		return nil, fmt.Errorf("%d problems, the first: %s", len(report.Problems), report.Problems[0].Message)
	}
	found := map[finding]bool{}
	for _, v := range report.Violations {
		found[fmt.Sprintf("%s %s/%s %s", v.Object.Kind, v.Object.Namespace, v.Object.Name, v.Rule)] = true
	}
	return found, nil
}

// apps/v1/Deployment team-01/m-00001: ["pods"] Message: "RP-301 …"
var gatorLine = regexp.MustCompile(`^\S*/(\w+) ([\w-]+/[\w-]+): \["[^"]*"\] Message: "(RP-\d+)`)

// readGator reads lines; Gatekeeper tells each message once for an object.
func readGator(output []byte) (map[finding]bool, error) {
	found := map[finding]bool{}
	for line := range strings.Lines(string(output)) {
		if m := gatorLine.FindStringSubmatch(line); m != nil {
			found[m[1]+" "+m[2]+" "+m[3]] = true
		} else if strings.TrimSpace(line) != "" {
			return nil, fmt.Errorf("cannot read %q", line)
		}
	}
	return found, nil
}

// policy pods -> resource team-01/Deployment/m-00001 failed:
// 1 -  RP-301 …
var (
	kyvernoHead = regexp.MustCompile(`^policy \S+ -> resource ([\w-]+)/(\w+)/([\w-]+) failed`)
	kyvernoRule = regexp.MustCompile(`RP-\d+`)
)

func readKyverno(output []byte) (map[finding]bool, error) {
	found, head := map[finding]bool{}, ""
	for line := range strings.Lines(string(output)) {
		if m := kyvernoHead.FindStringSubmatch(line); m != nil {
			head = m[2] + " " + m[1] + "/" + m[3]
		} else if rule := kyvernoRule.FindString(line); rule != "" && head != "" {
			found[head+" "+rule] = true
		}
	}
	return found, nil
}

func check(ctx context.Context, arguments []string) error {
	flags := flag.NewFlagSet("check", flag.ExitOnError)
	k := &Check{}
	flags.StringVar(&k.root, "root", ".", "the checkout")
	flags.StringVar(&k.work, "work", "", "where manifests and policies go")
	flags.StringVar(&k.rempart, "rempart", "", "kubectl-rempart")
	flags.StringVar(&k.kyverno, "kyverno", "", "Kyverno's kubectl plugin; none: it is left out")
	flags.StringVar(&k.gator, "gator", "", "gator; none: it is left out")
	sizes := flags.String("n", "1000,10000", "numbers of manifests")
	flags.IntVar(&k.rounds, "rounds", 3, "turns of each program")
	flags.IntVar(&k.perFile, "per-file", 100, "manifests a file")
	flags.IntVar(&k.everyBad, "every", 10, "one of so many breaks a rule")
	flags.DurationVar(&k.limit, "limit", 5*time.Minute, "a run that takes longer is ended, and its program left out")
	flags.StringVar(&k.file, "out", "", "where the JSON goes")
	facts := flags.String("facts", "", "key=value;... for the JSON")
	_ = flags.Parse(arguments)
	all, err := numbers(*sizes)
	if err != nil {
		return err
	}
	if k.rounds < 1 || k.perFile < 1 || k.everyBad < 1 {
		return errors.New("-rounds, -per-file and -every are at least 1")
	}
	k.result = &CheckResult{When: time.Now().UTC(), Machine: machine(), Missing: map[string]string{}, Expected: map[int]int{}, Differ: []string{}}
	note(k.result.Machine, *facts)
	if k.kyverno == "" {
		k.result.Missing["kyverno"] = "its program is not there"
	}
	if k.gator == "" {
		k.result.Missing["gator"] = "its program is not there"
	}
	for _, n := range all {
		if err := k.size(ctx, n); err != nil {
			return err
		}
		k.result.Table(os.Stdout, n)
	}
	return nil
}

// checkers writes region and policies, and gives the programs that take part.
func (k *Check) checkers(set string) ([]checker, error) {
	policies := filepath.Join(k.work, "policies")
	with := policyText{Check: true, FailurePolicy: "Fail", Nodes: smallNodes(), Registries: registries, Released: digests(3), LoadBalancerClasses: loadBalancerClasses}
	write := func(file string, parts ...string) (string, error) {
		var text []byte
		for _, part := range parts {
			filled, err := fill(k.root, part, with)
			if err != nil {
				return "", err
			}
			text = append(append(text, filled...), "\n---\n"...)
		}
		path := filepath.Join(policies, file)
		return path, errors.Join(os.MkdirAll(policies, 0o755), os.WriteFile(path, text, 0o644))
	}
	region := filepath.Join(policies, "region.json")
	kyverno, err1 := write("kyverno.yaml", "kyverno/policies.yaml")
	with.Engine = "Cel"
	cel, err2 := write("gatekeeper-cel.yaml", "gatekeeper/cel.yaml", "gatekeeper/constraints.yaml")
	with.Engine = "Rego"
	rego, err3 := write("gatekeeper-rego.yaml", "gatekeeper/rego.yaml", "gatekeeper/constraints.yaml")
	if err := errors.Join(err1, err2, err3, os.WriteFile(region, mustJSON(fullRegion("small", "fr-small", digests(3))), 0o644)); err != nil {
		return nil, err
	}
	list := []checker{{"rempart", "kubectl rempart check", []string{k.rempart, "check", "--region", region, "-o", "json", set}, readRempart}}
	if k.kyverno != "" {
		list = append(list, checker{"kyverno", "kyverno apply", []string{k.kyverno, "apply", kyverno, "--resource", set, "--remove-color"}, readKyverno})
	}
	if k.gator != "" {
		list = append(list, checker{"gator-cel", "gator test, CEL", []string{k.gator, "test", "-f", set, "-f", cel}, readGator},
			checker{"gator-rego", "gator test, Rego", []string{k.gator, "test", "-f", set, "-f", rego}, readGator})
	}
	return slices.DeleteFunc(list, func(c checker) bool { _, missing := k.result.Missing[c.name]; return missing }), nil
}

func (k *Check) size(ctx context.Context, n int) error {
	set := filepath.Join(k.work, fmt.Sprintf("manifests-%d", n))
	expected, size, err := k.generate(set, n)
	if err != nil {
		return err
	}
	k.result.Expected[n] = len(expected)
	fmt.Printf("%d manifests, %.1f MB in %d files, %d of them against a rule\n", n, float64(size)/1e6, (n+k.perFile-1)/k.perFile, len(expected))
	programs, err := k.checkers(set)
	if err != nil {
		return err
	}
	slow := map[string]bool{}
	for round := 1; round <= k.rounds; round++ {
		for turn := range programs {
			p := programs[(turn+round-1)%len(programs)] // each goes first now and then
			if _, missing := k.result.Missing[p.name]; missing || slow[p.name] {
				continue
			}
			run, output, err := k.once(ctx, p, n, round)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if p.name == "rempart" {
					return err
				}
				k.result.Missing[p.name] = err.Error()
				fmt.Printf("  %s cannot be measured: %v\n", p.title, err)
				continue
			}
			found, err := p.read(output)
			if err != nil {
				return fmt.Errorf("%s: %w", p.title, err)
			}
			run.Findings, slow[p.name] = len(found), run.Seconds > onceOnly.Seconds()
			k.compare(p, n, round, expected, found)
			k.result.Runs = append(k.result.Runs, run)
			fmt.Printf("  round %d/%d, %-22s %8.2f s, %8.2f s CPU, %5.0f MiB, %d findings\n", round, k.rounds, p.title, run.Seconds, run.CPU, float64(run.PeakKiB)/1024, run.Findings)
			if err := k.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// once runs a program, with a line every 20 s that it still does.
func (k *Check) once(ctx context.Context, p checker, n, round int) (*CheckRun, []byte, error) {
	limited, cancel := context.WithTimeout(ctx, k.limit)
	defer cancel()
	file, err := os.Create(filepath.Join(k.work, fmt.Sprintf("%s-%d.out", p.name, n)))
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	var complaints bytes.Buffer
	command := exec.CommandContext(limited, p.argv[0], p.argv[1:]...)
	command.Stdout, command.Stderr = file, &complaints
	start := time.Now()
	if err := command.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-time.After(20 * time.Second):
			fmt.Printf("  %s: %.0f s so far\n", p.title, time.Since(start).Seconds())
		}
	}
	wall := time.Since(start)
	if limited.Err() != nil {
		return nil, nil, fmt.Errorf("not done with %d manifests after %.0f s", n, wall.Seconds())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return nil, nil, err
	}
	state := command.ProcessState
	if code := state.ExitCode(); code != 0 && code != 1 { // 1: violations
		return nil, nil, fmt.Errorf("%s: exit status %d: %s", strings.Join(p.argv, " "), state.ExitCode(), tail(complaints.Bytes(), 600))
	}
	run := &CheckRun{Subject: p.name, Manifests: n, Round: round, Seconds: wall.Seconds(), CPU: (state.UserTime() + state.SystemTime()).Seconds(), ExitCode: state.ExitCode()}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		run.PeakKiB = usage.Maxrss
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	output, err := io.ReadAll(file)
	return run, output, err
}

func tail(text []byte, n int) string {
	if len(text) > n {
		text = text[len(text)-n:]
	}
	return strings.TrimSpace(string(text))
}

// compare notes each finding that one has and the other has not.
func (k *Check) compare(p checker, n, round int, expected, found map[finding]bool) {
	if round > 1 || maps.Equal(expected, found) {
		return
	}
	var missed, more []string
	for f := range expected {
		if !found[f] {
			missed = append(missed, f)
		}
	}
	for f := range found {
		if !expected[f] {
			more = append(more, f)
		}
	}
	slices.Sort(missed)
	slices.Sort(more)
	example := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return " (" + list[0] + " …)"
	}
	text := fmt.Sprintf("%s, %d manifests: of %d findings it has %d; misses %d%s; has %d that should not be there%s", p.title, n, len(expected), len(found),
		len(missed), example(missed), len(more), example(more))
	k.result.Differ = append(k.result.Differ, text)
	fmt.Println("  DISAGREES: " + text)
}

func (k *Check) save() error {
	text, err := json.MarshalIndent(k.result, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(k.file, append(text, '\n'), 0o644)
}

// Table prints the medians of a size, from smallest to largest, and ratios.
func (r *CheckResult) Table(out io.Writer, n int) {
	fmt.Fprintf(out, "\n%d manifests: medians (smallest to largest)\n\n", n)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| \t| manifests/s\t| wall, s\t| CPU, s\t| peak RSS, MiB\t| findings\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	titles := [][2]string{{"rempart", "kubectl rempart check"}, {"kyverno", "kyverno apply"}, {"gator-cel", "gator test, CEL"}, {"gator-rego", "gator test, Rego"}}
	walls, cpus := map[string]float64{}, map[string]float64{}
	for _, title := range titles {
		var wall, cpu, peak, findings []float64
		for _, run := range r.Runs {
			if run.Subject == title[0] && run.Manifests == n {
				wall, cpu = append(wall, run.Seconds), append(cpu, run.CPU)
				peak, findings = append(peak, float64(run.PeakKiB)/1024), append(findings, float64(run.Findings))
			}
		}
		if len(wall) == 0 {
			continue
		}
		walls[title[0]], cpus[title[0]] = median(wall), median(cpu)
		name := title[1]
		if len(wall) == 1 {
			name += " (once)"
		}
		fmt.Fprintf(w, "| %s\t| %.0f\t| %.2f (%.2f to %.2f)\t| %.2f (%.2f to %.2f)\t| %.0f\t| %.0f\t|\n", name, float64(n)/median(wall),
			median(wall), slices.Min(wall), slices.Max(wall), median(cpu), slices.Min(cpu), slices.Max(cpu), median(peak), median(findings))
	}
	w.Flush()
	best := ""
	for name, wall := range walls {
		if name != "rempart" && (best == "" || wall < walls[best]) {
			best = name
		}
	}
	if best != "" && walls["rempart"] > 0 && cpus["rempart"] > 0 {
		fmt.Fprintf(out, "\nThe best of the others, %s, takes %.1f times as long (aim: 10), and %.1f times the CPU\n", best, walls[best]/walls["rempart"], cpus[best]/cpus["rempart"])
	}
	for _, text := range r.Differ {
		fmt.Fprintln(out, "Disagreement: "+text)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Missing)) {
		fmt.Fprintf(out, "Not measured: %s: %s\n", name, r.Missing[name])
	}
	fmt.Fprintln(out)
}
