package relay

import (
	"net/url"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// Health is the state of a Backend. Counts are since the Backend was configured. The circuits,
// LastDrop and LastFailure are since the URL or the credentials last changed.
type Health struct {
	// CircuitOpen says that the backend is not asked for decisions, except by probes, because
	// it failed too often in a row.
	CircuitOpen bool
	// DeliveryCircuitOpen says that the backend accepts no queued callbacks. Deliveries are
	// tried one at a time.
	DeliveryCircuitOpen         bool
	Queue                       queue.Size
	Delivered, Dropped          uint64
	Decisions, DecisionFailures uint64
	// LastDrop is the time of the last drop of a callback, zero if there was none.
	LastDrop time.Time
	// LastFailure is the last failure, nil if there was none.
	LastFailure *Failure
}

// Failure is a failed decision or delivery, or a drop. It is immutable.
type Failure struct {
	At   time.Time
	Text string
}

// URL returns the URL of the backend. The caller must not change it.
func (b *Backend) URL() *url.URL { return b.current.Load().URL }

// Health returns the current state of b. It does no I/O.
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
