// Package late measures how late timers fire on this machine, so that a test of a deadline does
// not fail because the machine is slow or busy. Only tests import it.
package late

import (
	"sync/atomic"
	"testing"
	"time"
)

// step is the pause that is measured. On an idle machine timers are late by much less.
const step = 5 * time.Millisecond

// Watch measures the lateness of timers while a test runs.
type Watch struct{ worst atomic.Int64 }

// NewWatch returns a Watch that measures in a goroutine until the test ends.
func NewWatch(t testing.TB) *Watch {
	w, stop, done := &Watch{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-time.After(step):
			}
			now := time.Now()
			w.note(now.Sub(last) - step)
			last = now
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	return w
}

func (w *Watch) note(d time.Duration) {
	if int64(d) > w.worst.Load() {
		w.worst.Store(int64(d))
	}
}

// Limit returns d plus 50 times the worst lateness since NewWatch. A program that meets a
// deadline of d on an idle machine meets this limit on this machine. It may be called from
// several goroutines.
func (w *Watch) Limit(d time.Duration) time.Duration {
	return d + 50*time.Duration(w.worst.Load())
}
