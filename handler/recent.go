package handler

import (
	"sync"
	"time"
)

// recentEvents is the maximum number of threshold events that are kept for an application.
const recentEvents = 20

// EventReport is a threshold event that was received since the start, and its outcome.
type EventReport struct {
	// Time is Tencent's time of the event, zero if the event had none.
	Time time.Time
	// Received is the exporter's time of the receipt.
	Received time.Time
	// Current and Max are CurRoomCount and MaxRoomCount.
	Current, Max int64
	// Verdict is accepted, or a reason of tuilivekit_webhook_events_discarded_total: duplicate
	// or out_of_order.
	Verdict string
	// Clamped says that Time was too far in the future, and that Received was used instead.
	Clamped bool
	// Durable is false if the event is in memory only and was answered 503.
	Durable bool
}

// recent is a ring of the newest threshold events of an application. The zero value is empty
// and allocates nothing.
type recent struct {
	mu   sync.Mutex
	ring []EventReport
	next int // index of the oldest, once the ring is full
}

// noteEvent adds e to the recent events if it is a threshold event. err is the error of Record.
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

// add adds e. If there are recentEvents events, e replaces the oldest.
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

// RecentEvents returns the last 20 threshold events of an application since the start, the last
// received first; nil if the application is not configured. The caller owns the slice. It does
// no I/O and may be called from several goroutines.
func (c *Callback) RecentEvents(appID string) []EventReport {
	if app := c.apps.Load().byID[appID]; app != nil {
		return app.stats.recent.report()
	}
	return nil
}

// report returns the events, the last received first. The caller owns the slice.
func (r *recent) report() []EventReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]EventReport, 0, len(r.ring))
	for i := range r.ring {
		list = append(list, r.ring[(r.next+len(r.ring)-1-i)%len(r.ring)])
	}
	return list
}
