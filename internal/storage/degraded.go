package storage

import (
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/journal"
)

// maxPending and maxPendingBytes are how much a degraded storage remembers to write after
// what it writes anyway. Past that it writes everything once more.
const (
	maxPending      = 1 << 16
	maxPendingBytes = 8 << 20 // of callbacks that are queued, or were when they came
)

// remember keeps changes to be written later.
func (w *writer) remember(changes Changes) {
	for _, r := range changes.Requests {
		w.pendingBytes += len(r.Data)
	}
	if w.pending.size() > maxPending || w.pendingBytes > maxPendingBytes {
		w.forget()
		w.lost = true
	}
	if !w.lost {
		w.pending.add(changes)
	}
}

// forget forgets what remember has remembered.
func (w *writer) forget() { w.pending, w.pendingBytes, w.lost = Changes{}, 0, false }

// degrade notes that commits fail.
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

// look finds out whether the files are still there, and tries to recover if they cannot
// be written.
func (w *writer) look() {
	if !w.failing {
		w.must(w.inTime(w.journal.Check))
	}
	w.recover()
}

// recover begins a segment with everything, once the disk has let go of the last one.
func (w *writer) recover() {
	if w.failing && !w.busy {
		w.forget()
		w.start(w.begin())
	}
}

// begin is the job that begins a segment with everything that is known now.
func (w *writer) begin() job {
	head := headOf(w.all())
	return w.counted(func() error { return w.journal.Begin(head) })
}

// finished takes the result of a job that nobody waited for: a commit that was late, or
// a new file. If it went well only what has come meanwhile is not durable.
func (w *writer) finished(err error) {
	w.busy = false
	switch {
	case err != nil:
		w.metrics.failures.Inc()
		return // recover tries again
	case w.lost:
		return // and again
	case w.pending.size() > 0:
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
