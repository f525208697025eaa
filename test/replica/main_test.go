//go:build linux

// Package replica proves with real servers that replicas which share a Redis show the same numbers
// in the end, whatever fault the Redis has.
package replica

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// patience is how long a test waits until it reports that a program hangs. It is no limit of time
// for a program that works.
const patience = 3 * time.Minute

var binary string // the exporter

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	exporter.TestMain(m, func(path, _ string) error {
		binary = path
		return nil
	})
}

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

// eventually waits until check returns nil, and returns how long that took.
func eventually(t *testing.T, what string, check func() error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := check()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// server is a redis-server. It may be a Sentinel or a node of a Cluster.
type server struct {
	addr string
	dir  string
	args []string
	cmd  *exec.Cmd
	*redis.Client
	exited chan struct{} // closed when cmd has exited
}

// startServer runs a redis-server with further arguments until the test ends. The server stores
// nothing on disk.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	return startServerWith(t, func(port string) []string {
		return append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}, args...)
	})
}

// startServerWith is startServer with all arguments of the server.
func startServerWith(t *testing.T, args func(port string) []string) *server {
	t.Helper()
	s := &server{addr: freeAddress(t), dir: t.TempDir()}
	_, port, _ := net.SplitHostPort(s.addr)
	s.args = args(port)
	s.Client = redis.NewClient(&redis.Options{
		Addr: s.addr, DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: -1,
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	s.launch(t)
	t.Cleanup(func() { s.kill(); s.Close() })
	return s
}

// launch starts the process, again if it has been killed, and waits until it answers.
func (s *server) launch(t *testing.T) {
	t.Helper()
	s.start(t)
	eventually(t, "redis-server answers", func() error {
		select {
		case <-s.exited: // another program may have used the port for a moment
			s.start(t)
		default:
		}
		if err := s.Ping(context.Background()).Err(); err != nil && !strings.HasPrefix(err.Error(), "NOAUTH") {
			return err
		}
		return nil
	})
}

func (s *server) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd, exited := exec.Command("redis-server", s.args...), make(chan struct{})
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: install redis-server", err)
	}
	s.cmd, s.exited = cmd, exited
	go func() { defer close(exited); _ = cmd.Wait() }() // the error is that it was killed
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill() // it may have exited
	<-s.exited
}

func (s *server) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// freeAddress returns an address that is free now: a redis-server cannot inherit a listener. The port
// is not in the range of outgoing connections, because a connection of an exporter could occupy it
// while the server is down.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := 11000 + rand.IntN(10000)
		if isFree(port) && isFree(port+10000) { // the second one is for the bus of a Cluster
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatal("no port is free")
	return ""
}

func isFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

// configFile writes a configuration with applications and the engine, and returns its path.
func configFile(t *testing.T, apps []string, engine string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("apps:\n")
	for _, app := range apps {
		fmt.Fprintf(&b, "  - {sdk_app_id: %s, allow_unsigned: true}\n", app)
	}
	fmt.Fprintf(&b, "replica:\n  redis: {%s}\n", engine)
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// startReplica runs an exporter with a storage folder until the test ends.
func startReplica(t *testing.T, config, storage string) *exporter.Process {
	t.Helper()
	p, err := exporter.Start(binary, "--config.file="+config, "--storage.path="+storage, "--storage.timeout=30s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.Web, p.LogText())
		}
	})
	return p
}

// number returns the number in an environment variable, or n if it is not set.
func number(t *testing.T, variable string, n int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s: must be a number of at least 1", variable, text)
	}
	return n
}

// engineIs returns a check that tuilivekit_replica_engine_up of all replicas is want.
func engineIs(w *world, replicas []*exporter.Process, want float64) func() error {
	return func() error {
		for _, p := range replicas {
			if got := w.sample(p, "tuilivekit_replica_engine_up"); got != want {
				return fmt.Errorf("engine_up is %v", got)
			}
		}
		return nil
	}
}

var errNotYet = errors.New("not yet")
