package storage

import (
	"errors"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// job is work for the goroutine that writes files.
type job func() error

// errTimeout is the error of a commit that is not finished in time.
var errTimeout = errors.New("the commit takes longer than --storage.timeout")

// counted returns do as a job that the metrics count.
func (w *writer) counted(do job) job {
	w.metrics.commits.Inc()
	return func() error {
		began := time.Now()
		defer func() { w.metrics.duration.Observe(time.Since(began).Seconds()) }()
		return do()
	}
}

// inTime runs a job and waits for it, at most for the time-out. Meanwhile it answers the requests whose
// deadline passes.
func (w *writer) inTime(do job) error {
	began := time.Now()
	w.start(do)
	timer := time.NewTimer(min(w.timeout, lateInterval))
	defer timer.Stop()
	for {
		select {
		case err := <-w.results:
			w.busy = false
			return err
		case <-timer.C:
		}
		left := w.timeout - time.Since(began)
		if left <= 0 {
			return errTimeout
		}
		for len(w.behind) < maxWaiting && len(w.waiting) > 0 {
			w.behind = append(w.behind, <-w.waiting)
		}
		w.behind = answerLate(w.behind, state.ErrOverloaded)
		w.applied = answerLate(w.applied, state.ErrNotDurable)
		timer.Reset(min(left, lateInterval))
	}
}

func (w *writer) start(do job) {
	w.busy = true
	w.jobs <- do
}

// lateInterval is the time between two checks, during a commit, for requests whose deadline passes.
const lateInterval = 100 * time.Millisecond

// answerLate answers the requests whose deadline passes before the next check, and returns the others.
func answerLate(waiting []*request, err error) []*request {
	next := time.Now().Add(lateInterval)
	return slices.DeleteFunc(waiting, func(r *request) bool {
		late := !r.deadline.IsZero() && next.After(r.deadline)
		if late {
			r.err = err
			r.done <- struct{}{}
		}
		return late
	})
}

// commitInTime commits changes and waits for the commit, at most for the time-out.
func (w *writer) commitInTime(changes payload.Changes) error {
	began := time.Now()
	err := w.inTime(w.counted(func() error { return commit(w.journal, changes) }))
	w.took = time.Since(began)
	if err != nil {
		w.metrics.failures.Inc()
		return err
	}
	w.metrics.lastSuccess.SetToCurrentTime()
	return nil
}
