package relay

import (
	"net/url"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// Health is how a Backend is. Counts are those since it was configured.
type Health struct {
	// CircuitOpen says that it is not asked for decisions, as it failed too often in a row.
	CircuitOpen                 bool
	Queue                       queue.Size
	Delivered, Dropped          uint64
	Decisions, DecisionFailures uint64
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
	s := b.stats
	h := Health{
		CircuitOpen: b.breaker.open(), Queue: b.relay.queues.Size(b.appID),
		Delivered: s.delivered.Load(), Decisions: s.decisions.Load(), LastFailure: s.lastFailure.Load(),
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

// failed notes what went wrong, and logs it unless log has just done so.
func (s *stats) failed(log *failureLog, entry *logrus.Entry, err error, message string) {
	err = quiet(err)
	s.lastFailure.Store(&Failure{time.Now(), message + ": " + err.Error()})
	log.write(entry, err, message)
}
