package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// serverProcesses are part of every request.
var serverProcesses = []string{"kube-apiserver", "etcd"}

var gateTitles = map[string]string{"none": "no policy", "floor": "one policy that says `true`", "rempart": "Rempart", "rempart-mutation": "Rempart, selector by mutation",
	"rempart-workload": "the same, a workload's pod",
	"kyverno":          "Kyverno, CEL", "gatekeeper-cel": "Gatekeeper, CEL", "gatekeeper-rego": "Gatekeeper, Rego"}

func (r *AdmissionResult) title(gate Gate) string {
	if gate.Name == "rempart-large" {
		return fmt.Sprintf("Rempart, %d nodes, %d images", r.Nodes, r.Images)
	}
	return gateTitles[gate.Name]
}

// cpu is what all processes concerned used for a request of this turn: the server's, and those of the gate.
func (t *Turn) cpu() float64 {
	sum := 0.0
	for _, name := range append(slices.Clone(serverProcesses), gateOf(t.Subject).Processes...) {
		sum += t.CPUus[name]
	}
	return sum
}

// spread is a median with its quartiles.
type spread struct{ low, middle, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return spread{values[(n-1)/4], median(values), values[n-1-(n-1)/4]}
}

func (s spread) text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.middle, s.low, s.high)
}

// of collects a number of each turn of a subject.
func (r *AdmissionResult) of(subject string, connections int, value func(*Turn) float64) (all []float64) {
	for _, t := range r.Turns {
		if t.Subject == subject && t.Connections == connections {
			all = append(all, value(t))
		}
	}
	return all
}

// added is what a subject's turns used more than those without a policy, round by round.
func (r *AdmissionResult) added(subject string, connections int) (all []float64) {
	without := map[int]float64{}
	for _, t := range r.Turns {
		if t.Subject == "none" && t.Connections == connections {
			without[t.Round] = t.cpu()
		}
	}
	for _, t := range r.Turns {
		if base, ok := without[t.Round]; ok && t.Subject == subject && t.Connections == connections {
			all = append(all, t.cpu()-base)
		}
	}
	return all
}

// Table prints all of it: medians of the turns, and their quartiles.
func (r *AdmissionResult) Table(out io.Writer) {
	var sizes []int
	for _, t := range r.Turns {
		if !slices.Contains(sizes, t.Connections) {
			sizes = append(sizes, t.Connections)
		}
	}
	for _, n := range sizes {
		r.tableOf(out, n)
	}
	r.memory(out)
	r.kills(out)
	for _, name := range slices.Sorted(maps.Keys(r.Missing)) {
		fmt.Fprintf(out, "\nNot measured: %s: %s\n", name, strings.TrimSpace(r.Missing[name]))
	}
}

