package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Configured is a Backend with the settings of one moment. A callback in progress keeps its
// settings when the configuration changes.
type Configured struct {
	*Backend
	target *target
}

// Backend is the relay to the server of one application. Its methods may be called from several
// goroutines.
type Backend struct {
	relay   *Relay
	appID   string
	stats   *stats
	current atomic.Pointer[target]

	configured chan struct{} // has a value if current has changed
}

func newBackend(r *Relay, appID string) *Backend {
	return &Backend{relay: r, appID: appID, stats: r.metrics.newStats(appID), configured: make(chan struct{}, 1)}
}

func (b *Backend) configure(s Settings) {
	old := b.current.Load()
	next := b.relay.newTarget(s, old)
	b.current.Store(next)
	if old == nil {
		return
	}
	if old.peer != next.peer {
		old.close()
	}
	signal(b.configured)
}

// signal puts a value into ch unless it has one.
func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Configured returns b with its current settings.
func (b *Backend) Configured() Configured { return Configured{b, b.current.Load()} }

// Answer is the answer to a callback. Its Header has only Content-Type and Content-Encoding.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrLoop is returned for a request that was relayed before: by this relay, or by maxVia others.
var ErrLoop = errors.New("relay loop: the request was relayed before")

// Decide asks the backend for the answer to req, whose body is body. It returns before ctx ends
// and does not use body afterwards. If the backend fails, Settings.OnFailure determines the
// answer. The only error is ErrLoop. It may be called from several goroutines.
func (b Configured) Decide(ctx context.Context, req *http.Request, body []byte) (Answer, error) {
	p, err := b.parcel(req, bytes.Clone(body)) // net/http may still send the body after the answer
	if err != nil {
		return Answer{}, err
	}
	b.stats.decisions.Add(1)
	t := b.target
	a, why, err := b.decide(ctx, t, p)
	if err == nil {
		return a, nil
	}
	if why == canceled {
		// The sender has probably closed the connection. Without an answer, net/http would send 200.
		return fail(http.StatusBadGateway, "canceled"), nil
	}
	b.stats.decisionFailures[why].Add(1)
	b.failed(t, &b.stats.decisionLog, b.logger().WithField("reason", failureNames[why]).
		WithField("on_failure", t.OnFailure), err, "backend did not decide")
	switch {
	case t.OnFailure == Allow:
		return jsonAnswer(http.StatusOK, []byte(tuilivekit.OK)), nil
	case t.OnFailure == Deny:
		return jsonAnswer(http.StatusOK, []byte(tuilivekit.Deny)), nil
	case why == failedTimeout || a.Status == http.StatusGatewayTimeout:
		return fail(http.StatusGatewayTimeout, "backend too slow"), nil
	default:
		return fail(http.StatusBadGateway, "backend failed"), nil
	}
}

func fail(status int, text string) Answer { return jsonAnswer(status, tuilivekit.Fail(status, text)) }

// failed records err as the last failure of t and logs it, at most once in logInterval.
func (b *Backend) failed(t *target, log *failureLog, entry *logrus.Entry, err error, message string) {
	err = quiet(err)
	t.failed(message + ": " + err.Error())
	log.write(entry, err, message)
}

func (b *Backend) logger() *logrus.Entry { return b.relay.log.WithField("sdk_app_id", b.appID) }

func jsonAnswer(status int, body []byte) Answer {
	return Answer{status, http.Header{"Content-Type": {"application/json"}}, body}
}

// Packed is a callback to queue.
type Packed struct {
	// Lane is equal for callbacks that are delivered in their order.
	Lane uint64
	// Data is the packed callback.
	Data []byte
}

// Pack returns req, whose body is body, packed for the queue. It does not block and does not keep
// body. The only error is ErrLoop.
func (b *Backend) Pack(req *http.Request, body []byte) (Packed, error) {
	p, err := b.parcel(req, body)
	if err != nil {
		return Packed{}, err
	}
	query, _ := tuilivekit.ParseQuery(p.query) // the handler has parsed it before
	return Packed{tuilivekit.Lane(query.Command, body), p.pack(rand.Text())}, nil
}

// parcel returns the parcel of req.
func (b *Backend) parcel(req *http.Request, body []byte) (parcel, error) {
	p, ok := b.relay.newParcel(req, body)
	if !ok {
		b.stats.loops.Add(1)
		return parcel{}, ErrLoop
	}
	return p, nil
}

var (
	errBusy    = errors.New("too many decisions of this backend are in progress (max_concurrent)")
	errCircuit = errors.New("the circuit is open: the backend failed too often in a row")
)

// decide asks the backend. If too many decisions are in progress, it fails at once. It does not
// retry, because Tencent waits only two seconds, except on a kept connection that was closed
// (target.send). If it fails, only the Status of the Answer is valid.
func (b *Backend) decide(ctx context.Context, t *target, p parcel) (a Answer, why failure, err error) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	default:
		return Answer{}, failedBusy, errBusy
	}
	probe, ok := t.decisions.allow()
	if !ok {
		return Answer{}, failedCircuit, errCircuit
	}
	deadline, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	a, why, err = b.exchange(deadline, t, p)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		t.decisions.forget(probe)
		return Answer{}, canceled, err
	}
	if t.decisions.done(probe, err == nil) {
		log := b.logger()
		if err == nil {
			log.Info("backend decides again: circuit closed")
		} else {
			log.WithError(quiet(err)).Warn("backend failed too often in a row: circuit open, callbacks that ask for a decision are not relayed, except for probes")
		}
	}
	return a, why, err
}

var errTooLarge = errors.New("the answer is larger than 64 KiB")

// exchange sends p and reads the answer. It fails if the answer cannot be relayed.
func (b *Backend) exchange(ctx context.Context, t *target, p parcel) (Answer, failure, error) {
	start := time.Now()
	defer func() { b.stats.decisionDuration.Observe(time.Since(start).Seconds()) }()
	resp, err := t.send(ctx, p)
	if err != nil {
		return Answer{}, reasonOf(err, failedConnection), err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 599 {
		return Answer{}, failedAnswer, fmt.Errorf("the status is %d", resp.StatusCode)
	}
	if unavailable(resp.StatusCode) {
		return Answer{Status: resp.StatusCode}, failedStatus, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return Answer{}, reasonOf(err, failedAnswer), err
	}
	if len(body) > maxAnswer {
		return Answer{}, failedAnswer, errTooLarge
	}
	h := http.Header{}
	for _, key := range []string{"Content-Type", "Content-Encoding"} {
		if values := resp.Header[key]; values != nil {
			h[key] = values
		}
	}
	return Answer{resp.StatusCode, h, body}, 0, nil
}
