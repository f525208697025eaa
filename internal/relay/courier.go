package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

const (
	// The pause after the n-th attempt is random, between 0 and minBackoff * 2^(n-1), and at
	// most maxBackoff.
	minBackoff = 200 * time.Millisecond
	maxBackoff = 30 * time.Second
	// A callback that has failed for asideAfter, while the backend accepted others, is set
	// aside. Of the time between two attempts at most maxCredit counts: for the rest of it the
	// backend may have been down.
	asideAfter = 5 * time.Minute
	maxCredit  = time.Minute
	// The pause between attempts at a callback that is set aside grows from minAsideBackoff to
	// maxAsideBackoff.
	minAsideBackoff = time.Minute
	maxAsideBackoff = 30 * time.Minute
)

// courier delivers the queued callbacks of one backend: callbacks of one lane one after the
// other, callbacks of different lanes at the same time. Only the goroutine of run uses its
// fields. Each attempt has its own goroutine.
type courier struct {
	*Backend
	waiting <-chan struct{}
	ended   chan *attempt

	running [3]int // attempts in progress, by queue.Kind
	limit   int    // maximum of all attempts in progress; it grows from 1 after the circuit has closed
	turn    int    // selects the kind that is taken first
	peer    *peer  // the peer for which limit was set
	dropped uint64 // callbacks dropped by the full queue that were logged
}

func newCourier(b *Backend, waiting <-chan struct{}) *courier {
	return &courier{Backend: b, waiting: waiting, ended: make(chan *attempt), dropped: b.relay.queues.Dropped(b.appID)}
}

// run delivers until ctx ends. If the relay drains, run returns when each callback that was not
// tried yet has been tried once.
func (c *courier) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	draining, canceled := c.relay.draining, ctx.Done()
	for {
		stopping := draining == nil
		if ctx.Err() == nil {
			c.begin(ctx, stopping)
		}
		if c.busy() == 0 && (stopping || ctx.Err() != nil) {
			return
		}
		timer.Reset(c.pause())
		select {
		case a := <-c.ended:
			c.end(ctx, a)
		case <-c.waiting:
		case <-c.configured:
		case <-timer.C:
		case <-draining:
			draining = nil
		case <-canceled:
			canceled = nil // the attempts end soon
		}
	}
}

// busy returns the number of attempts in progress.
func (c *courier) busy() int {
	return c.running[queue.Fresh] + c.running[queue.Retry] + c.running[queue.Aside]
}

// begin starts attempts until there are limit attempts in progress or no callback is due.
func (c *courier) begin(ctx context.Context, stopping bool) {
	t := c.current.Load()
	if c.peer != t.peer {
		c.peer, c.limit = t.peer, t.MaxConcurrent
		c.relay.queues.Again(c.appID)
	}
	c.noteDrops(t)
	for c.busy() < c.limit {
		a := c.take(t, stopping)
		if a == nil {
			return
		}
		c.running[a.kind]++
		go func() {
			a.run(ctx, c.Backend)
			c.ended <- a
		}()
	}
}

// noteDrops removes the callbacks that are older than MaxAge, and logs the drops of the full
// queue.
func (c *courier) noteDrops(t *target) {
	if n := c.relay.queues.Expire(c.appID, time.Now().Add(-t.MaxAge).UnixMilli()); n > 0 {
		c.drop(t, droppedExpired, uint64(n), errExpired)
		c.stats.dropped[droppedExpired].Add(uint64(n))
	}
	if n := c.relay.queues.Dropped(c.appID); n > c.dropped {
		c.drop(t, droppedFull, n-c.dropped, errFull)
		c.dropped = n
	}
}

var (
	errExpired = errors.New("older than max_age")
	errFull    = errors.New("the queue is full (max_queue_requests, max_queue_bytes): the oldest callbacks are dropped")
)

// drop logs that n callbacks were dropped.
func (c *courier) drop(t *target, reason dropReason, n uint64, err error) {
	t.lastDrop.Store(time.Now().UnixMilli())
	c.failed(t, &c.stats.dropLog, c.logger().WithField("reason", dropNames[reason]).WithField("callbacks", n), err, "callbacks dropped: the backend does not get them")
}