func (r *AdmissionResult) tableOf(out io.Writer, connections int) {
	rounds := len(r.of("none", connections, (*Turn).cpu))
	fmt.Fprintf(out, "\n%d at a time, a pod of %d bytes: medians of %d turns (quartiles)\n\n", connections, r.PodBytes, rounds)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| \t| requests/s\t| p50, ms\t| p99, ms\t| CPU a request, µs\t| of it webhook\t| added, µs\t| added, by the floor's\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|---\t|---\t|")
	floor := spreadOf(r.added("floor", connections)).middle
	added := map[string]float64{}
	for _, gate := range gates {
		number := func(value func(*Turn) float64) spread { return spreadOf(r.of(gate.Name, connections, value)) }
		speed := number(func(t *Turn) float64 { return float64(t.Requests) / t.Seconds })
		if speed.middle == 0 {
			continue
		}
		webhook, more, ratio := "", "", ""
		if len(gate.Processes) > 0 {
			webhook = fmt.Sprintf("%.0f", number(func(t *Turn) float64 { return t.CPUus[gate.Processes[0]] }).middle)
		}
		if gate.Name != "none" {
			s := spreadOf(r.added(gate.Name, connections))
			added[gate.Name], more = s.middle, s.text("%.0f")
			if floor > 0 {
				ratio = fmt.Sprintf("%.2f", s.middle/floor)
			}
		}
		fmt.Fprintf(w, "| %s\t| %.0f\t| %.2f\t| %.1f\t| %s\t| %s\t| %s\t| %s\t|\n", r.title(gate), speed.middle,
			number(func(t *Turn) float64 { return t.P50 }).middle, number(func(t *Turn) float64 { return t.P99 }).middle,
			number((*Turn).cpu).text("%.0f"), webhook, more, ratio)
	}
	w.Flush()
	best, of := 0.0, ""
	for _, name := range []string{"kyverno", "gatekeeper-cel", "gatekeeper-rego"} {
		if added[name] > 0 && (best == 0 || added[name] < best) {
			best, of = added[name], gateTitles[name]
		}
	}
	fmt.Fprintln(out)
	mean := func(name string) (sum float64) {
		all := r.added(name, connections)
		for _, v := range all {
			sum += v / float64(len(all))
		}
		return sum
	}
	for _, name := range ours() {
		text := fmt.Sprintf("%s adds %.0f µs", r.title(gateOf(name)), added[name])
		if floor > 0 && mean("floor") > 0 {
			text += fmt.Sprintf(": %.2f of the floor's, by the means of all turns %.2f (aim: at most 1.15)", added[name]/floor, mean(name)/mean("floor"))
		}
		if best > 0 {
			text += fmt.Sprintf("; %.2f of what the best webhook adds, %s (aim: at most 0.50)", added[name]/best, of)
		}
		fmt.Fprintln(out, text)
	}
	fmt.Fprintf(out, "Busy with other things meanwhile: %s cores\n",
		spreadOf(r.allOf(connections, func(t *Turn) float64 { return t.OtherCores })).text("%.2f"))
}

func (r *AdmissionResult) allOf(connections int, value func(*Turn) float64) (all []float64) {
	for _, gate := range gates {
		all = append(all, r.of(gate.Name, connections, value)...)
	}
	return all
}

func (r *AdmissionResult) memory(out io.Writer) {
	fmt.Fprintln(out, "\nWhat must run for it: memory (RSS, MiB, at rest and after the load), and CPU while nobody asks it (ms a second):")
	for _, name := range []string{"kyverno", "gatekeeper"} {
		if idle, ok := r.IdleKiB[name]; ok {
			after := 0
			for _, t := range r.Turns {
				after = t.RSSKiB[name]
			}
			aside := 0.0
			if seconds := r.of("none", 1, func(t *Turn) float64 { return t.CPUus[name] / 1000 * float64(t.Requests) / t.Seconds }); len(seconds) > 0 {
				for _, s := range seconds {
					aside += s / float64(len(seconds))
				}
			}
			fmt.Fprintf(out, "  %s: %.0f, %.0f; %.1f\n", name, float64(idle)/1024, float64(after)/1024, aside)
		}
	}
	fmt.Fprintf(out, "  Rempart: nothing; the operator was dead all the while (it had %.0f when it had compiled all regions' policies)\n",
		float64(r.Operators["with all regions"])/1024)
}

func (r *AdmissionResult) kills(out io.Writer) {
	fmt.Fprint(out, "\nKilled with SIGKILL:\n\n")
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| process\t| failurePolicy\t| compliant pod\t| pod on a foreign node\t| bad pods that got in after the restart\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|")
	word := func(a Answer) string {
		switch {
		case a.Code == 201:
			return "gets in"
		case isRefusal(a, "RP-"):
			return "refused by its rule"
		}
		return fmt.Sprintf("fails (%d)", a.Code)
	}
	for _, k := range r.Kills {
		after := ""
		if k.Restarted {
			after = fmt.Sprintf("%d of %d, in %.1f s", k.LetIn, k.Tried, k.Refused)
		} else if k.Tried > 0 {
			after = fmt.Sprintf("%d of %d, and no refusal in 90 s", k.LetIn, k.Tried)
		}
		what := k.What
		if what == "operator" {
			what, after = "Rempart's operator", fmt.Sprintf("none: not started again, and all %d verdicts right, after the load too", r.Verdicts)
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t|\n", strings.TrimSpace(what), k.FailurePolicy, word(k.Good), word(k.Bad), after)
	}
	w.Flush()
}
