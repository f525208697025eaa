// Package reconcile recounts the open rooms of applications with Tencent's server API, and
// corrects what callbacks have said: it opens rooms that are on Tencent's list and were not
// known, and closes known rooms that do not exist any more.
//
// A recount only brings news, with the time at which it was true; what is newer wins, so a
// callback that comes while the list is read is never overruled. The package does not know how
// news is kept, and moves no counter.
package reconcile

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// API is the part of the server API that the package uses. *restapi.Client implements it.
type API interface {
	Rooms(ctx context.Context, next string) (restapi.RoomPage, error)
	Room(ctx context.Context, id string) (restapi.Room, error)
	Clock() (restapi.Clock, bool)
	Close()
}

// Rooms are the known rooms of applications. *state.Store implements it.
type Rooms interface {
	// OpenRooms returns the open rooms of an application with the time of the newest event of
	// each, in Unix milliseconds. The caller owns the map.
	OpenRooms(appID string) map[state.Room]int64
	// LearnRooms applies news, each only if it is newer than what is known of its room, and
	// returns how many rooms are open now that were not, and the other way round. The news need
	// not be durable: after a restart the next recount brings it again.
	LearnRooms(appID string, news []state.RoomNews) (opened, closed int)
	// Recounted notes that the rooms of an application were recounted at a time, in Unix
	// milliseconds.
	Recounted(appID string, at int64)
}

// App is an application to recount.
type App struct {
	ID string
	// API calls the server API for this application.
	API API
	// Interval is the time from the start of one recount to the start of the next one.
	Interval time.Duration
	// Rate is the maximum number of calls per second.
	Rate float64
}

// Options are the settings of a Reconciler. All are required except Lease and Registerer.
type Options struct {
	Rooms Rooms
	// Lease reports whether this process may recount an application now. interval is the time
	// between two recounts. Lease is called before each recount and may block for a second. If it
	// is nil, this process recounts all applications.
	Lease      func(ctx context.Context, appID string, interval time.Duration) bool
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer
}

// Reconciler recounts the rooms of applications, each at its own times and rate.
type Reconciler struct {
	rooms   Rooms
	lease   func(ctx context.Context, appID string, interval time.Duration) bool
	log     logrus.FieldLogger
	metrics *metrics
	byID    atomic.Pointer[map[string]*counter]

	mu      sync.Mutex
	apps    []*counter
	changed chan struct{} // closed by the next Configure
}

// New returns a Reconciler without applications. It fails if a metric is registered already.
func New(o Options) (*Reconciler, error) {
	r := &Reconciler{rooms: o.Rooms, lease: o.Lease, log: o.Log, metrics: newMetrics(), changed: make(chan struct{})}
	r.byID.Store(&map[string]*counter{})
	if o.Registerer != nil {
		if err := o.Registerer.Register(r.metrics); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Configure replaces the applications. A recount in progress begins again; recounts that have
// stopped are tried again. It does not block.
func (r *Reconciler) Configure(apps []App) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, byID := *r.byID.Load(), make(map[string]*counter, len(apps))
	r.apps = nil
	for _, app := range apps {
		c := newCounter(app, r, before[app.ID])
		r.apps = append(r.apps, c)
		byID[app.ID] = c
	}
	r.byID.Store(&byID)
	r.metrics.configure(r.apps)
	close(r.changed)
	r.changed = make(chan struct{})
}

// Heard keeps a copy of the RoomId of a callback. Only a room whose id is known can be asked about;
// state knows rooms by their hash. If the application is not recounted, Heard does nothing.
func (r *Reconciler) Heard(appID string, roomID []byte) {
	if c := (*r.byID.Load())[appID]; c != nil && len(roomID) > 0 {
		id := string(roomID)
		c.ids.add(state.RoomOf(appID, id), id)
	}
}

// Run recounts until ctx ends. It returns nil.
func (r *Reconciler) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		apps, changed := r.apps, r.changed
		r.mu.Unlock()
		running, cancel := context.WithCancel(ctx)
		var counters sync.WaitGroup
		for _, c := range apps {
			counters.Go(func() { c.run(running) })
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
		cancel()
		counters.Wait()
		for _, c := range apps {
			c.app.API.Close()
		}
	}
	return nil
}

// run recounts one application until ctx ends, or until Tencent refuses with a permanent error.
func (c *counter) run(ctx context.Context) {
	for {
		// Replicas and applications that start together must not call together.
		due := time.UnixMilli(c.due.Load())
		if !sleep(ctx, max(time.Until(due), 0)+rand.N(c.app.Interval/20+1)) {
			return
		}
		start := time.Now()
		elsewhere := c.lease != nil && !c.lease(ctx, c.app.ID, c.app.Interval)
		c.metrics.elsewhere.Store(elsewhere)
		if elsewhere {
			c.due.Store(start.Add(c.app.Interval).UnixMilli())
			continue // another replica recounts the application, and shares the result
		}
		err := c.recount(ctx)
		if ctx.Err() != nil {
			return // neither a success nor a failure: the recount stays due
		}
		c.due.Store(start.Add(c.app.Interval).UnixMilli())
		c.metrics.done(time.Since(start), err)
		log := c.log.WithField("sdk_app_id", c.app.ID).WithField("duration", time.Since(start).Round(time.Millisecond).String())
		switch advice := restapi.AdviceOf(err); {
		case err == nil:
			log.WithField("listed", c.listed).Debug("rooms recounted")
			c.pace.recover()
		case answered(err) && advice.Retry == restapi.Never:
			c.metrics.stopped.Store(true)
			log.WithError(err).WithField("do", advice.Do).Error("recounts stopped until the configuration is reloaded")
			return
		default:
			log.WithError(err).WithField("do", advice.Do).Warn("rooms not recounted")
		}
	}
}

// answered reports whether err is an answer of Tencent itself. An error of a gateway or of a
// connection may be temporary.
func answered(err error) bool {
	var e *restapi.Error
	return errors.As(err, &e)
}
