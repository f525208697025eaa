//go:build linux

package crash

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// TestIncrease stops and kills the exporter between known numbers of events, while a real Prometheus scrapes
// it every second. increase() must return the number of events. It would count twice a counter that falls
// or gets a new created timestamp, and would not count one that does not begin with zero.
func TestIncrease(t *testing.T) {
	models, apps, _ := newModels(t, 1)
	m, storage := models[0], t.TempDir()
	var target atomic.Pointer[exporter.Process] // nil while it is down
	prometheus := startPrometheus(t, &target)
	args := append(flags(apps), patient)
	var p *exporter.Process
	for i, step := range []struct {
		events int
		end    syscall.Signal
		before bool // the events are sent before the first scrape
	}{
		{7, 0, true},
		{100, syscall.SIGTERM, false},
		{30, syscall.SIGKILL, false},
		{1, syscall.SIGKILL, true},
		{250, syscall.SIGTERM, true},
		{5, syscall.SIGKILL, false},
		{60, 0, false},
	} {
		if p == nil {
			p = start(t, storage, args...)
		}
		if !step.before {
			target.Store(p)
			prometheus.waitUp(t)
		}
		post(t, p, m, step.events)
		target.Store(p)
		if step.end == 0 {
			prometheus.waitUp(t)
			continue
		}
		if i%2 == 0 { // else the process ends with events that no scrape has seen
			prometheus.waitUp(t)
		}
		if err := p.Signal(step.end); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Wait(patience); err != nil {
			t.Fatal(err)
		}
		target.Store(nil)
		p = nil
		prometheus.waitDown(t)
	}
	for i, name := range counters {
		want := m.acked[i]
		series := fmt.Sprintf("%s{sdk_app_id=%q}", name, m.app)
		if got := prometheus.query(t, "sum(increase("+series+"[10m] anchored))"); got != float64(want) {
			t.Errorf("increase of %s is %g, but %d were sent", name, got, want)
		}
		if got := prometheus.query(t, "sum(resets("+series+"[10m]))"); got != 0 {
			t.Errorf("%s has fallen %g times", name, got)
		}
		if got := prometheus.query(t, "sum(max_over_time("+series+"[10m]) - min_over_time("+series+"[10m]))"); got != float64(want) {
			t.Errorf("%s has grown by %g, but %d were sent", name, got, want)
		}
		// The usual increase() extrapolates by about one scrape interval.
		plain := prometheus.query(t, "sum(increase("+series+"[10m]))")
		if plain < float64(want) || plain > 1.2*float64(want) {
			t.Errorf("increase of %s, extrapolated, is %g, but %d were sent", name, plain, want)
		}
		t.Logf("%s: %d sent, increase %g", name, want, plain)
	}
}

// post sends some events, each of which must be acknowledged.
func post(t *testing.T, p *exporter.Process, m *model, n int) {
	t.Helper()
	conn, err := exporter.Dial(p.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range n {
		i := m.draw()
		m.begin(i)
		a, err := conn.PostPatiently(m.event(i), token)
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("%+v, %v, want 200", a, err)
		}
		m.end(i, a, err)
	}
}
