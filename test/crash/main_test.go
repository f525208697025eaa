//go:build linux

// Package crash tests that the built exporter loses no event that it has acknowledged. It kills and stops the
// exporter, lets its disk fail, and compares the metrics after the next start with the answers before.
package crash

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

const token = "a-token-of-a-test"

var (
	binary    string // the exporter
	tokenFile string
)

func TestMain(m *testing.M) {
	if os.Getenv(behindGate) != "" {
		execBehindGate()
	}
	exporter.TestMain(m, func(path, dir string) error {
		binary, tokenFile = path, filepath.Join(dir, "token")
		if err := os.Chmod(dir, 0o755); err != nil { // another user runs the binary, see TestStartWithoutPermission
			return err
		}
		return os.WriteFile(tokenFile, []byte(token), 0o600)
	})
}

// start runs the exporter with a storage until the test ends or stops it.
func start(t *testing.T, storage string, args ...string) *exporter.Process {
	t.Helper()
	p, err := exporter.Start(binary, append([]string{"--storage.path=" + storage}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// flags returns the flags that configure applications.
func flags(apps []string) []string {
	args := []string{"--app.token-file=" + tokenFile}
	for _, app := range apps {
		args = append(args, "--app="+app)
	}
	return args
}

func scrape(t *testing.T, p *exporter.Process) exporter.Metrics {
	t.Helper()
	m, err := p.Scrape(http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stop stops the exporter as a service manager does.
func stop(t *testing.T, p *exporter.Process) {
	t.Helper()
	if code, err := p.Stop(patience); err != nil || code != 0 {
		t.Errorf("SIGTERM: code %d, %v, want 0\n%s", code, err, p.LogText())
	}
}

// patience is the time after which a program counts as hung.
const patience = 2 * time.Minute

// random returns a random source. SEED in the environment repeats a run.
func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal("SEED:", err)
		}
	}
	t.Logf("SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// cycles returns the number of repetitions: CYCLES, or few.
func cycles(t *testing.T, few int) int {
	s := os.Getenv("CYCLES")
	if s == "" {
		return few
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal("CYCLES:", err)
	}
	return n
}
