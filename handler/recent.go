package handler

import (
	"sync"
	"time"
)

// recentEvents is how many threshold events of an application are remembered.
const recentEvents = 20

// EventReport is a threshold event that was received since the start, and what became of it.
type EventReport struct {
	// Time is Tencent's time of the event, zero if the event had none.
	Time time.Time
	// Received is our time of its receipt.
	Received time.Time
	// Current and Max are its counts.
	Current, Max int64
	// Verdict is accepted, or that of tuilivekit_webhook_events_discarded_total: duplicate or
	// out_of_order.
	Verdict string
	// Clamped says that Time was too far in the future, and Received was used instead.
	Clamped bool
	// Durable is false if the event was kept in memory only, and answered 503.
	Durable bool
}

// recent has the newest threshold events of an application. The zero value has none, and
// takes no memory for them.
type recent struct {
	mu   sync.Mutex
	ring []EventReport
	next int // index of the oldest, once the ring is full
}

// noteEvent remembers a threshold event. err is that of recording it.
func (s *appStats) noteEvent(e Event, outcome Outcome, err error) {
	if e.Kind != Threshold {
		return
	}
	n := EventReport{Received: time.UnixMilli(e.Received), Current: e.Current, Max: e.Max, Verdict: "accepted", Clamped: outcome.Clamped, Durable: err == nil}
	if e.Time != 0 {
		n.Time = time.UnixMilli(e.Time)
	}
	switch outcome.Verdict {
	case Duplicate:
		n.Verdict = discardNames[duplicate]
	case OutOfOrder:
		n.Verdict = discardNames[outOfOrder]
	}
	s.recent.add(n)
}

// add puts e in the place of the oldest event, if there are recentEvents of them.
func (r *recent) add(e EventReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < recentEvents {
		r.ring = append(r.ring, e)
		return
	}
	r.ring[r.next] = e
	r.next = (r.next + 1) % recentEvents
}

// RecentEvents returns the last 20 threshold events of a configured application since the
// start, the last received first: nil for any other application. The caller owns the slice. It
// does no I/O.
func (c *Callback) RecentEvents(appID string) []EventReport {
	if app := c.apps.Load().byID[appID]; app != nil {
		return app.stats.recent.report()
	}
	return nil
}

// report returns the events, the last received first.
func (r *recent) report() []EventReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]EventReport, 0, len(r.ring))
	for i := range r.ring {
		list = append(list, r.ring[(r.next+len(r.ring)-1-i)%len(r.ring)])
	}
	return list
}
