package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// builtDir holds the program as users have it, once a test has asked for it.
var (
	builtDir string
	built    = sync.OnceValues(func() (string, error) {
		var err error
		if builtDir, err = os.MkdirTemp("", "tuilivekit-exporter-"); err != nil {
			return "", err
		}
		bin := filepath.Join(builtDir, "tuilivekit-exporter")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X github.com/prometheus/common/version.Version=1.2.3-test", "-o", bin, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
		return bin, nil
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if builtDir != "" {
		os.RemoveAll(builtDir)
	}
	if left := ourGoroutines(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines are left:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// ourGoroutines returns the stacks of the goroutines that code of ours has started, or
// waits in, but for this one. They get a moment to end.
func ourGoroutines() string {
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		buf := make([]byte, 1<<20)
		var left []string
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "tuilivekit-exporter/") && !strings.Contains(stack, "ourGoroutines") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(late) {
			return strings.Join(left, "\n\n")
		}
	}
}

// program is a run of the binary.
type program struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *logBuffer
}

// runBinary runs the binary until it ends or the test does. Its environment is env and
// none of the test's.
func runBinary(t *testing.T, env []string, args ...string) *program {
	t.Helper()
	return runBinaryIn(t, t.TempDir(), env, args...)
}

// runBinaryIn is runBinary in a folder, where the binary keeps its state.
func runBinaryIn(t *testing.T, dir string, env []string, args ...string) *program {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	p := &program{t: t, cmd: exec.CommandContext(ctx, bin, args...), stdout: newLogBuffer(), stderr: newLogBuffer()}
	p.cmd.Dir = dir
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = append(env, "PATH="), p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		p.cmd.Wait()
		if out := p.output(); strings.Contains(out, demoToken) || strings.Contains(out, "Sign=") {
			t.Errorf("a secret is printed:\n%s", out)
		}
	})
	return p
}

// wait returns the exit code.
func (p *program) wait() int {
	p.t.Helper()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) output() string { return p.stdout.String() + p.stderr.String() }

// expect waits for the end and compares the exit code and parts of the output.
func (p *program) expect(code int, parts ...string) {
	p.t.Helper()
	if got := p.wait(); got != code {
		p.t.Errorf("exit code %d, want %d", got, code)
	}
	for _, part := range parts {
		if !strings.Contains(p.output(), part) {
			p.t.Errorf("no %q in the output", part)
		}
	}
	if p.t.Failed() {
		p.t.Logf("output:\n%s", p.output())
	}
}

// server is a run of the binary that serves.
type server struct {
	*program
	callback, web string // URLs
}

// serveBinary runs the binary on ports that are free.
func serveBinary(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	return serveBinaryIn(t, t.TempDir(), env, args...)
}

// serveBinaryIn is serveBinary in a folder.
func serveBinaryIn(t *testing.T, dir string, env []string, args ...string) *server {
	t.Helper()
	s := &server{program: runBinaryIn(t, dir, env, append(args, "--log.level=debug", "--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0")...)}
	s.callback = "http://" + s.stderr.wait(t, `msg="accepting callbacks" address="([^"]+)"`) + "/callback"
	s.web = "http://" + s.stderr.wait(t, `msg="Listening on" address="([^"]+)"`)
	return s
}

func (s *server) scrape() map[string]float64 {
	s.t.Helper()
	return parseSeries(s.t, do(s.t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}, http.MethodGet, s.web+"/metrics", "").body)
}

// end stops the server as an init system does.
func (s *server) end() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	s.expect(0, "msg=stopped")
}

// cmdline returns what a list of processes shows of p, with its environment.
func (p *program) cmdline() string {
	p.t.Helper()
	var all bytes.Buffer
	for _, name := range []string{"cmdline", "environ", "status"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name))
		if err != nil {
			p.t.Skip(err)
		}
		all.Write(b)
	}
	return all.String()
}
