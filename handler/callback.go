// Package handler is the webhook: it accepts the callbacks that Tencent Cloud
// TUILiveKit sends.
//
// A Callback decides who sent a request, what it says and how to answer it, and
// counts its own work. What an event does to the counts of rooms is decided by the
// state that it records into; package collector makes metrics of that. The package knows
// neither files nor the pages for people: its Report is plain values.
//
// Another program can mount a Callback in a server of its own: see the examples.
package handler

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/gate"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The defaults of Options.
const (
	DefaultMaxBodyBytes    = 256 << 10
	DefaultSignatureWindow = 60 * time.Second
	DefaultBodyTimeout     = time.Second
	DefaultFutureTolerance = time.Minute
)

// Options are the settings of a Callback. Only Apps is required.
type Options struct {
	// Apps are the applications whose callbacks are accepted; see Prepare.
	Apps []App
	// Store is where events are recorded. Nil makes a new one, in memory, with
	// DefaultFutureTolerance; it keeps no requests for Backends.
	Store Store
	// Registerer gets the metrics of the Callback itself. Nil leaves them unexposed.
	Registerer prometheus.Registerer
	// Log gets what an operator should know. It never gets tokens, bodies, or users.
	// Nil discards it.
	Log logrus.FieldLogger
	// MaxBodyBytes is the maximum size of a body, by default DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// BodyTimeout is the maximum time for a body to arrive, by default DefaultBodyTimeout.
	// Tencent waits two seconds for the answer.
	BodyTimeout time.Duration
	// SignatureWindow is the maximum difference between the RequestTime of a signed request
	// and our clock, either way, by default DefaultSignatureWindow. Only whole seconds
	// count.
	SignatureWindow time.Duration
	// Limits bound what senders can take of the process.
	Limits Limits
}

// Callback answers the webhooks of the configured applications. It is an
// http.Handler; all its methods may be called from several goroutines.
type Callback struct {
	store       Store
	log         logrus.FieldLogger
	maxBody     int64
	bodyTimeout time.Duration
	window      int64 // seconds

	apps      atomic.Pointer[apps]
	configure sync.Mutex // held by apply
	metrics   *metrics
	refusals  []*refusals // by the index of their reason

	gate      *gate.Gate
	maxInWork int64
	inWork    atomic.Int64
}

// New returns a Callback. It fails when Apps break a rule of Prepare or when a
// metric is registered already.
func New(o Options) (*Callback, error) { return newCallback(o, table) }

