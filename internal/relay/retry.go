package relay

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// failure records a failed attempt and gives the callback back to its queue.
func (c *courier) failure(a *attempt) {
	t, err := a.target, a.err
	why := failedStatus
	if err != nil {
		why = reasonOf(err, failedConnection)
	} else {
		err = fmt.Errorf("status %d", a.status)
	}
	c.stats.deliveryFailures[why].Add(1)
	c.failed(t, &c.stats.deliveryLog, c.logger().WithField("reason", failureNames[why]), err, "callback not delivered: it is retried")
	// Only probes and first attempts open the circuit: a retried callback may fail because of
	// itself.
	if (a.probe || a.kind == queue.Fresh) && t.deliveries.done(a.probe, false) {
		c.logger().WithError(quiet(err)).Warn("backend accepts no callbacks: one at a time is tried until it does")
		c.limit = 1
	}
	now := time.Now()
	t.deliveries.postpone(now.Add(a.retryAfter))
	if t.peer != c.current.Load().peer { // the failed server is no longer configured
		a.item.Trials = queue.Trials{}
		c.relay.queues.Release(a.item)
		return
	}
	c.putBack(a, now)
}

// putBack gives the callback of a failed attempt back, to retry it or to set it aside.
func (c *courier) putBack(a *attempt, now time.Time) {
	queues, item, t := c.relay.queues, a.item, a.target
	others := t.taken.Load()
	if item.Attempts > 0 && others > item.Others {
		item.Failing += min(now.Sub(item.LastFailure), maxCredit)
	}
	item.Attempts++
	item.LastFailure, item.Others = now, others
	if item.FirstFailure.IsZero() {
		item.FirstFailure = now
	}
	switch {
	case a.kind == queue.Aside:
		item.AsideAttempts++
		queues.Retry(item, now.Add(max(asidePause(item.AsideAttempts), a.retryAfter)))
	case item.Failing >= asideAfter && !t.deliveries.open():
		c.failed(t, &c.stats.asideLog, c.logger(), fmt.Errorf("tried %d times", item.Attempts), asideMessage)
		queues.SetAside(item, now.Add(asidePause(0)))
	default:
		pause := rand.N(min(minBackoff<<min(item.Attempts-1, 16), maxBackoff))
		queues.Retry(item, now.Add(max(pause, a.retryAfter)))
	}
}

const asideMessage = "callback set aside: it fails while the backend accepts others"

// asidePause returns the pause after n attempts at a callback that is set aside: between half of
// it and all of it, at random.
func asidePause(n int) time.Duration {
	most := min(minAsideBackoff<<min(n, 16), maxAsideBackoff)
	return most/2 + rand.N(most/2)
}
