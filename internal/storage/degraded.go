package storage

import (
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
)

// maxPending and maxPendingBytes limit the changes that a degraded storage keeps, to write them after
// the segment that it begins. If there are more, it begins another segment with the whole state.
const (
	maxPending      = 1 << 16
	maxPendingBytes = 8 << 20 // of queued callbacks
)

// remember keeps changes to write them later.
func (w *writer) remember(changes payload.Changes) {
	for _, r := range changes.Requests {
		w.pendingBytes += len(r.Data)
	}
	if w.pending.Len() > maxPending || w.pendingBytes > maxPendingBytes {
		w.forget()
		w.lost = true
	}
	if !w.lost {
		w.pending.Add(changes)
	}
}

// forget drops the changes that remember has kept.
func (w *writer) forget() { w.pending, w.pendingBytes, w.lost = payload.Changes{}, 0, false }

// degrade makes the storage degraded, because of cause.
func (w *writer) degrade(cause error) {
	cause = journal.Explain(cause)
	w.metrics.degraded.Set(1)
	w.degraded.Store(&Health{DegradedSince: time.Now(), Cause: cause})
	w.failing = true
	w.forget()
	w.log.WithError(cause).WithField("folder", w.path).
		Error("storage is degraded: events are counted, but not acknowledged until they can be written again")
}

// must counts err, if there is one, and degrades the storage.
func (w *writer) must(err error) {
	if err != nil {
		w.metrics.failures.Inc()
		w.degrade(err)
	}
}

// look checks whether the files still exist. If the storage is degraded, it tries to recover.
func (w *writer) look() {
	if !w.failing {
		w.must(w.inTime(w.journal.Check))
	}
	w.recover()
}

// recover begins a segment with the whole state, unless a job is in progress.
func (w *writer) recover() {
	if w.failing && !w.busy {
		w.forget()
		w.start(w.begin())
	}
}

// begin returns the job that begins a segment with the whole state of now.
func (w *writer) begin() job {
	head := headOf(w.all())
	return w.counted(func() error { return w.journal.Begin(head) })
}

// finished handles the result of a job that the writer did not wait for: a late commit, or a new
// segment. If the job succeeded, only the changes since its start are not durable.
func (w *writer) finished(err error) {
	w.busy = false
	switch {
	case err != nil:
		w.metrics.failures.Inc()
		return // the next look tries again
	case w.lost:
		return // the next look begins another segment
	case w.pending.Len() > 0:
		if w.commitInTime(w.pending) != nil {
			w.lost = true
			return
		}
	}
	w.metrics.lastSuccess.SetToCurrentTime()
	w.metrics.degraded.Set(0)
	w.degraded.Store(nil)
	w.failing = false
	w.forget()
	w.log.WithField("folder", w.path).Info("storage has recovered: all counts are durable")
}
