package reconcile

import "time"

// Health is how the recounts of one application go. Counts are those since it was configured.
type Health struct {
	// Interval is from the start of one recount to that of the next.
	Interval time.Duration
	// Recounts that have ended, and those of them that failed.
	Recounts, Failures uint64
	// Calls of the server API.
	Calls uint64
	// Opened are unknown rooms that were found open, Closed known rooms that were found closed.
	Opened, Closed uint64
	// Listed is how many rooms Tencent's list had at the last recount that succeeded.
	Listed int64
	// LastSuccess is when a recount last succeeded, zero before the first.
	LastSuccess time.Time
	// LastFailure is when a recount last failed, zero if none did; LastError says why.
	LastFailure time.Time
	LastError   string
	// Advice says what an operator should do about it, empty if nothing is known.
	Advice string
	// Stopped says that Tencent refuses recounts and that there are none until the
	// configuration is reloaded.
	Stopped bool
	// Elsewhere says that another replica had the lease when a recount was last due.
	Elsewhere bool
}

// failed is the last recount that failed. It is immutable.
type failed struct {
	at           time.Time
	text, advice string
}

// Health returns how the recounts of an application go, and false if it is not recounted. It
// does not block.
func (r *Reconciler) Health(appID string) (Health, bool) {
	c := (*r.byID.Load())[appID]
	if c == nil {
		return Health{}, false
	}
	m := c.metrics
	h := Health{
		Interval: c.app.Interval, Recounts: m.recounts.Load(), Failures: m.failures.Load(), Calls: m.calls.Load(),
		Opened: m.opened.Load(), Closed: m.closed.Load(), Listed: m.listed.Load(), Stopped: m.stopped.Load(), Elsewhere: m.elsewhere.Load(),
	}
	if at := m.lastSuccess.Load(); at > 0 {
		h.LastSuccess = time.UnixMilli(at)
	}
	if f := m.lastFailure.Load(); f != nil {
		h.LastFailure, h.LastError, h.Advice = f.at, f.text, f.advice
	}
	return h, true
}
