package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Configured is a Backend as the configuration had it when it was taken from the Relay. A
// callback that is under way when that changes ends as it began.
type Configured struct {
	*Backend
	target *target
}

// Backend is an application's own server, which has the last word on what asks for a
// decision.
type Backend struct {
	relay   *Relay
	appID   string
	stats   *stats
	breaker breaker
	current atomic.Pointer[target]

	configured chan struct{} // has one when target is another
}

// target is where a Backend is, and how it is asked.
type target struct {
	Settings
	transport *http.Transport
	slots     chan struct{} // has one for each callback that waits for a decision
}

func newBackend(r *Relay, appID string) *Backend {
	return &Backend{relay: r, appID: appID, stats: r.metrics.newStats(appID), configured: make(chan struct{}, 1)}
}

func (b *Backend) configure(s Settings) {
	old := b.current.Swap(&target{Settings: s, transport: b.relay.newTransport(s), slots: make(chan struct{}, s.MaxConcurrent)})
	if old != nil {
		old.close()
		signal(b.configured)
	}
}

// Configured returns b as it is configured now.
func (b *Backend) Configured() Configured { return Configured{b, b.current.Load()} }

func (b *Backend) logger() *logrus.Entry { return b.relay.log.WithField("sdk_app_id", b.appID) }

func (t *target) close() { t.transport.CloseIdleConnections() }

// failure says why a backend did not answer; it is a label value.
type failure uint8

const (
	failedBusy failure = iota
	failedCircuit
	failedTimeout
	failedConnection
	failedAnswer
	failedStatus
	numFailures
	canceled // by the sender: the backend is not to blame
)

var failureNames = [numFailures]string{"busy", "circuit_open", "timeout", "connection", "answer", "status"}

// What can be the end of a decision, and of an attempt to deliver.
var (
	decisionReasons = []failure{failedBusy, failedCircuit, failedTimeout, failedConnection, failedAnswer}
	deliveryReasons = []failure{failedTimeout, failedConnection, failedStatus}
)

// Answer asks the backend for a decision and writes what it says, before the context of
// req ends. body is that of req; it is not used any more when Answer returns.
func (b Configured) Answer(w http.ResponseWriter, req *http.Request, body []byte) {
	body = bytes.Clone(body) // a backend may answer first, and be sent the rest later
	p, ok := b.parcel(w, req, body)
	if !ok {
		return
	}
	b.stats.decisions.Add(1)
	t := b.target
	a, why, err := b.decide(req.Context(), t, p)
	if err == nil {
		h := w.Header()
		h["Content-Type"] = a.header["Content-Type"] // nil keeps net/http from guessing
		if encoding := a.header["Content-Encoding"]; encoding != nil {
			h["Content-Encoding"] = encoding
		}
		h["Content-Length"] = []string{strconv.Itoa(len(a.body))}
		w.WriteHeader(a.status)
		w.Write(a.body) // the sender is gone if this fails: nobody to tell
		return
	}
	if why == canceled {
		// Most likely nobody reads it. But no answer at all would be a 200.
		respond(w, http.StatusBadGateway, tuilivekit.Fail(http.StatusBadGateway, "canceled"))
		return
	}
	b.stats.decisionFailures[why].Add(1)
	b.stats.failed(&b.stats.decisionLog, b.logger().WithField("reason", failureNames[why]).
		WithField("on_failure", t.OnFailure), err, "backend did not decide")
	switch {
	case t.OnFailure == Allow:
		respond(w, http.StatusOK, []byte(tuilivekit.OK))
	case t.OnFailure == Deny:
		respond(w, http.StatusOK, []byte(tuilivekit.Deny))
	case why == failedTimeout:
		respond(w, http.StatusGatewayTimeout, tuilivekit.Fail(http.StatusGatewayTimeout, "backend too slow"))
	default:
		respond(w, http.StatusBadGateway, tuilivekit.Fail(http.StatusBadGateway, "backend failed"))
	}
}

// Pack returns req, whose body is body, as it is to be delivered later. If ok is false it
// goes round in circles, and has its answer.
func (b *Backend) Pack(w http.ResponseWriter, req *http.Request, body []byte) (packed []byte, ok bool) {
	p, ok := b.parcel(w, req, body)
	if !ok {
		return nil, false
	}
	return p.pack(rand.Text()), true
}

// parcel returns req as it is passed on. If ok is false it has its answer.
func (b *Backend) parcel(w http.ResponseWriter, req *http.Request, body []byte) (p parcel, ok bool) {
	if p, ok = b.relay.newParcel(req, body); !ok {
		b.stats.loops.Add(1)
		respond(w, http.StatusMisdirectedRequest, tuilivekit.Fail(http.StatusMisdirectedRequest, "callback goes round in circles"))
	}
	return p, ok
}

func respond(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) // the sender is gone if this fails: nobody to tell
}

var (
	errBusy    = errors.New("too many callbacks wait for this backend already")
	errCircuit = errors.New("the circuit is open: it has failed too often in a row")
)

// decide asks the backend. It neither waits for a place nor tries again: Tencent does
// not wait long enough for that.
func (b *Backend) decide(ctx context.Context, t *target, p parcel) (a answer, why failure, err error) {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	default:
		return answer{}, failedBusy, errBusy
	}
	probe, ok := b.breaker.allow()
	if !ok {
		return answer{}, failedCircuit, errCircuit
	}
	deadline, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	a, why, err = b.exchange(deadline, t, p)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		b.breaker.forget(probe)
		return answer{}, canceled, err
	}
	if b.breaker.done(probe, err == nil) {
		log := b.logger()
		if err == nil {
			log.Info("backend decides again: circuit closed")
		} else {
			log.WithError(quiet(err)).Warn("backend failed too often in a row: circuit open, callbacks that ask for a decision are not passed on but to probe")
		}
	}
	return a, why, err
}

// answer is what a backend said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

var errTooLarge = errors.New("the answer is larger than 64 KiB")

// exchange passes p on and reads the answer, which is one that can be passed on.
func (b *Backend) exchange(ctx context.Context, t *target, p parcel) (answer, failure, error) {
	start := time.Now()
	defer func() { b.stats.decisionDuration.Observe(time.Since(start).Seconds()) }()
	resp, err := t.transport.RoundTrip(p.request(ctx, t.URL)) // and follows no redirect
	if err != nil {
		return answer{}, reasonOf(err, failedConnection), err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 599 {
		return answer{}, failedAnswer, fmt.Errorf("the status is %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return answer{}, reasonOf(err, failedAnswer), err
	}
	if len(body) > maxAnswer {
		return answer{}, failedAnswer, errTooLarge
	}
	return answer{resp.StatusCode, resp.Header, body}, 0, nil
}

func reasonOf(err error, otherwise failure) failure {
	var timeout interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return failedTimeout
	}
	return otherwise
}
