package storage

import (
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Memory records events and requests in memory only: they are lost when the process ends. Its methods
// may be called from several goroutines.
type Memory struct {
	Store  *state.Store
	Queues *queue.Queues
}

// Record counts e and queues q, if it has Data. It does not block, and the error is nil.
func (m Memory) Record(e state.Event, q queue.Request, _ time.Time) (state.Outcome, error) {
	if q.Data != nil {
		m.Queues.Add(m.Queues.Number(q))
	}
	return m.Store.Count(e), nil
}
