package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Answer is what the API server says to one request.
type Answer struct {
	Code    int    `json:"code"` // 0: none came
	Message string `json:"message,omitempty"`
}

func (a Answer) String() string {
	message := a.Message
	if i := strings.Index(message, "RP-"); i >= 0 {
		message = message[i:]
	}
	if len(message) > 110 {
		message = message[:110] + "…"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.Code, message))
}

// Try sends one request once, and never fails: what went wrong is the answer.
func (a *API) Try(ctx context.Context, path string, body []byte) Answer {
	request, err := http.NewRequestWithContext(ctx, "POST", a.base+path, bytes.NewReader(body))
	if err != nil {
		return Answer{Message: err.Error()}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := a.client.Do(request)
	if err != nil {
		return Answer{Message: err.Error()}
	}
	defer response.Body.Close()
	if response.StatusCode < 300 {
		_, err = io.Copy(io.Discard, response.Body)
		if err != nil {
			return Answer{Message: err.Error()}
		}
		return Answer{Code: response.StatusCode}
	}
	var status struct{ Message string }
	_ = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&status)
	return Answer{response.StatusCode, status.Message}
}

// Turn is a number of requests to one subject, and what the processes used meanwhile.
type Turn struct {
	Subject     string             `json:"subject"`
	Connections int                `json:"connections"`
	Round       int                `json:"round"`
	Requests    int                `json:"requests"`
	Seconds     float64            `json:"seconds"`
	P50         float64            `json:"p50Ms"`
	P99         float64            `json:"p99Ms"`
	CPUus       map[string]float64 `json:"cpuUsPerRequest"` // by process
	RSSKiB      map[string]int     `json:"rssKiB"`          // at its end
	OtherCores  float64            `json:"otherCores"`      // busy with what is no part of this, the load itself left out
}

// machineBusy is the time that all cores together were busy.
func machineBusy() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal
	var busy time.Duration
	for i := 1; i < len(fields) && i <= 7; i++ {
		if n, err := strconv.Atoi(fields[i]); err == nil && i != 4 && i != 5 {
			busy += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return busy
}

// runTurn sends n dry-run creates of `body`, `connections` at a time. Each must be admitted.
func runTurn(ctx context.Context, api *API, path string, body []byte, n, connections int, pids map[string]int) (*Turn, error) {
	taken := make([]time.Duration, n)
	var next atomic.Int64
	var wrong atomic.Pointer[Answer]
	snapshot := func() (map[string]time.Duration, time.Duration, time.Duration, error) {
		used := map[string]time.Duration{}
		for name, pid := range pids {
			d, err := cpuOf(pid)
			if err != nil {
				return nil, 0, 0, err
			}
			used[name] = d
		}
		own, err := cpuOf(os.Getpid())
		return used, own, machineBusy(), err
	}
	before, ownBefore, busyBefore, err := snapshot()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	var workers sync.WaitGroup
	for range connections {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && wrong.Load() == nil; i = next.Add(1) - 1 {
				sent := time.Now()
				answer := api.Try(ctx, path, body)
				taken[i] = time.Since(sent)
				if answer.Code != http.StatusCreated {
					wrong.Store(&answer)
				}
			}
		})
	}
	workers.Wait()
	wall := time.Since(start)
	after, ownAfter, busyAfter, err := snapshot()
	if err != nil {
		return nil, err
	}
	if answer := wrong.Load(); answer != nil {
		return nil, fmt.Errorf("a compliant pod was not admitted: %s", answer)
	}
	slices.Sort(taken)
	at := func(q float64) float64 { return float64(taken[min(n-1, int(q*float64(n)))].Microseconds()) / 1000 }
	turn := &Turn{Connections: connections, Requests: n, Seconds: wall.Seconds(), P50: at(0.5), P99: at(0.99),
		CPUus: map[string]float64{}, RSSKiB: map[string]int{}}
	others := busyAfter - busyBefore - (ownAfter - ownBefore)
	for name, pid := range pids {
		turn.CPUus[name] = perWorkload(after[name]-before[name], n)
		others -= after[name] - before[name]
		if turn.RSSKiB[name], err = memoryKiB(pid, "VmRSS"); err != nil {
			return nil, err
		}
	}
	turn.OtherCores = others.Seconds() / wall.Seconds()
	return turn, nil
}
