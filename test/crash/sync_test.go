//go:build linux

package crash

import (
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestAnswerAfterSync looks whether an answer OK comes after an fdatasync that began
// after the request: a crash of the machine takes what the kernel has not written.
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
			t.Fatalf("event %d is acknowledged after %d fdatasyncs, want 1", s.sent, n)
		}
	}
}

// TestSyncFails lets one fdatasync fail, another one each time. The event of that
// commit is not acknowledged, and the storage recovers.
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
				t.Fatalf("fdatasync %d failed, and all was acknowledged", fails)
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
		s.counts() // it was not counted again
		s.p.Kill()
	}
}

// TestSyncHangs lets an fdatasync take longer than --storage.timeout.
func TestSyncHangs(t *testing.T) {
	var hang atomic.Pointer[chan struct{}]
	storage := t.TempDir()
	args := flags([]string{troubled})
	s := &trouble{t: t, time: time.Now().Add(-time.Hour).UnixMilli()}
	s.p = startBehindGate(t, storage, func() syscall.Errno {
		if c := hang.Load(); c != nil {
			<-*c
		}
		return 0
	}, args...)
	s.connect()
	for range 6 {
		s.post()
	}
	release := make(chan struct{})
	hang.Store(&release)
	before := s.counts()
	began, answered := time.Now(), make(chan struct{})
	s.sent++ // as if it had been: counts looks at nothing before it is
	go func() {
		defer close(answered)
		if a := s.again(s.sent); a.Status != http.StatusServiceUnavailable {
			t.Errorf("while the disk hangs: %+v, want 503", a)
		}
	}()
	for waiting := true; waiting; {
		asked := time.Now()
		m := scrape(t, s.p)
		if took := time.Since(asked); took > 500*time.Millisecond {
			t.Errorf("a scrape took %s while the disk hangs", took)
		}
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
	if took := time.Since(began); took > 1800*time.Millisecond {
		t.Errorf("answered after %s, want little more than a second: Tencent waits two", took)
	}
	for range 5 { // these wait for nothing
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
