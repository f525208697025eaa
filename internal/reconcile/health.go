package reconcile

import "time"

// Health is the state of the recounts of one application. The counts begin when the application is
// configured.
type Health struct {
	// Interval is the time from the start of one recount to the start of the next one.
	Interval time.Duration
	// Recounts is the number of recounts that have ended, Failures the number that failed.
	Recounts, Failures uint64
	// Calls is the number of calls of the server API.
	Calls uint64
	// Opened is the number of unknown rooms that a recount found open, Closed the number of known
	// rooms that it found closed.
	Opened, Closed uint64
	// Listed is the number of rooms on Tencent's list at the last recount that succeeded.
	Listed int64
	// LastSuccess is when a recount last succeeded, zero before the first.
	LastSuccess time.Time
	// LastFailure is the time of the last recount that failed, zero if none did. LastError is its
	// error.
	LastFailure time.Time
	LastError   string
	// Advice is what the operator should do about LastError, "" if there is no advice.
	Advice string
	// Stopped is whether recounts have stopped until the next reload of the configuration, because
	// Tencent refuses the calls.
	Stopped bool
	// Elsewhere is whether another replica had the lease when the last recount was due.
	Elsewhere bool
}

// failed is the last recount that failed. It is immutable.
type failed struct {
	at           time.Time
	text, advice string
}

// Health returns the state of the recounts of an application, false if it is not recounted. It does
// not block.
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