// take returns the next attempt, nil if no callback is due or the circuit allows none.
func (c *courier) take(t *target, stopping bool) *attempt {
	probe, ok := t.deliveries.allow()
	if !ok {
		return nil
	}
	kinds := []queue.Kind{queue.Fresh, queue.Retry, queue.Aside}
	switch {
	case stopping:
		kinds = kinds[:1]
	case !probe: // the kinds take turns
		c.turn++
		kinds = append(kinds[c.turn%3:], kinds[:c.turn%3]...)
	}
	for _, kind := range kinds {
		if c.running[kind] >= places(kind, t.MaxConcurrent) {
			continue
		}
		if item := c.relay.queues.Take(c.appID, kind, time.Now()); item != nil {
			return &attempt{item: item, kind: kind, target: t, probe: probe, next: c.next(item)}
		}
	}
	t.deliveries.forget(probe)
	return nil
}

// maxBehind is the number of callbacks after item among which next chooses.
const maxBehind = 16

// next returns the callback to try if item fails again: the first callback of another command
// within maxBehind, else the next callback of the lane. If the backend accepts it, the backend
// works. Without this attempt, a backend that fails for one command in all rooms could not be
// told from a backend that is down. next returns nil if item has failed for less than
// asideAfter, or if no callback follows it.
func (c *courier) next(item *queue.Item) *queue.Item {
	if item.Lane == queue.NoLane || item.Attempts == 0 || time.Since(item.FirstFailure) < asideAfter {
		return nil
	}
	behind := c.relay.queues.Behind(item, maxBehind)
	if len(behind) == 0 {
		return nil
	}
	for _, other := range behind {
		if commandOf(other.Request) != commandOf(item.Request) {
			return other
		}
	}
	return behind[0]
}

// places returns the maximum number of attempts of a kind in progress, of all in total. Failing
// callbacks may take long, so they get only a part.
func places(kind queue.Kind, all int) int {
	switch kind {
	case queue.Retry:
		return max(1, all/2)
	case queue.Aside:
		return max(1, all/8)
	}
	return all
}

// end handles the result of an attempt.
func (c *courier) end(ctx context.Context, a *attempt) {
	c.running[a.kind]--
	queues, t := c.relay.queues, a.target
	switch {
	case a.unreadable != nil:
		t.deliveries.forget(a.probe)
		c.remove(a, droppedUnreadable, a.unreadable)
	case a.delivered():
		t.taken.Add(1)
		c.answered(a)
		if queues.Done(a.item) {
			c.stats.delivered.Add(1)
		}
	case a.refused():
		c.answered(a)
		c.remove(a, droppedRefused, fmt.Errorf("status %d", a.status))
	case a.overtaking != nil && a.overtaking.delivered():
		t.taken.Add(1)
		c.answered(a)
		c.failed(t, &c.stats.asideLog, c.logger(), cmp.Or(a.err, fmt.Errorf("status %d", a.status)), asideMessage)
		if queues.Overtake(a.item, a.next, time.Now().Add(asidePause(0))) {
			c.stats.delivered.Add(1)
		}
	case ctx.Err() != nil: // canceled: not a failure of the backend
		t.deliveries.forget(a.probe)
		queues.Release(a.item)
	default:
		c.failure(a)
	}
}

// remove drops the callback of an attempt.
func (c *courier) remove(a *attempt, reason dropReason, err error) {
	if c.relay.queues.Done(a.item) {
		c.stats.dropped[reason].Add(1)
		c.drop(a.target, reason, 1, err)
	}
}

// answered records that the backend works.
func (c *courier) answered(a *attempt) {
	if a.target.deliveries.done(a.probe, true) {
		c.logger().Info("backend accepts callbacks again")
	}
	if a.target.peer == c.peer {
		c.limit = min(c.limit+1, a.target.MaxConcurrent)
	}
}

// pause returns the time until a callback expires, is due or may probe.
func (c *courier) pause() time.Duration {
	queues, t := c.relay.queues, c.current.Load()
	next := time.Now().Add(time.Hour)
	sooner := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	if at, ok := queues.OldestReceived(c.appID); ok {
		sooner(time.UnixMilli(at + 1).Add(t.MaxAge))
	}
	if at, ok := t.deliveries.due(); ok {
		sooner(at)
	} else if c.busy() < c.limit {
		for _, kind := range []queue.Kind{queue.Retry, queue.Aside} {
			if at, ok := queues.Due(c.appID, kind); ok && c.running[kind] < places(kind, t.MaxConcurrent) {
				sooner(at)
			}
		}
	}
	return max(0, time.Until(next))
}
