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
	// The n-th attempt is followed by a pause of chance, of up to minBackoff * 2^(n-1) and
	// not more than maxBackoff.
	minBackoff = 200 * time.Millisecond
	maxBackoff = 30 * time.Second

	// A callback that has failed for asideAfter, while the backend took others, is set
	// aside. Between two attempts at most maxCredit counts: a backend that takes little may
	// have been away for the rest.
	asideAfter = 5 * time.Minute
	maxCredit  = time.Minute
	// The pauses between the attempts at it grow from minAsideBackoff to maxAsideBackoff.
	minAsideBackoff = time.Minute
	maxAsideBackoff = 30 * time.Minute
)

// courier delivers the queued callbacks of one backend: those of a lane one after the
// other, those of different lanes at the same time. Only the goroutine of run uses its
// fields; each attempt has a goroutine of its own.
type courier struct {
	*Backend
	waiting <-chan struct{}
	ended   chan *attempt
	running [3]int // attempts, by queue.Kind
	limit   int    // of their sum: it grows from 1 when a circuit has closed
	turn    int    // which kind is taken next
	peer    *peer  // that limit is for
	dropped uint64 // by the full queue, as far as it was logged
}

func newCourier(b *Backend, waiting <-chan struct{}) *courier {
	return &courier{Backend: b, waiting: waiting, ended: make(chan *attempt), dropped: b.relay.queues.Dropped(b.appID)}
}

// run delivers until ctx ends. When the relay drains it ends as soon as all callbacks that
// were not tried yet are delivered or have failed.
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

// busy returns how many attempts are made now.
func (c *courier) busy() int {
	return c.running[queue.Fresh] + c.running[queue.Retry] + c.running[queue.Aside]
}

// begin begins as many attempts as there are places and callbacks whose turn it is.
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

// noteDrops removes the callbacks that are too old, and logs what a full queue has dropped.
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

// drop logs that the backend does not get n callbacks.
func (c *courier) drop(t *target, reason dropReason, n uint64, err error) {
	t.lastDrop.Store(time.Now().UnixMilli())
	c.failed(t, &c.stats.dropLog, c.logger().WithField("reason", dropNames[reason]).WithField("callbacks", n), err, "callbacks dropped: the backend does not get them")
}

// take returns an attempt to make now, nil if there is none.
func (c *courier) take(t *target, stopping bool) *attempt {
	probe, ok := t.deliveries.allow()
	if !ok {
		return nil
	}
	kinds := []queue.Kind{queue.Fresh, queue.Retry, queue.Aside}
	switch {
	case stopping:
		kinds = kinds[:1]
	case !probe: // no kind keeps another from its turn
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

// maxBehind is how far next looks.
const maxBehind = 16

// next returns the callback to try if item, which has failed for long, fails again: one of
// another command if there is one near, else the one behind it. If the backend takes that,
// it is not away: otherwise a backend that fails for one command in all rooms could not be
// told from one that is away. It returns nil if it is too early for that, or nothing is
// behind item.
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

// places returns how many of all places callbacks of that kind may take, so that those that
// fail, which may take long, leave some to the others.
func places(kind queue.Kind, all int) int {
	switch kind {
	case queue.Retry:
		return max(1, all/2)
	case queue.Aside:
		return max(1, all/8)
	}
	return all
}

// end does what follows from an attempt.
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
	case ctx.Err() != nil: // that is no fault of the backend
		t.deliveries.forget(a.probe)
		queues.Release(a.item)
	default:
		c.failure(a)
	}
}

// remove removes a callback that the backend will not get.
func (c *courier) remove(a *attempt, reason dropReason, err error) {
	if c.relay.queues.Done(a.item) {
		c.stats.dropped[reason].Add(1)
		c.drop(a.target, reason, 1, err)
	}
}

// answered notes that the backend works.
func (c *courier) answered(a *attempt) {
	if a.target.deliveries.done(a.probe, true) {
		c.logger().Info("backend accepts callbacks again")
	}
	if a.target.peer == c.peer {
		c.limit = min(c.limit+1, a.target.MaxConcurrent)
	}
}

// pause returns how long there is nothing to do, unless something happens.
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
