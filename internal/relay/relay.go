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
	// Queues have the callbacks to deliver: what a Backend has packed is recorded with its
	// event, and is queued when that is durable.
	Queues     *queue.Queues
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer
}

// Relay has the backends of all applications. Its methods may be called from several
// goroutines.
type Relay struct {
	log     logrus.FieldLogger
	queues  *queue.Queues
	id      string                         // in the header that cuts loops
	self    atomic.Pointer[netip.AddrPort] // our own webhook listener
	metrics *metrics

	mu       sync.Mutex // held by Prepare and apply
	backends atomic.Pointer[map[string]*Backend]

	changed  chan struct{} // has one when the backends are others
	draining chan struct{} // closed by Drain
	drain    sync.Once
	stopped  chan struct{} // closed when Run has returned
}

// New returns a Relay without backends. It fails when a metric is registered already.
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

// Configure makes list the backends, at once; see Prepare.
func (r *Relay) Configure(list []Settings) error {
	apply, err := r.Prepare(list)
	if err == nil {
		apply()
	}
	return err
}

// Prepare checks list and changes nothing. It fails when the target of one is an address
// that is never dialed (see CheckError). The function that it returns makes list the
// backends, at once, and cannot fail. What is known of a backend stays for as long as it is
// reached in the same way. One that has another URL or other credentials begins anew, and
// gets the queued callbacks at once. Those of a backend that is gone wait for its return.
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

// Run delivers queued callbacks until ctx ends, or until a Drain is over. It is called once
// and returns nil: a delivery that fails is counted, logged and tried again.
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
				<-c.done // two would mix up the order
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

// Drain ends Run once all queued callbacks are delivered, as far as the backends take them
// at the first try. It returns when Run has, or when ctx ends.
func (r *Relay) Drain(ctx context.Context) {
	r.drain.Do(func() { close(r.draining) })
	select {
	case <-r.stopped:
	case <-ctx.Done():
	}
}

// Backend returns that of an application, nil if it has none.
func (r *Relay) Backend(appID string) *Backend { return (*r.backends.Load())[appID] }

// SetSelf says where our own webhook listener is. It fails when a backend is there.
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
