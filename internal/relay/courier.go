package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// The header fields of a callback that was acknowledged before it is passed on. The id
// stays the same however often that is tried; attempts are counted from 1, and anew
// after a restart.
const (
	deliveryHeader = "X-Tuilivekit-Delivery"
	attemptHeader  = "X-Tuilivekit-Attempt"
)

const (
	// deliveryTimeout is how long a backend may take to answer what nobody waits for.
	deliveryTimeout = 10 * time.Second
	// restTimeout is how long the rest of its answer is read, for the sake of the
	// connection.
	restTimeout = time.Second
	// The n-th attempt is followed by a wait of chance, of up to minBackoff * 2^(n-1) and
	// not more than maxBackoff.
	minBackoff = 200 * time.Millisecond
	maxBackoff = 30 * time.Second
	// maxRetryAfter bounds what the backend can ask for.
	maxRetryAfter = 5 * time.Minute
)

// courier delivers what waits for one backend, oldest first, one at a time.
type courier struct {
	*Backend
	waiting <-chan struct{}
	failing bool // the last attempt has failed
}

// run delivers until ctx ends. When the relay drains it ends as soon as nothing waits,
// or the backend fails.
func (c *courier) run(ctx context.Context) {
	for ctx.Err() == nil {
		if f, ok := c.relay.queues.First(c.appID); ok {
			if !c.deliver(ctx, f) {
				return
			}
			continue
		}
		select {
		case <-c.waiting:
		case <-c.relay.draining:
			return
		case <-ctx.Done():
		}
	}
}

// deliver tries until f waits no longer. It returns false when there is no time to try
// on.
func (c *courier) deliver(ctx context.Context, f queue.Request) bool {
	p, id, err := unpack(f.Data)
	if err != nil {
		c.drop(f, droppedUnreadable, err)
		return true
	}
	for attempt := 1; ctx.Err() == nil; attempt++ {
		t := c.current.Load()
		left := t.MaxAge - time.Since(time.UnixMilli(f.Received))
		if first, ok := c.relay.queues.First(c.appID); !ok || first.Seq != f.Seq {
			return true // too many wait: it was dropped
		}
		if left <= 0 {
			c.drop(f, droppedExpired, errExpired)
			return true
		}
		status, retryAfter, err := c.attempt(ctx, t, p, id, attempt)
		switch {
		case err == nil && status/100 == 2:
			c.stats.delivered.Add(1)
			c.relay.queues.Remove(f)
			if c.failing {
				c.failing = false
				c.logger().Info("backend takes callbacks again")
			}
			return true
		case err == nil && final(status):
			c.drop(f, droppedRefused, fmt.Errorf("status %d", status))
			return true
		case ctx.Err() != nil:
			return false // its end is no fault of the backend
		}
		c.failed(status, err)
		wait := rand.N(min(minBackoff<<min(attempt-1, 16), maxBackoff))
		if !c.wait(ctx, min(max(wait, retryAfter), left)) {
			return false
		}
	}
	return false
}

var errExpired = errors.New("older than max_age")

// final reports whether a backend that answers status would do so again.
func final(status int) bool {
	return status/100 == 4 && status != http.StatusRequestTimeout && status != http.StatusTooEarly && status != http.StatusTooManyRequests
}

func (c *courier) drop(f queue.Request, reason dropReason, err error) {
	if c.relay.queues.Remove(f) {
		c.stats.dropped[reason].Add(1)
		c.stats.failed(&c.stats.dropLog, c.logger().WithField("reason", dropNames[reason]), err, "callback dropped: the backend does not get it")
	}
}

func (c *courier) failed(status int, err error) {
	why := failedStatus
	if err != nil {
		why = reasonOf(err, failedConnection)
	} else {
		err = fmt.Errorf("status %d", status)
	}
	c.failing = true
	c.stats.deliveryFailures[why].Add(1)
	c.stats.failed(&c.stats.deliveryLog, c.logger().WithField("reason", failureNames[why]), err, "callback not delivered: it waits, and is tried again")
}

// wait lets time pass, less if the backend is configured anew. It returns false if it is
// time to end.
func (c *courier) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.configured:
		return true
	case <-c.relay.draining:
	case <-ctx.Done():
	}
	return false
}

// attempt passes p on once. The status decides, whatever comes behind it.
func (b *Backend) attempt(ctx context.Context, t *target, p parcel, id string, n int) (status int, retryAfter time.Duration, err error) {
	start := time.Now()
	defer func() { b.stats.deliveryDuration.Observe(time.Since(start).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	if !t.KeepSignature {
		p.query = renew(p.query, t.Tokens, start)
	}
	p.header[deliveryHeader] = []string{id}
	p.header[attemptHeader] = []string{strconv.Itoa(n)}
	resp, err := t.transport.RoundTrip(p.request(ctx, t.URL)) // and follows no redirect
	if err != nil {
		return 0, 0, err
	}
	rest := time.AfterFunc(restTimeout, cancel)
	defer rest.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // as far as it comes: nobody reads it
	resp.Body.Close()
	return resp.StatusCode, min(parseRetryAfter(resp.Header.Get("Retry-After"), start), maxRetryAfter), nil
}

// parseRetryAfter reads seconds or a date; it returns 0 for all else.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
