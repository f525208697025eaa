package relay

import (
	"net/url"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// Health is how a Backend is. Counts are those since it was configured; what is known of
// the server is known since its URL or credentials last changed.
type Health struct {
	// CircuitOpen says that it is not asked for decisions, as it failed too often in a row.
	CircuitOpen bool
	// DeliveryCircuitOpen says that it takes no queued callbacks: one at a time is tried.
	DeliveryCircuitOpen         bool
	Queue                       queue.Size
	Delivered, Dropped          uint64
	Decisions, DecisionFailures uint64
	// LastDrop is when a callback was last dropped, zero if none was.
	LastDrop time.Time
	// LastFailure is nil before the first one.
	LastFailure *Failure
}

// Failure is what went wrong with a callback.
type Failure struct {
	At   time.Time
	Text string
}

// URL returns the target. It must not be changed.
func (b *Backend) URL() *url.URL { return b.current.Load().URL }

// Health says how b is.
func (b *Backend) Health() Health {
	s, t := b.stats, b.current.Load()
	h := Health{
		CircuitOpen: t.decisions.open(), DeliveryCircuitOpen: t.deliveries.open(), Queue: b.relay.queues.Size(b.appID),
		Delivered: s.delivered.Load(), Decisions: s.decisions.Load(), LastFailure: t.lastFailure.Load(),
	}
	if ms := t.lastDrop.Load(); ms != 0 {
		h.LastDrop = time.UnixMilli(ms)
	}
	h.Dropped = h.Queue.Dropped - s.droppedBefore
	for i := range s.dropped {
		h.Dropped += s.dropped[i].Load()
	}
	for i := range s.decisionFailures {
		h.DecisionFailures += s.decisionFailures[i].Load()
	}
	return h
}
