package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// row is a line of the table: a number of each run that has it.
type row struct {
	name, format string
	of           func(*Run) (float64, bool)
	hasRaw       bool // the raw loop has it too
}

var rows = []row{
	{"cold to last write, s", "%.2f", func(r *Run) (float64, bool) { return r.Cold.Seconds, true }, true},
	{"  region's status included, s", "%.2f", func(r *Run) (float64, bool) { return r.Cold.SecondsAnything, true }, false},
	{"CPU a workload, µs", "%.0f", func(r *Run) (float64, bool) { return r.Cold.CPUus, true }, true},
	{"API server's CPU a workload, µs", "%.0f", func(r *Run) (float64, bool) { return r.Cold.ServerCPUus, true }, true},
	{"peak RSS, MiB", "%.1f", func(r *Run) (float64, bool) { return float64(r.Cold.PeakRSSKiB) / 1024, true }, false},
	{"KiB a cached object", "%.2f", func(r *Run) (float64, bool) { return r.Cold.KiBPerObject, true }, false},
	{"API calls a workload", "%.3f", func(r *Run) (float64, bool) { return r.Cold.CallsPerWorkload, true }, true},
	{"watch to write p50, ms", "%.2f", func(r *Run) (float64, bool) { return get(r.Steady, func(s *Steady) float64 { return s.P50 }) }, false},
	{"watch to write p99, ms", "%.2f", func(r *Run) (float64, bool) { return get(r.Steady, func(s *Steady) float64 { return s.P99 }) }, false},
	{"CPU a change, µs", "%.0f", func(r *Run) (float64, bool) {
		return get(r.Steady, func(s *Steady) float64 { return s.CPUusPerChange })
	}, false},
	{"API server's CPU a change, µs", "%.0f", func(r *Run) (float64, bool) {
		return get(r.Steady, func(s *Steady) float64 { return s.ServerCPUus })
	}, false},
	{"changes not followed in 10 s", "%.0f", func(r *Run) (float64, bool) {
		return get(r.Steady, func(s *Steady) float64 { return float64(s.Unseen) })
	}, false},
	{"writes in a minute of rest", "%.0f", func(r *Run) (float64, bool) { return get(r.Rest, func(s *Rest) float64 { return float64(s.Writes) }) }, false},
	{"  the region enforced", "%.0f", func(r *Run) (float64, bool) {
		return get(r.RestEnforced, func(s *Rest) float64 { return float64(s.Writes) })
	}, false},
	{"CPU in a minute of rest, ms", "%.0f", func(r *Run) (float64, bool) { return get(r.Rest, func(s *Rest) float64 { return s.CPUms }) }, false},
	{"  the region enforced", "%.0f", func(r *Run) (float64, bool) { return get(r.RestEnforced, func(s *Rest) float64 { return s.CPUms }) }, false},
}

func get[T any](phase *T, value func(*T) float64) (float64, bool) {
	if phase == nil {
		return 0, false
	}
	return value(phase), true
}

// Table prints the medians of all runs with n workloads, and their ratios.
func Table(out io.Writer, runs []*Run, n int) {
	rounds := map[string]int{}
	for _, r := range runs {
		if r.N == n {
			rounds[r.Subject]++
		}
	}
	fmt.Fprintf(out, "\n%d workloads: medians of rempart %d, twin %d, raw loop %d runs\n\n", n, rounds["rempart"], rounds["twin"], rounds["raw"])
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| \t| rempart\t| twin\t| raw loop\t| rempart/twin\t| rempart/raw\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, row := range rows {
		cell, value := map[string]string{}, map[string]float64{}
		for _, subject := range subjects {
			var values []float64
			for _, r := range runs {
				if v, ok := row.of(r); ok && r.N == n && r.Subject == subject && (subject != "raw" || row.hasRaw) {
					values = append(values, v)
				}
			}
			if len(values) > 0 {
				value[subject] = median(values)
				cell[subject] = fmt.Sprintf(row.format, value[subject])
			}
		}
		ratio := func(to string) string {
			if value["rempart"] == 0 || value[to] == 0 {
				return ""
			}
			return fmt.Sprintf("%.2f", value["rempart"]/value[to])
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", row.name, cell["rempart"], cell["twin"], cell["raw"], ratio("twin"), ratio("raw"))
	}
	w.Flush()
}
