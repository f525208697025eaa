// Package throttle bounds how often something is logged that others can cause at any
// rate. It knows no logger: it says whether to log now.
package throttle

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Throttle lets one of many pass in each interval and counts the others. Its methods may
// be called from several goroutines.
type Throttle struct {
	sometimes  rate.Sometimes
	suppressed atomic.Uint64
}

// New returns a Throttle that lets the first one pass, and then one in each interval.
func New(interval time.Duration) *Throttle {
	return &Throttle{sometimes: rate.Sometimes{Interval: interval}}
}

// Pass reports whether this one passes, and the number of those that did not pass since
// the last one that did. It does not block.
func (t *Throttle) Pass() (suppressed uint64, ok bool) {
	t.sometimes.Do(func() { ok = true })
	if !ok {
		t.suppressed.Add(1)
		return 0, false
	}
	return t.suppressed.Swap(0), true
}
