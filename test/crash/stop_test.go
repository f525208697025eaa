//go:build linux

package crash

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// TestStop stops the exporter under load as a service manager does. The exporter may close an idle connection;
// a request that is sent at that moment gets no answer and must not be counted. A request that the exporter
// has begun to read must be answered.
func TestStop(t *testing.T) {
	const clients, slow = 12, 4
	random, n := random(t), cycles(t, 20)
	models, apps, sums := newModels(t, 5)
	storage := t.TempDir()
	args := append(flags(apps), patient)
	var closed, longest = int64(0), time.Duration(0)
	for cycle := range n {
		p := start(t, storage, args...)
		if err := check(p, http.DefaultClient, models); err != nil {
			t.Fatal(err)
		}
		// The previous process has stopped in order: it has counted no event that it did not answer, but perhaps late ones.
		for _, m := range models {
			for i, name := range counters {
				if m.shown[i] < float64(m.acked[i]) || m.shown[i] > float64(m.acked[i]+m.late[i]) {
					t.Errorf("%s: %s is %g after SIGTERM, but %d were acknowledged, and %d were late", m.app, name, m.shown[i], m.acked[i], m.late[i])
				}
			}
		}
		if err := settle(p, models); err != nil {
			t.Fatal(err)
		}
		l := startLoad(p, models, clients, random)
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
		begun := beginSlowly(t, p, models[0], slow)
		took := time.Now()
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		waitClosed(t, p) // it has begun to stop: earlier answers do not close their connection
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
		finish(t, models[0], begun)
		code, err := p.Wait(patience)
		if err != nil || code != 0 {
			t.Errorf("code %d, %v, want 0\n%s", code, err, p.LogText())
		}
		longest = max(longest, time.Since(took))
		p.Kill()
		l.wait()
		closed += l.closed.Load()
		if t.Failed() {
			t.Fatalf("in cycle %d", cycle)
		}
	}
	p := start(t, storage, args...)
	if err := check(p, http.DefaultClient, models); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped %d times under load, within %s, %d requests on connections being closed: %s", n, longest.Round(time.Millisecond), closed, sums)
}

// waitClosed returns when the webhook listener is closed.
func waitClosed(t *testing.T, p *exporter.Process) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		conn, err := exporter.Dial(p.Webhook)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatalf("callbacks are taken long after SIGTERM\n%s", p.LogText())
		}
	}
}

// slowRequest is a request whose body has not been sent.
type slowRequest struct {
	conn   *exporter.Conn
	number int64
	begun  time.Time
}

// beginSlowly sends requests without their bodies, and returns when the exporter waits for the bodies: then it
// answers 100 Continue.
func beginSlowly(t *testing.T, p *exporter.Process, m *model, n int) (begun []slowRequest) {
	t.Helper()
	for range n {
		conn, err := exporter.Dial(p.Webhook)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		b := slowRequest{conn, m.draw(), time.Now()}
		m.begin(b.number)
		if err := conn.Send(m.event(b.number).Head(token, "Expect: 100-continue")); err != nil {
			t.Fatal(err)
		}
		if a, err := conn.Receive(); err != nil || a.Status != http.StatusContinue {
			t.Fatalf("a request without its body: %d, %v, want 100", a.Status, err)
		}
		begun = append(begun, b)
	}
	return begun
}

// finish sends all bodies, and then takes the answers. A body that a slow machine sends after the time-out of bodies
// is answered 408.
func finish(t *testing.T, m *model, begun []slowRequest) {
	t.Helper()
	sent, late := make([]error, len(begun)), make([]bool, len(begun))
	for i, b := range begun {
		sent[i] = b.conn.Send(m.event(b.number).Body())
		late[i] = time.Since(b.begun) >= handler.DefaultBodyTimeout
	}
	for i, b := range begun {
		var a exporter.Answer
		err := sent[i]
		if err == nil {
			a, err = b.conn.Receive()
		}
		m.end(b.number, a, err)
		if late[i] || a.Late() {
			continue
		}
		if err != nil || a.Status != http.StatusOK || !a.Close {
			t.Errorf("a request that was being read at SIGTERM: %+v, %v, want 200 and a closed connection", a, err)
		}
	}
}