func newCallback(o Options, table reasons) (*Callback, error) {
	c := &Callback{
		metrics:     newMetrics(table),
		refusals:    newRefusals(table),
		store:       o.Store,
		log:         o.Log,
		maxBody:     o.MaxBodyBytes,
		bodyTimeout: o.BodyTimeout,
		window:      int64(o.SignatureWindow / time.Second),
	}
	if c.store == nil {
		c.store = newMemory()
	}
	if c.log == nil {
		discard := logrus.New()
		discard.SetOutput(io.Discard)
		c.log = discard
	}
	if c.maxBody == 0 {
		c.maxBody = DefaultMaxBodyBytes
	}
	if c.bodyTimeout == 0 {
		c.bodyTimeout = DefaultBodyTimeout
	}
	if o.SignatureWindow == 0 {
		c.window = int64(DefaultSignatureWindow / time.Second)
	}
	c.apps.Store(&apps{})
	if err := c.Configure(o.Apps); err != nil {
		return nil, err
	}
	c.limit(o.Limits)
	if o.Registerer != nil {
		for _, metrics := range []prometheus.Collector{c.metrics, appMetrics{&c.apps}} {
			if err := o.Registerer.Register(metrics); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// Snapshot returns the configured applications with the counts of their rooms,
// ordered by ID. The caller owns the slice. It makes a Callback a source of package
// collector.
func (c *Callback) Snapshot() []Counted { return c.store.Snapshot() }

// ServeHTTP answers one callback. An answer of status 200 means that the event is
// recorded, or deliberately ignored; 4xx that the sender is wrong; 5xx that we are. The body is in Tencent's format in every case.
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c.metrics.inFlight.Inc()
	defer func() {
		if p := recover(); p != nil {
			c.metrics.panics.Inc()
			c.log.WithField("panic", panicText(p)).Error("panic while answering a callback")
			c.refuse(w, r, refuse(reasonInternal)).write(w)
		}
		c.metrics.inFlight.Dec()
		c.metrics.duration.Observe(time.Since(start).Seconds())
	}()
	a, err := c.serve(w, r, start)
	if err != nil {
		a = c.refuse(w, r, err)
	}
	a.write(w)
}

// serve returns the answer to r. The order of the checks is that of their cost: nothing
// of a stranger's body is read.
func (c *Callback) serve(w http.ResponseWriter, r *http.Request, now time.Time) (Answer, error) {
	if r.Method != http.MethodPost {
		return Answer{}, refuse(reasonMethod)
	}
	if err := c.checkSource(r); err != nil {
		return Answer{}, err
	}
	query, err := tuilivekit.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Answer{}, refuse(reasonQuery)
	}
	app, err := c.authenticate(query, now)
	if err != nil {
		return Answer{}, err
	}
	c.gate.Accept(r)
	if query.Command == tuilivekit.SelfTest {
		app.stats.selfTested.Store(now.UnixMilli())
		return selfTestAnswer, nil // it says nothing of rooms, and is not for the backend
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	decision, err := c.take(w, r, app, query, buf, now)
	if err != nil || !decision {
		return okAnswer, err
	}
	ctx, cancel := context.WithDeadline(r.Context(), now.Add(decisionTime))
	defer cancel()
	a, err := app.backend.Decide(ctx, r, buf.Bytes())
	if err != nil {
		return Answer{}, refuseLoop(err, app)
	}
	return a.ofBackend(), nil
}

// take reads and records a callback, with a place among those in work. If it reports a
// decision the callback is read and counted, and the backend has to decide the answer: a
// backend has places of its own, so a slow one takes none from other applications.
func (c *Callback) take(w http.ResponseWriter, r *http.Request, app *app, query tuilivekit.Query, buf *bytes.Buffer, now time.Time) (decision bool, err error) {
	if err := c.enter(); err != nil {
		return false, err
	}
	defer c.leave()
	if err := c.readBody(w, r, buf, now); err != nil {
		return false, err
	}
	cb, err := tuilivekit.Decode(buf.Bytes(), query.Command)
	if err != nil {
		return false, refuseBody(err)
	}
	var packed Packed
	if app.backend != nil {
		if tuilivekit.IsDecision(cb.Name) {
			c.count(app, query, cb, now.UnixMilli())
			return true, nil
		}
		if packed, err = app.backend.Pack(r, buf.Bytes()); err != nil {
			return false, refuseLoop(err, app)
		}
	}
	return false, c.record(app, query, cb, packed, now.Add(answerTime))
}

// Tencent waits two seconds. Within answerTime an event is recorded or refused, within
// decisionTime a backend has decided or failed.
const (
	answerTime   = 1500 * time.Millisecond
	decisionTime = 1900 * time.Millisecond
)

// count counts a callback, whatever it says. received is Unix milliseconds.
func (c *Callback) count(app *app, query tuilivekit.Query, cb tuilivekit.Callback, received int64) {
	stats := app.stats
	stats.last[cb.Command].Store(received) // before its count: who sees that sees this
	stats.commands[cb.Command].Add(1)
	if query.Command != "" && query.Command != cb.Name {
		stats.oddities[commandMismatch].Add(1)
	}
	if app.backend == nil && tuilivekit.IsDecision(cb.Name) && !stats.warnedBefore.Swap(true) {
		c.log.WithField("sdk_app_id", app.id).WithField("command", cb.Command.String()).
			Warn("callback asks for a decision and is always answered OK: remove it from the callback's command list, or give the application a relay")
	}
	if c.debug() {
		c.log.WithField("sdk_app_id", app.id).WithField("command", cb.Command.String()).Debug("callback accepted")
	}
}

// record counts a callback and records its event and its request for the backend. An
// event that could not be made durable is counted all the same: it is in memory.
func (c *Callback) record(app *app, query tuilivekit.Query, cb tuilivekit.Callback, packed Packed, deadline time.Time) error {
	received := time.Now().UnixMilli()
	c.count(app, query, cb, received)
	stats := app.stats
	var err error
	e := eventOf(app, cb, received)
	if e.Kind != Nothing || packed.Data != nil {
		var outcome Outcome
		outcome, err = c.store.Record(e, Request{AppID: app.id, Lane: packed.Lane, Received: received, Data: packed.Data}, deadline)
		switch {
		case errors.Is(err, ErrOverloaded):
			return &refusal{reason: reasonOverload, err: err, read: true}
		case err != nil:
			err = &refusal{reason: reasonStorage, err: err, read: true}
		}
		stats.noteEvent(e, outcome, err)
		if outcome.Verdict == Duplicate {
			stats.discarded[duplicate].Add(1)
			return err
		}
		if e.Kind != Nothing {
			stats.count(cb, outcome)
		}
		stats.observeDuration(e, outcome)
	}
	if cb.Command == tuilivekit.RateAlarm {
		stats.rateAlarms[tuilivekit.RESTCommandOf(cb.Cause)].Add(1)
	}
	if cb.EventTime != 0 {
		c.metrics.delay.Observe(max(0, float64(received-cb.EventTime)/1000))
	}
	return err
}

// debug reports whether debug lines are wanted. logrus makes an entry before it
// asks, which costs more than a callback.
func (c *Callback) debug() bool {
	switch log := c.log.(type) {
	case *logrus.Logger:
		return log.IsLevelEnabled(logrus.DebugLevel)
	case *logrus.Entry:
		return log.Logger.IsLevelEnabled(logrus.DebugLevel)
	}
	return true
}
