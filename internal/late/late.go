// Package late measures for tests how late timers fire on this machine, so that a test of
// a deadline does not fail because the machine is slow or busy. Only tests import it.
package late

import (
	"sync/atomic"
	"testing"
	"time"
)

// step is the pause that is timed. The scheduler's own lateness on an idle machine is far
// below it.
const step = 5 * time.Millisecond

// Watch times pauses while a test runs.
type Watch struct{ worst atomic.Int64 }

// NewWatch returns a Watch that runs until the test ends.
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

// Limit returns d and 50 times the worst lateness since the Watch was made: a program that
// keeps its deadline of d on an idle machine answers within that on this one.
func (w *Watch) Limit(d time.Duration) time.Duration {
	return d + 50*time.Duration(w.worst.Load())
}
