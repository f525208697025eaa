// Package handler is the webhook: it accepts the callbacks of Tencent Cloud TUILiveKit.
//
// A Callback authenticates a request, decodes it, records its event in a Store, answers it,
// and counts its own work. The Store decides what an event changes in the counts of rooms.
// Package collector makes metrics of these counts. Package handler reads no files and writes
// no pages: its Report consists of plain values.
//
// Another program can use a Callback in a server of its own: see the examples.
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
	// Apps are the applications whose callbacks are accepted. See Prepare.
	Apps []App
	// Store records the events. Nil means a new Store in memory, with
	// DefaultFutureTolerance, which keeps no requests for Backends.
	Store Store
	// Registerer gets the metrics of the Callback itself. If it is nil, they are not exposed.
	Registerer prometheus.Registerer
	// Log gets the messages for the operator. They never contain tokens, bodies or users. If
	// it is nil, they are discarded.
	Log logrus.FieldLogger
	// MaxBodyBytes is the maximum size of a body. Default: DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// BodyTimeout is the maximum time in which a body must arrive. Default:
	// DefaultBodyTimeout. Tencent waits two seconds for the answer.
	BodyTimeout time.Duration
	// SignatureWindow is the maximum difference, in either direction, between the RequestTime
	// of a signed request and our clock. Fractions of a second are ignored. Default:
	// DefaultSignatureWindow.
	SignatureWindow time.Duration
	// Limits limit what senders can use of the process.
	Limits Limits
}

// Callback answers the callbacks of the configured applications. It is an http.Handler. All
// its methods may be called from several goroutines.
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

// New returns a Callback. It fails if Apps break a rule of Prepare, or if one of its metrics is
// already registered.
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

// ServeHTTP answers one callback. Status 200 means that the event is recorded, or that there is
// nothing to record. Status 4xx means a fault of the request, and 5xx a fault of the exporter
// or of a backend. The body of the answer always has Tencent's format.
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

// serve returns the answer to r. Cheap checks come first. The body of a request is read only
// after its signature was checked.
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
		return selfTestAnswer, nil // it has no event, and is not for the backend
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

// take reads and records a callback, as one of the callbacks in progress. If decision is true,
// the callback was read and counted, and the backend must decide the answer. That happens
// outside of take, because a backend has a limit of its own: a slow backend must not use up
// the limit of all applications.
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
	return false, c.record(app, query, cb, packed, now)
}

// Tencent waits two seconds. An event is recorded or refused within answerTime. A backend
// decides, or has failed, within decisionTime.
const (
	answerTime   = 1500 * time.Millisecond
	decisionTime = 1900 * time.Millisecond
)

// count counts a callback of any command. received is Unix milliseconds.
func (c *Callback) count(app *app, query tuilivekit.Query, cb tuilivekit.Callback, received int64) {
	stats := app.stats
	stats.commands[cb.Command].last.Store(received) // first: a reader of the total needs it
	stats.commands[cb.Command].total.Add(1)
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

// record counts a callback, and records its event and its request for the backend. now is the
// time of its receipt. An event that could not be made durable is counted, too, because it is in
// memory.
func (c *Callback) record(app *app, query tuilivekit.Query, cb tuilivekit.Callback, packed Packed, now time.Time) error {
	received := now.UnixMilli()
	c.count(app, query, cb, received)
	stats := app.stats
	var err error
	e := eventOf(app, cb, received)
	if e.Kind != Nothing || packed.Data != nil {
		var outcome Outcome
		outcome, err = c.store.Record(e, Request{AppID: app.id, Lane: packed.Lane, Received: received, Data: packed.Data}, now.Add(answerTime))
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

// debug reports whether debug messages are logged. It is called before logrus makes an entry,
// which takes longer than a callback.
func (c *Callback) debug() bool {
	switch log := c.log.(type) {
	case *logrus.Logger:
		return log.IsLevelEnabled(logrus.DebugLevel)
	case *logrus.Entry:
		return log.Logger.IsLevelEnabled(logrus.DebugLevel)
	}
	return true
}
