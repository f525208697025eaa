package throttle

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnePassesInEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := New(5 * time.Second)
		for i, step := range []struct {
			wait       time.Duration
			suppressed uint64
			ok         bool
		}{
			{0, 0, true},
			{0, 0, false},
			{5*time.Second - 1, 0, false},
			{1, 2, true},
			{5 * time.Second, 0, true},
		} {
			time.Sleep(step.wait)
			if n, ok := throttle.Pass(); n != step.suppressed || ok != step.ok {
				t.Errorf("step %d: got %d, %t, want %d, %t", i, n, ok, step.suppressed, step.ok)
			}
		}
	})
}

// Of many concurrent calls one is allowed, and each of the others is counted once.
func TestManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := New(time.Second)
		var passed, counted atomic.Uint64
		for range 3 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if n, ok := throttle.Pass(); ok {
						passed.Add(1)
						counted.Add(n)
					}
				})
			}
			all.Wait()
			time.Sleep(time.Second)
		}
		if n, ok := throttle.Pass(); !ok || passed.Load() != 3 || counted.Load()+n != 297 {
			t.Errorf("%d passed, %d and %d were counted", passed.Load(), counted.Load(), n)
		}
	})
}
