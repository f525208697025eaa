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

// The header fields of the delivery of a queued callback. The delivery id is the same for all
// attempts. Attempts are counted from 1; after a restart the count starts again.
const (
	deliveryHeader = "X-Tuilivekit-Delivery"
	attemptHeader  = "X-Tuilivekit-Attempt"
)

const (
	// deliveryTimeout is the maximum time of a delivery.
	deliveryTimeout = 10 * time.Second
	// restTimeout is the maximum time to read the body of an answer, so that the connection can
	// be used again.
	restTimeout = time.Second
	// overtakeTimeout is the maximum time of an overtaking attempt after a callback without an
	// answer.
	overtakeTimeout = time.Second
	// maxRetryAfter is the maximum of Retry-After.
	maxRetryAfter = 5 * time.Minute
)

// attempt is one attempt to deliver a queued callback.
type attempt struct {
	item   *queue.Item
	kind   queue.Kind
	target *target
	probe  bool // of the circuit
	// next is a later callback of the lane, or nil. If the backend fails for item or does not
	// answer in time, overtaking is an attempt at next.
	next       *queue.Item
	overtaking *attempt

	// The result. unreadable is the error of unpack.
	unreadable error
	status     int // 0 if there was no answer
	retryAfter time.Duration
	err        error
}

// run tries to deliver item, and next if item failed because of the callback itself.
func (a *attempt) run(ctx context.Context, b *Backend) {
	a.send(ctx, b)
	if a.next == nil {
		return
	}
	within := deliveryTimeout
	switch {
	case errors.Is(a.err, context.DeadlineExceeded) && ctx.Err() == nil:
		// The backend hangs for this callback or for all callbacks. If it works again just now,
		// it accepts next too, out of order: so the time for next is short.
		within = overtakeTimeout
	case a.status == 0, a.delivered(), a.refused(), unavailable(a.status):
		// next is tried only after an error status of the application itself. Without it, the
		// backend may be down, and may accept next only because it works again.
		return
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	a.overtaking = &attempt{item: a.next, target: a.target}
	a.overtaking.send(ctx, b)
}

// send sends the callback once. Only the status of the answer matters, not its body.
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
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // an error only ends the connection
	resp.Body.Close()
	a.status = resp.StatusCode
	a.retryAfter = min(parseRetryAfter(resp.Header.Get("Retry-After"), start), maxRetryAfter)
}

// delivered reports whether the backend has accepted the callback.
func (a *attempt) delivered() bool { return a.status/100 == 2 }

// refused reports whether the status is permanent: the callback is not retried.
func (a *attempt) refused() bool {
	return a.status/100 == 4 && a.status != http.StatusRequestTimeout && a.status != http.StatusTooEarly && a.status != http.StatusTooManyRequests
}

// parseRetryAfter returns the duration in a Retry-After header (RFC 9110, section 10.2.3), 0 if
// it is malformed.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
