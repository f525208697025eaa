//go:build linux

package crash

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/late"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// TestAnswerAfterSync checks that an event is acknowledged only after a sync that began after its request:
// if the machine crashes, data without a sync is lost.
func TestAnswerAfterSync(t *testing.T) {
	var syncs atomic.Int64
	s := &trouble{t: t, time: time.Now().Add(-time.Hour).UnixMilli()}
	s.p = startBehindGate(t, t.TempDir(), func() syscall.Errno {
		syncs.Add(1)
		return 0
	}, append(flags([]string{troubled}), patient)...)
	s.connect()
	for range 50 {
		before := syncs.Load()
		if a := s.post(); a.Status != http.StatusOK {
			t.Fatalf("%+v, want 200", a)
		}
		if n := syncs.Load() - before; n < 1 {
			t.Fatalf("event %d is acknowledged after %d syncs, want 1", s.sent, n)
		}
	}
}

// TestSyncFails lets one sync fail, a different one in each run. The event of that commit must not be
// acknowledged, and the storage must recover.
func TestSyncFails(t *testing.T) {
	for fails := int64(1); fails <= 6; fails++ {
		var left atomic.Int64
		storage := t.TempDir()
		args := flags([]string{troubled})
		s := &trouble{t: t, time: time.Now().Add(-time.Hour).UnixMilli()}
		s.p = startBehindGate(t, storage, func() syscall.Errno {
			if left.Add(-1) == 0 {
				return syscall.EIO
			}
			return 0
		}, args...)
		s.connect()
		left.Store(fails)
		first := int64(0)
		for first == 0 {
			if s.sent > 10 {
				t.Fatalf("sync %d failed, and all was acknowledged", fails)
			}
			if s.post().Status != http.StatusOK {
				first = s.sent
			}
		}
		s.waitRecovered()
		if n := len(s.p.Lines("storage is degraded")); n != 1 {
			t.Errorf("%d lines say that the storage is degraded, want 1\n%s", n, s.p.LogText())
		}
		s.restart(storage, args, s.counts())
		if a := s.again(first); a.Status != http.StatusOK {
			t.Errorf("event %d again: %+v, want 200", first, a)
		}
		s.counts() // the event was not counted again
		s.p.Kill()
	}
}

// waitFor returns a verdict that waits for the channel in hang, if it has one.
func waitFor(hang *atomic.Pointer[chan struct{}]) func() syscall.Errno {
	return func() syscall.Errno {
		if c := hang.Load(); c != nil {
			<-*c
		}
		return 0
	}
}

