//go:build linux

// Package exporter runs the built exporter for black-box tests. It starts and ends the process, reads its log
// and metrics, and acts as Tencent on its own connections, so that a test knows of each request whether all of
// it was sent and what the answer was.
package exporter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build builds the exporter into dir and returns its path. If the environment has
// EXPORTER, that is the path and nothing is built.
func Build(dir string) (string, error) {
	if path := os.Getenv("EXPORTER"); path != "" {
		return filepath.Abs(path)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tuilivekit-exporter")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "./cmd/tuilivekit-exporter")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// Root returns the folder of the exporter's module, which is above this one.
func Root() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, e := os.Stat(filepath.Join(dir, "cmd", "tuilivekit-exporter")); e == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("not inside the exporter's repository")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// startTimeout is the time after which an exporter that is not ready counts as hung.
const startTimeout = 2 * time.Minute

// Process is a running exporter.
type Process struct {
	Webhook string        // address of the webhook listener
	Web     string        // address of the web listener
	Ready   time.Duration // from the start of the process until it was ready

	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	lines  []Line
}

// Line is a line of the log.
type Line struct{ Level, Msg, Address, Text string }

// Launch starts the exporter on free ports of loopback. It does not wait until the exporter is ready.
func Launch(path string, args ...string) (*Process, error) {
	return LaunchWith(func(*exec.Cmd) {}, path, args...)
}

// LaunchWith is Launch; change can change the command before it starts.
func LaunchWith(change func(*exec.Cmd), path string, args ...string) (*Process, error) {
	p := &Process{exited: make(chan struct{})}
	p.cmd = exec.Command(path, append([]string{
		"--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0", "--log.format=json",
	}, args...)...)
	// If the test is killed, the kernel kills the exporter too.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	change(p.cmd)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.read(stderr)
		_ = p.cmd.Wait() // the code is in ProcessState
		close(p.exited)
	}()
	return p, nil
}

// Start starts the exporter and returns when it is ready.
func Start(path string, args ...string) (*Process, error) {
	start := time.Now()
	p, err := Launch(path, args...)
	if err != nil {
		return nil, err
	}
	if err := p.WaitReady(); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w\n%s", err, p.LogText())
	}
	p.Ready = time.Since(start)
	return p, nil
}

// WaitReady returns when the exporter says that it is ready.
func (p *Process) WaitReady() error {
	client := &http.Client{Timeout: startTimeout}
	defer client.CloseIdleConnections()
	for end := time.Now().Add(startTimeout); time.Now().Before(end); time.Sleep(time.Millisecond) {
		select {
		case <-p.exited:
			return fmt.Errorf("exited at start with code %d", p.cmd.ProcessState.ExitCode())
		default:
		}
		if p.Webhook, p.Web = p.address("accepting callbacks"), p.address("Listening on"); p.Webhook == "" || p.Web == "" {
			continue
		}
		if resp, err := client.Get("http://" + p.Web + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("not ready after %s", startTimeout)
}

func (p *Process) read(r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		var l Line
		_ = json.Unmarshal(s.Bytes(), &l) // a line that is not JSON is kept as text
		l.Text = s.Text()
		p.mu.Lock()
		p.lines = append(p.lines, l)
		p.mu.Unlock()
	}
}

// Lines returns the lines of the log whose message begins with prefix.
func (p *Process) Lines(prefix string) []Line {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []Line
	for _, l := range p.lines {
		if strings.HasPrefix(l.Msg, prefix) {
			lines = append(lines, l)
		}
	}
	return lines
}

// LogText returns all output of the exporter, also what it wrote while it ended.
func (p *Process) LogText() string {
	var b strings.Builder
	for _, l := range p.Lines("") {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func (p *Process) address(message string) string {
	if lines := p.Lines(message); len(lines) > 0 {
		return lines[0].Address
	}
	return ""
}

// Exited returns a channel that is closed when the exporter has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// PID returns the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal to the exporter.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill kills the exporter (SIGKILL) and returns when it has ended.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// Wait returns the exit code, or an error if the exporter has not ended after timeout.
func (p *Process) Wait(timeout time.Duration) (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(timeout):
		return 0, fmt.Errorf("has not ended after %s", timeout)
	}
}

// Stop asks the exporter to stop, and returns its exit code.
func (p *Process) Stop(timeout time.Duration) (int, error) {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return p.Wait(timeout)
}
