package relay

import (
	"context"
	"errors"
	"io"
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
	// overtakeTimeout bounds the try of the next callback behind one without an answer.
	overtakeTimeout = time.Second
	// maxRetryAfter bounds what the backend can ask for.
	maxRetryAfter = 5 * time.Minute
)

// attempt is one try to deliver a queued callback.
type attempt struct {
	item   *queue.Item
	kind   queue.Kind
	target *target
	probe  bool // of the circuit
	// next is a callback that is to be tried if the backend answers that it cannot take
	// this one, or does not answer in time, or nil. Then overtaking is that try.
	next       *queue.Item
	overtaking *attempt

	// What came of it. unreadable means that there is nothing to deliver.
	unreadable error
	status     int // 0 if there was no answer
	retryAfter time.Duration
	err        error
}

// run passes the callback on once, and then the next one if that is wanted.
func (a *attempt) run(ctx context.Context, b *Backend) {
	a.send(ctx, b)
	if a.next == nil {
		return
	}
	within := deliveryTimeout
	switch {
	case errors.Is(a.err, context.DeadlineExceeded) && ctx.Err() == nil:
		// It hangs, for this callback or for all. A backend that comes back just now takes the
		// second one too, and gets the two out of their order: the time for that is short.
		within = overtakeTimeout
	case a.status == 0, a.delivered(), a.refused(), unavailable(a.status):
		// The answer must be one of the application, and have come just now: a backend that
		// comes back between the two has not taken the second one rather than the first.
		return
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	a.overtaking = &attempt{item: a.next, target: a.target}
	a.overtaking.send(ctx, b)
}

// send passes the callback on. The status decides, whatever comes behind it.
func (a *attempt) send(ctx context.Context, b *Backend) {
	p, id, err := unpack(a.item.Data)
	if err != nil {
		a.unreadable = err
		return
	}
	start := time.Now()
	defer func() { b.stats.deliveryDuration.Observe(time.Since(start).Seconds()) }()
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	if !a.target.KeepSignature {
		p.query = renew(p.query, a.target.Tokens, start)
	}
	p.header[deliveryHeader] = []string{id}
	p.header[attemptHeader] = []string{strconv.Itoa(a.item.Attempts + 1)}
	resp, err := a.target.send(ctx, p)
	if err != nil {
		a.err = err
		return
	}
	rest := time.AfterFunc(restTimeout, cancel)
	defer rest.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // as far as it comes: nobody reads it
	resp.Body.Close()
	a.status = resp.StatusCode
	a.retryAfter = min(parseRetryAfter(resp.Header.Get("Retry-After"), start), maxRetryAfter)
}

// delivered reports whether the backend has taken the callback.
func (a *attempt) delivered() bool { return a.status/100 == 2 }

// refused reports whether the backend would give the same answer again.
func (a *attempt) refused() bool {
	return a.status/100 == 4 && a.status != http.StatusRequestTimeout && a.status != http.StatusTooEarly && a.status != http.StatusTooManyRequests
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
