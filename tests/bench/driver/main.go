// Measures the operator's reconciling beside its twin's (../peers/controller-runtime) and a raw loop of the same writes
// (raw.go): hack/bench reconcile. The subjects take turns, each run on a fresh control plane; which cores they have is
// given. docs/performance.md says what the numbers mean. `driver admission` (admission.go) and `driver check` (check.go)
// are the other two: what a pod's admission costs, and manifests judged without a cluster.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var subjects = []string{"rempart", "twin", "raw"}

// Bench is one call of the program.
type Bench struct {
	root, self                string
	serverCores, subjectCores string
	argv                      map[string][]string
	empty                     map[string]int // KiB, see emptyRSS
	made                      map[int]made   // by n, what the first subject made: see compare
	steadyFor, rest           time.Duration
	rate                      float64 // changes a second
}

// Result is what is written to the JSON file.
type Result struct {
	When     time.Time         `json:"when"`
	Machine  map[string]string `json:"machine"`
	EmptyRSS map[string]int    `json:"emptyRssKiB"`
	Runs     []*Run            `json:"runs"`
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	return strings.TrimSpace(string(text))
}

func machine() map[string]string {
	facts := map[string]string{"load": loadAverage()}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		facts["kernel"] = strings.TrimSpace(string(text))
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	cores := 0
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			facts["cpu"] = strings.TrimSpace(value)
			cores++
		}
	}
	facts["cores"] = strconv.Itoa(cores)
	return facts
}

// note adds "key=value" facts from the command line: versions and commit, which the script knows.
func note(facts map[string]string, list string) {
	for _, entry := range strings.Split(list, ";") {
		if key, value, ok := strings.Cut(entry, "="); ok {
			facts[key] = value
		}
	}
}

func numbers(list string) (out []int, err error) {
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 99_999 {
			return nil, fmt.Errorf("-n: %q is no number from 1 to 99999", text)
		}
		out = append(out, n)
	}
	return out, nil
}

func save(file string, result *Result) error {
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

func (b *Bench) all(ctx context.Context, sizes []int, rounds int, chosen []string, file string, result *Result) error {
	for _, name := range chosen {
		if name == "raw" {
			continue
		}
		rss, err := b.emptyRSS(ctx, name)
		if err != nil {
			return err
		}
		b.empty[name] = rss
		fmt.Printf("%s on an empty cluster: %d KiB\n", name, rss)
	}
	for _, n := range sizes {
		for round := 1; round <= rounds; round++ {
			for turn := range chosen {
				name := chosen[(turn+round-1)%len(chosen)] // each goes first now and then
				start := time.Now()
				run, err := b.run(ctx, name, n, round)
				if err != nil {
					return fmt.Errorf("%s, %d workloads, round %d: %w", name, n, round, err)
				}
				result.Runs = append(result.Runs, run)
				if err := save(file, result); err != nil {
					return err
				}
				fmt.Printf("%d workloads, round %d/%d, %-7s: %6.2f s, %5.0f µs CPU a workload, %.3f calls (whole run %.0f s, load before %s)\n",
					n, round, rounds, name, run.Cold.Seconds, run.Cold.CPUus, run.Cold.CallsPerWorkload, time.Since(start).Seconds(), run.Load)
			}
		}
		Table(os.Stdout, result.Runs, n)
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "admission" {
		return admission(ctx, os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == "check" {
		return check(ctx, os.Args[2:])
	}
	if len(os.Args) > 1 && os.Args[1] == "raw" {
		flags := flag.NewFlagSet("raw", flag.ExitOnError)
		kubectl := flags.String("kubectl", "kubectl", "")
		kubeconfig := flags.String("kubeconfig", "", "")
		n := flags.Int("n", 0, "")
		connections := flags.Int("connections", connections, "")
		_ = flags.Parse(os.Args[2:])
		return raw(*kubectl, *kubeconfig, *n, *connections)
	}
	root := flag.String("root", ".", "the checkout")
	sizes := flag.String("n", "1000,10000", "numbers of workloads")
	rounds := flag.Int("rounds", 5, "turns of each subject")
	only := flag.String("subjects", strings.Join(subjects, ","), "who takes part")
	ours := flag.String("rempart", "", "rempart-operator")
	twin := flag.String("twin", "", "the twin")
	serverCores := flag.String("server-cores", "0", "the control plane's cores")
	subjectCores := flag.String("subject-cores", "1", "the subject's cores")
	rest := flag.Duration("rest", time.Minute, "how long to watch a subject at rest; 0 for not at all")
	steadyFor := flag.Duration("steady", 20*time.Second, "how long to send changes; 0 for not at all")
	rate := flag.Float64("rate", 50, "how many changes a second then")
	out := flag.String("out", "", "where the JSON goes")
	facts := flag.String("facts", "", "key=value;... for the JSON")
	flag.Parse()

	all, err := numbers(*sizes)
	if err != nil {
		return err
	}
	chosen := strings.Split(*only, ",")
	for _, name := range chosen {
		if !slices.Contains(subjects, name) {
			return fmt.Errorf("-subjects: %q is none of %s", name, strings.Join(subjects, ", "))
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b := &Bench{root: *root, self: self, serverCores: *serverCores, subjectCores: *subjectCores, steadyFor: *steadyFor, rate: *rate, rest: *rest, empty: map[string]int{}, made: map[int]made{},
		argv: map[string][]string{
			"rempart": {*ours, "--leader-elect=false", "--metrics-addr", "0", "--health-addr", "0", "--workers", strconv.Itoa(connections)},
			"twin":    {*twin, "-workers", strconv.Itoa(connections)},
		}}
	result := &Result{When: time.Now().UTC(), Machine: machine(), EmptyRSS: b.empty}
	note(result.Machine, *facts)
	return b.all(ctx, all, *rounds, chosen, *out, result)
}
