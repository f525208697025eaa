//go:build linux

package crash

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// A long time-out: on a busy machine commits can be slow, and these tests are not about slow commits.
const patient = "--storage.timeout=30s"

// patientStop is for tests that need all deliveries in progress to end before the exporter.
const patientStop = "--shutdown.timeout=1m"

// TestKill kills the exporter under load at random moments. After the next start it must have every event
// that it acknowledged or showed in a scrape.
func TestKill(t *testing.T) {
	const clients = 12
	random, n := random(t), cycles(t, 20)
	models, apps, sums := newModels(t, 5)
	storage := t.TempDir()
	args := append(flags(apps), patient)
	atStart := 0
	for cycle := range n {
		// On a fast disk few kills hit a commit or a scrape, so the disk is slow in every second cycle.
		slow := time.Duration(cycle%2*random.IntN(20)) * time.Millisecond
		p := startBehindGate(t, storage, func() syscall.Errno {
			time.Sleep(slow)
			return 0
		}, args...)
		if err := check(p, http.DefaultClient, models); err != nil {
			t.Fatal(err)
		}
		if err := settle(p, models); err != nil {
			t.Fatal(err)
		}
		l := startLoad(p, models, clients, random)
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
		p.Kill()
		l.wait()
		for random.IntN(4) == 0 { // and while it reads the storage
			atStart++
			p, err := exporter.Launch(binary, append(args, "--storage.path="+storage)...)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
			p.Kill()
		}
		if t.Failed() {
			t.Fatalf("in cycle %d", cycle)
		}
	}
	p := start(t, storage, args...)
	if err := check(p, http.DefaultClient, models); err != nil {
		t.Fatal(err)
	}
	if err := settle(p, models); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	t.Logf("killed %d times under load and %d times at start: %s", n, atStart, sums)
}
