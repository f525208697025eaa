// Package throttle limits the rate of log lines that others can cause. It does not know the
// logger: it says whether to log.
package throttle

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Throttle allows one log line in each interval and counts the suppressed lines. Its methods may
// be called from several goroutines.
type Throttle struct {
	sometimes  rate.Sometimes
	suppressed atomic.Uint64
}

// New returns a Throttle that allows the first line, and then one line in each interval.
func New(interval time.Duration) *Throttle {
	return &Throttle{sometimes: rate.Sometimes{Interval: interval}}
}

// Pass reports whether to log, and the number of lines that were suppressed since the last line
// that was allowed. It does not block.
func (t *Throttle) Pass() (suppressed uint64, ok bool) {
	t.sometimes.Do(func() { ok = true })
	if !ok {
		t.suppressed.Add(1)
		return 0, false
	}
	return t.suppressed.Swap(0), true
}
