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
	ring []recentEvent
	next int // index of the oldest, once the ring is full
}

// recentEvent is an EventReport in 40 bytes. Times are in Unix milliseconds.
type recentEvent struct {
	time, received, current, max int64
	verdict                      Verdict
	clamped, durable             bool
}

// noteEvent adds e to the recent events if it is a threshold event. err is the error of Record.
func (s *appStats) noteEvent(e Event, outcome Outcome, err error) {
	if e.Kind != Threshold {
		return
	}
	s.recent.add(recentEvent{e.Time, e.Received, e.Current, e.Max, outcome.Verdict, outcome.Clamped, err == nil})
}

// add adds e. If there are recentEvents events, e replaces the oldest.
func (r *recent) add(e recentEvent) {
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
		list = append(list, r.ring[(r.next+len(r.ring)-1-i)%len(r.ring)].report())
	}
	return list
}

func (e recentEvent) report() EventReport {
	r := EventReport{Received: time.UnixMilli(e.received), Current: e.current, Max: e.max, Verdict: "accepted", Clamped: e.clamped, Durable: e.durable}
	if e.time != 0 {
		r.Time = time.UnixMilli(e.time)
	}
	switch e.verdict {
	case Duplicate:
		r.Verdict = discardNames[duplicate]
	case OutOfOrder:
		r.Verdict = discardNames[outOfOrder]
	}
	return r
}
