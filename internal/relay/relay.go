package relay

import (
	"context"
	"crypto/rand"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// Options are the parts that a Relay needs.
type Options struct {
	// Queues have the callbacks to deliver. A packed callback is recorded with its event, and
	// added to its queue when it is durable.
	Queues *queue.Queues
	// Log gets the failures of backends. It is required.
	Log logrus.FieldLogger
	// Registerer gets the metrics. Nil leaves them unregistered.
	Registerer prometheus.Registerer
}

// Relay has the backends of all applications. Its methods may be called from several
// goroutines.
type Relay struct {
	log     logrus.FieldLogger
	queues  *queue.Queues
	id      string                         // of this relay in viaHeader
	self    atomic.Pointer[netip.AddrPort] // the exporter's own webhook listener
	metrics *metrics

	mu       sync.Mutex // held by Prepare and apply
	backends atomic.Pointer[map[string]*Backend]

	changed  chan struct{} // has a value if backends has changed
	draining chan struct{} // closed by Drain
	drain    sync.Once
	stopped  chan struct{} // closed when Run has returned
}

// New returns a Relay without backends. It fails if its metrics are registered already.
func New(o Options) (*Relay, error) {
	r := &Relay{
		log: o.Log, queues: o.Queues, id: rand.Text(),
		changed: make(chan struct{}, 1), draining: make(chan struct{}), stopped: make(chan struct{}),
	}
	r.backends.Store(&map[string]*Backend{})
	r.metrics = newMetrics(r)
	if o.Registerer != nil {
		if err := o.Registerer.Register(r.metrics); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Configure makes list the configured backends. It is Prepare and apply in one call.
func (r *Relay) Configure(list []Settings) error {
	apply, err := r.Prepare(list)
	if err == nil {
		apply()
	}
	return err
}

// Prepare checks list and changes nothing. It fails with a CheckError if a target is an address
// that is never dialed. It blocks for name resolution, one second at most. apply makes list the
// configured backends and cannot fail. A backend that is reached in the same way as before keeps
// its connections, its circuits and its last failure. A backend with another URL or other
// credentials starts without these, and the queued callbacks are due at once. The queued
// callbacks of a removed backend stay in the queue until it is configured again.
func (r *Relay) Prepare(list []Settings) (apply func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.check(list); err != nil {
		return nil, err
	}
	return func() { r.apply(list) }, nil
}

func (r *Relay) apply(list []Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, next := *r.backends.Load(), make(map[string]*Backend, len(list))
	for _, s := range list {
		b := old[s.AppID]
		if b == nil {
			b = newBackend(r, s.AppID)
		}
		r.queues.Limit(s.AppID, s.MaxQueueRequests, s.MaxQueueBytes)
		b.configure(s)
		next[s.AppID] = b
	}
	r.backends.Store(&next)
	signal(r.changed)
	for id, b := range old {
		if next[id] == nil {
			b.current.Load().close()
		}
	}
}

// Run delivers queued callbacks until ctx ends or Drain has finished. It must be called once. It
// returns nil: a failed delivery is counted, logged and retried.
func (r *Relay) Run(ctx context.Context) error {
	defer close(r.stopped)
	type running struct {
		cancel context.CancelFunc
		done   chan struct{}
	}
	couriers := make(map[*Backend]running)
	defer func() {
		for _, c := range couriers {
			<-c.done
			c.cancel()
		}
	}()
	for {
		current := *r.backends.Load()
		for b, c := range couriers {
			if current[b.appID] != b {
				c.cancel()
				<-c.done // two couriers of one backend would change the order
				delete(couriers, b)
			}
		}
		for id, b := range current {
			if _, ok := couriers[b]; ok {
				continue
			}
			ctx, cancel := context.WithCancel(ctx)
			c := running{cancel, make(chan struct{})}
			couriers[b] = c
			go func() {
				defer close(c.done)
				newCourier(b, r.queues.Waiting(id)).run(ctx)
			}()
		}
		select {
		case <-r.changed:
		case <-r.draining:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// Drain makes Run return when each queued callback that was not tried yet has been tried once.
// It returns when Run has returned, or when ctx ends.
func (r *Relay) Drain(ctx context.Context) {
	r.drain.Do(func() { close(r.draining) })
	select {
	case <-r.stopped:
	case <-ctx.Done():
	}
}

// Backend returns the backend of an application, nil if it has none.
func (r *Relay) Backend(appID string) *Backend { return (*r.backends.Load())[appID] }

// SetSelf sets the address of the exporter's own webhook listener, which is never dialed. It
// fails with a CheckError if a backend has this address.
func (r *Relay) SetSelf(addr netip.AddrPort) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.self.Store(&addr)
	var list []Settings
	for _, b := range *r.backends.Load() {
		list = append(list, b.current.Load().Settings)
	}
	return r.check(list)
}