// TestSyncHangs lets a sync take longer than --storage.timeout.
func TestSyncHangs(t *testing.T) {
	var hang atomic.Pointer[chan struct{}]
	storage := t.TempDir()
	args := flags([]string{troubled})
	s := &trouble{t: t, time: time.Now().Add(-time.Hour).UnixMilli()}
	s.p = startBehindGate(t, storage, waitFor(&hang), args...)
	s.connect()
	for range 6 {
		s.post()
	}
	release := make(chan struct{})
	hang.Store(&release)
	before := s.counts()
	answered := make(chan struct{})
	s.sent++ // count it as sent now: counts is not called before it is
	go func() {
		defer close(answered)
		if a := s.again(s.sent); a.Status != http.StatusServiceUnavailable {
			t.Errorf("while the disk hangs: %+v, want 503", a)
		}
	}()
	for waiting := true; waiting; {
		m := scrape(t, s.p) // a scrape does not wait for the disk, which hangs until the end
		got, _ := m.Of(counters[1], troubled)
		want, _ := before.Of(counters[1], troubled)
		if got != want && scrape(t, s.p)[degraded] == 0 {
			t.Errorf("%s is %g before the event is durable or given up, want %g", counters[1], got, want)
		}
		select {
		case <-answered:
			waiting = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	for range 5 { // these are answered at once
		if a := s.post(); a.Status != http.StatusServiceUnavailable {
			t.Errorf("event %d, while the disk hangs: %+v, want 503", s.sent, a)
		}
	}
	s.counts()
	if status, err := s.p.Get("/-/ready"); err != nil || status != http.StatusOK {
		t.Errorf("/-/ready: %d, %v, want 200", status, err)
	}
	hang.Store(nil)
	close(release)
	s.waitRecovered()
	s.restart(storage, args, s.counts())
}

// TestSyncIsSlow delays each sync. An event waits for the sync in progress and for its own. If both take
// less than a second and a half, every event is acknowledged. If they take longer, an event that cannot be
// durable in time is refused, in time.
func TestSyncIsSlow(t *testing.T) {
	const tencentWaits = 2 * time.Second
	for _, tc := range []struct {
		delay time.Duration
		allOK bool
	}{{500 * time.Millisecond, true}, {900 * time.Millisecond, false}} {
		t.Run(tc.delay.String(), func(t *testing.T) {
			var delay atomic.Int64
			models, apps, s := newModels(t, 5)
			p := startBehindGate(t, t.TempDir(), func() syscall.Errno {
				time.Sleep(time.Duration(delay.Load()))
				return 0
			}, flags(apps)...)
			delay.Store(int64(tc.delay))
			var slowest, refusals atomic.Int64
			watch := late.NewWatch(t)
			var senders sync.WaitGroup
			for i, m := range models {
				senders.Go(func() {
					conn, err := exporter.Dial(p.Webhook)
					if err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
					time.Sleep(time.Duration(i) * 150 * time.Millisecond) // not all at once
					for began := time.Now(); time.Since(began) < 5*time.Second; {
						n := m.draw()
						m.begin(n)
						sent := time.Now()
						a, err := conn.Post(m.event(n), token)
						took := time.Since(sent)
						if err != nil || a.Status != http.StatusOK && a.Status != http.StatusServiceUnavailable {
							t.Errorf("%+v, %v, want 200 or 503", a, err)
							return
						}
						m.end(n, a, err)
						if a.Status != http.StatusOK {
							refusals.Add(1)
							time.Sleep(100 * time.Millisecond)
						}
						for old := slowest.Load(); int64(took) > old && !slowest.CompareAndSwap(old, int64(took)); old = slowest.Load() {
						}
					}
				})
			}
			senders.Wait()
			t.Logf("slowest answer %s; %s", time.Duration(slowest.Load()).Round(time.Millisecond), s)
			if took := time.Duration(slowest.Load()); took > watch.Limit(tencentWaits-200*time.Millisecond) {
				t.Errorf("an answer took %s, Tencent waits %s", took, tencentWaits)
			}
			// On a busy machine syncs take longer than their delay.
			busy := watch.Limit(0) >= 300*time.Millisecond
			if n := refusals.Load(); n > 0 == tc.allOK && (!tc.allOK || !busy) {
				t.Errorf("%d were refused", n)
			}
			if n := len(p.Lines("storage is degraded")); n != 0 && !busy {
				t.Errorf("degraded %d times, by commits that were in time", n)
			}
			delay.Store(0)
			for limit := time.Now().Add(patience); scrape(t, p)[degraded] != 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatal("still degraded, without delays")
				}
			}
			if err := settle(p, models); err != nil {
				t.Error(err)
			}
			stop(t, p)
		})
	}
}

// TestStopWhileSyncHangs stops the exporter while a sync hangs, before --storage.timeout.
func TestStopWhileSyncHangs(t *testing.T) {
	var hang atomic.Pointer[chan struct{}]
	storage := t.TempDir()
	args := append(flags([]string{troubled}), "--storage.timeout=1m", "--shutdown.timeout=4s")
	s := &trouble{t: t, time: time.Now().Add(-time.Hour).UnixMilli()}
	s.p = startBehindGate(t, storage, waitFor(&hang), args...)
	s.connect()
	for range 3 {
		s.post()
	}
	want := s.counts()
	release := make(chan struct{})
	defer close(release)
	hang.Store(&release)
	answered := make(chan exporter.Answer, 1)
	s.sent++
	go func() { answered <- s.again(s.sent) }()
	time.Sleep(100 * time.Millisecond) // the request is in progress
	watch, began := late.NewWatch(t), time.Now()
	code, err := s.p.Stop(patience)
	if took := time.Since(began); err != nil || code != 1 || took > watch.Limit(5*time.Second) {
		t.Errorf("stopped with %d, %v, after %s, want 1 within little more than --shutdown.timeout", code, err, took)
	}
	if a := <-answered; a.Status != http.StatusServiceUnavailable {
		t.Errorf("while the disk hangs: %+v, want 503", a)
	}
	if !strings.Contains(s.p.LogText(), "stop the storage") {
		t.Errorf("the log does not say why\n%s", s.p.LogText())
	}
	hang.Store(nil)
	s.p = start(t, storage, args...)
	for i, name := range counters {
		got, _ := scrape(t, s.p).Of(name, troubled)
		if before, _ := want.Of(name, troubled); got < before {
			t.Errorf("%s is %g after the start, %d of counters, want at least %g", name, got, i, before)
		}
	}
	stop(t, s.p)
}
