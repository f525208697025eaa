package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Record counts e and queues q, if q has Data, and returns when both are durable.
// state.ErrNotDurable means that they are in memory only, state.ErrOverloaded that they are
// not recorded. It blocks until deadline at the latest; if that is zero, for two commits. It keeps
// q.Data, and nothing of e.
func (s *Storage) Record(e state.Event, q queue.Request, deadline time.Time) (state.Outcome, error) {
	if e.Kind == state.Members && q.Data == nil { // it is part of the next commit
		s.store.CountLater(e)
		return state.Outcome{}, nil
	}
	r := s.free.Get().(*request)
	r.event, r.callback, r.deadline = e, q, deadline
	select {
	case s.waiting <- r:
	default:
		s.free.Put(r)
		return state.Outcome{}, state.ErrOverloaded
	}
	if s.stopped.Load() { // if it is not stopped yet, the writer or refuseRest answers r
		return state.Outcome{}, state.ErrOverloaded // r is not reused: it may still be in the channel
	}
	<-r.done
	outcome, err := r.outcome, r.err
	r.event, r.callback, r.outcome = state.Event{}, queue.Request{}, state.Outcome{} // its Subject belongs to the caller
	s.free.Put(r)
	return outcome, err
}

// request is a waiting event, and the callback to queue with it.
type request struct {
	event    state.Event
	callback queue.Request // with nil Data if there is none
	deadline time.Time
	outcome  state.Outcome
	err      error
	done     chan struct{}
}

// writer is the one goroutine that changes the state.
type writer struct {
	*Storage
	applied []*request // in the commit in progress
	behind  []*request // for the next commit, before the requests in the channel
	news    *learning  // for the next commit, nil if there are none
	jobs    chan job
	results chan error
	busy    bool // a job is in progress

	expected int           // likely number of events that arrive together
	took     time.Duration // time of the last commit

	failing      bool            // degraded
	pending      payload.Changes // since the start of the job in progress, or of the first failed one
	pendingBytes int             // of its Requests
	lost         bool            // pending was too large, and is not complete
}

// Run commits events until ctx ends. Then it commits the events that were recorded by then,
// and returns nil: a commit that fails degrades the storage and ends nothing. It is called
// once; Record must not be called after ctx has ended.
func (s *Storage) Run(ctx context.Context) error {
	w := &writer{Storage: s, jobs: make(chan job), results: make(chan error, 1)}
	defer s.refuseRest()
	go w.work()
	if s.startError != nil {
		w.degrade(s.startError)
	}
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	removals := s.queues.TrackRemovals()
	var remove <-chan time.Time // not nil while removals wait for a commit
	for ctx.Err() == nil {
		if len(w.behind) > 0 {
			w.handle(w.take())
			continue
		}
		select {
		case r := <-s.waiting:
			w.handle(w.take(r))
		case w.news = <-s.learning:
			w.handle(w.take())
		case err := <-w.results: // of a job that the writer did not wait for
			w.finished(err)
		case <-look.C:
			w.look()
			if w.store.HasLater() { // no commit of an event has included it
				w.handle(nil)
			}
		case <-removals:
			if remove == nil {
				remove = time.After(removeInterval)
			}
		case <-remove:
			remove = nil
			if s.queues.HasRemoved() { // no commit of an event has included it
				w.handle(nil)
			}
		case <-ctx.Done():
		}
	}
	w.stop()
	return nil
}

// refuseRest refuses the requests that came too late.
func (s *Storage) refuseRest() {
	s.stopped.Store(true)
	for len(s.waiting) > 0 {
		r := <-s.waiting
		r.err = state.ErrOverloaded
		r.done <- struct{}{}
	}
}

// work runs jobs, one at a time. No other goroutine writes files.
func (w *writer) work() {
	for do := range w.jobs {
		w.results <- do()
	}
	w.journal.Close()
	close(w.results)
}

// maxPatience is the longest time that take waits. An event alone does not wait.
const maxPatience = 2 * time.Millisecond

// take returns the waiting requests and first. Senders that are answered together are likely to send
// their next callbacks together. So if fewer requests wait than at the end of the last commit, take
// waits for the others, for the time of a few commits: one larger commit takes less time than two.
func (w *writer) take(first ...*request) []*request {
	waiting := append(w.behind, first...)
	w.behind = nil
	bytes := 0
	for _, r := range waiting {
		bytes += len(r.callback.Data)
	}
	var patience <-chan time.Time
	for len(waiting) < maxBatch && bytes < maxBatchBytes {
		var r *request
		select {
		case r = <-w.waiting:
		default:
			if len(waiting) >= w.expected || w.failing {
				return waiting
			}
			if patience == nil {
				patience = time.After(min(4*w.took, maxPatience))
			}
			select {
			case r = <-w.waiting:
			case <-patience:
				return waiting
			}
		}
		waiting = append(waiting, r)
		bytes += len(r.callback.Data)
	}
	return waiting
}

// handle applies the waiting requests, commits them, publishes the state and answers, in that order.
func (w *writer) handle(waiting []*request) {
	w.applied = answerLate(waiting, state.ErrOverloaded)
	batch := w.store.Begin()
	var changes payload.Changes
	for _, r := range w.applied {
		r.outcome = batch.Count(r.event)
		if r.callback.Data != nil {
			changes.Requests = append(changes.Requests, w.queues.Number(r.callback))
		}
	}
	news := w.news
	if w.news = nil; news != nil {
		news.apply(batch)
	}
	added := changes.Requests
	changes.Requests = append(w.queues.TakeMoved(), added...)
	changes.Changes, changes.Removed = batch.Changes(), w.queues.TakeRemoved()
	var err error
	switch {
	case w.failing:
		w.remember(changes)
		err = state.ErrNotDurable
	case changes.Len() > 0: // not only duplicates
		if len(w.applied) > 0 {
			w.metrics.batch.Observe(float64(len(w.applied)))
		}
		if cause := w.commitInTime(changes); cause != nil {
			w.degrade(cause)
			err = fmt.Errorf("%w: %w", state.ErrNotDurable, cause)
		} else {
			batch.Forget()
		}
	}
	batch.Publish()
	w.queues.Add(added...)
	if len(waiting) > 0 {
		w.expected = len(waiting) + len(w.waiting)
	}
	for _, r := range w.applied {
		r.err = err
		r.done <- struct{}{}
	}
	w.applied = nil
	if news != nil {
		close(news.done)
	}
	if !w.failing && w.journal.Full() {
		w.must(w.inTime(w.begin()))
	}
}

// stop commits the requests that have arrived, and closes the journal.
func (w *writer) stop() {
	for len(w.behind) > 0 || len(w.waiting) > 0 || w.queues.HasRemoved() || w.store.HasLater() {
		w.handle(w.take())
	}
	w.recover() // the last chance
	close(w.jobs)
	timer := time.NewTimer(w.timeout)
	defer timer.Stop()
	var err error
	for open := true; open; { // until the journal is closed
		var e error
		select {
		case e, open = <-w.results:
		case <-timer.C:
			e, open = errTimeout, false
		}
		if e != nil {
			err = e
		}
	}
	if err != nil {
		w.metrics.failures.Inc()
		w.log.WithError(err).WithField("folder", w.path).Error("stopping without storage: callbacks that were not acknowledged are not durable")
	}
}
