package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Subject is a running process under measurement, held to one core.
type Subject struct {
	command *exec.Cmd
	log     *os.File
	started time.Time
	ended   chan struct{}
}

// StartSubject starts `argv` on the given cores. Its output goes to the log.
func StartSubject(cores, kubeconfig, log string, argv ...string) (*Subject, error) {
	return startProcess(cores, log, []string{"KUBECONFIG=" + kubeconfig}, argv...)
}

// startProcess does so with more variables in its environment.
func startProcess(cores, log string, env []string, argv ...string) (*Subject, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o755); err != nil {
		return nil, err
	}
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	command := exec.Command("taskset", append([]string{"-c", cores}, argv...)...) // taskset becomes it: same pid
	command.Env = append(os.Environ(), env...)
	command.Stdout, command.Stderr = file, file
	s := &Subject{command: command, log: file, started: time.Now(), ended: make(chan struct{})}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait()
		close(s.ended)
	}()
	return s, nil
}

func (s *Subject) Alive() error {
	select {
	case <-s.ended:
		return fmt.Errorf("the subject ended by itself (%s): see %s", s.command.ProcessState, s.log.Name())
	default:
		return nil
	}
}

// Stop asks it to end, and gives it half a minute.
func (s *Subject) Stop() error {
	defer s.log.Close()
	if err := s.Alive(); err != nil {
		return err
	}
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(35 * time.Second):
		_ = s.command.Process.Kill()
		<-s.ended
		return errors.New("the subject did not end within 35 s of SIGTERM")
	}
}

// Kill ends it as a crash would, and waits until it is gone.
func (s *Subject) Kill() {
	_ = s.command.Process.Kill()
	<-s.ended
	_ = s.log.Close()
}

// CPU is the processor time that it and its threads have used so far; counted in ticks of 10 ms.
func (s *Subject) CPU() (time.Duration, error) { return cpuOf(s.command.Process.Pid) }

func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on: state ...
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// MemoryKiB reads a line of /proc/PID/status: VmHWM (the peak) or VmRSS.
func (s *Subject) MemoryKiB(line string) (int, error) { return memoryKiB(s.command.Process.Pid, line) }

func memoryKiB(pid int, line string) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "\n"+line+":")
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return strconv.Atoi(value)
}

// runRaw runs the raw loop (raw.go) in a process of its own on the given cores, and reads what processor time its loop
// took. `begin` is called when it is ready and about to start.
func runRaw(cores string, begin func(), argv ...string) (result rawResult, cpu time.Duration, err error) {
	command := exec.Command("taskset", append([]string{"-c", cores}, argv...)...)
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	if err != nil {
		return result, 0, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return result, 0, err
	}
	if err := command.Start(); err != nil {
		return result, 0, err
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		return result, 0, errors.Join(err, command.Wait())
	}
	before, err := cpuOf(command.Process.Pid)
	if err != nil {
		return result, 0, err
	}
	begin()
	if _, err := io.WriteString(in, "\n"); err != nil {
		return result, 0, err
	}
	decoded := json.NewDecoder(lines).Decode(&result)
	if err := command.Wait(); err != nil || decoded != nil {
		return result, 0, errors.Join(err, decoded)
	}
	state := command.ProcessState
	return result, state.UserTime() + state.SystemTime() - before, nil
}
