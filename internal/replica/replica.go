package replica

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Known has the records of this replica. *state.Store implements it.
type Known interface {
	// AppendNewest appends the newest event of each configured application to list.
	AppendNewest(list []state.Newest) []state.Newest
	// Rooms returns the registers of the rooms of an application that have changed since a
	// time, Unix milliseconds, and some more; all of them if that is 0.
	Rooms(appID string, since int64) []state.RoomRecord
}

// Learner takes news. *storage.Storage and storage.Memory implement it.
type Learner interface {
	// Learn merges the news that are newer than the known records, and returns their numbers. It
	// returns when the news are visible, and durable if the storage can be written. The error is
	// that of ctx.
	Learn(ctx context.Context, events []state.News, rooms []state.RoomNews) (newEvents, newRooms int, err error)
}

// Options are the settings of Replicas. All are required except Registerer.
type Options struct {
	Known   Known
	Learner Learner
	// Tolerance is how far the time of a record may lie ahead of the clock of this replica.
	Tolerance  time.Duration
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer
}

// Replicas exchanges records with other replicas. All methods may be called from several
// goroutines.
type Replicas struct {
	o       Options
	id      string
	born    int64 // time of the start, after the stored records were restored, Unix milliseconds
	metrics *metrics

	mu       sync.Mutex
	settings *Settings     // nil: no engine
	changed  chan struct{} // closed by the next Configure
	health   Health

	client atomic.Pointer[engine] // nil while there is none
}

// New returns Replicas without an engine. It fails if a metric is registered already.
func New(o Options) (*Replicas, error) {
	redis.SetLogger(libraryLog{o.Log})
	r := &Replicas{o: o, id: newID(), born: time.Now().UnixMilli() + 1, changed: make(chan struct{})}
	r.metrics = newMetrics(r)
	if o.Registerer != nil {
		if err := o.Registerer.Register(r.metrics); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// newID returns a unique name for this process, with the name of the host for people.
func newID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return host + "-" + hex.EncodeToString(b[:])
}

// ID returns the name of this replica: the name of the host and a random part that changes at each
// start.
func (r *Replicas) ID() string { return r.id }

// Configure makes s the engine, nil for none. All connections are closed and opened again. It does
// not block.
func (r *Replicas) Configure(s *Settings) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s == nil || r.settings == nil || s.String() != r.settings.String() {
		r.health = Health{}
	}
	r.settings = s
	if s != nil {
		r.health.Configured, r.health.Engine = true, s.String()
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// Run exchanges records until ctx ends. Then it offers the last changes, within a second, and
// returns nil.
func (r *Replicas) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		s, changed := r.settings, r.changed
		r.mu.Unlock()
		if s == nil {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		r.exchange(ctx, *s, changed)
	}
	return nil
}

const (
	offerInterval = 500 * time.Millisecond // between two looks for changes of this replica
	readEvery     = 2                      // every second look also reads the engine
	// reconnectAfter is the number of rounds without an answer after which a new client is made.
	reconnectAfter = 10
)

// exchange exchanges records with the engine s until ctx ends or changed is closed.
func (r *Replicas) exchange(ctx context.Context, s Settings, changed <-chan struct{}) {
	e := &engine{s.connect(0), keysOf(s.Prefix)}
	defer func() { e.Close() }()
	r.client.Store(e)
	defer r.client.Store(nil)
	l := newLink(r, e)
	attempt := 0
	ticker := time.NewTicker(offerInterval)
	defer ticker.Stop()
	for n := 0; ; n++ {
		l.round(ctx, n%readEvery == 0)
		if l.silent >= reconnectAfter {
			attempt++
			e.Close()
			e = &engine{s.connect(attempt), e.keys}
			r.client.Store(e)
			l.engine, l.silent = e, 0
		}
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*ioTimeout)
			defer cancel()
			l.leave(last)
			return
		case <-changed:
			return
		case <-ticker.C:
		}
	}
}

// Lease reports whether this replica may recount an application for the time d. If it may, the
// other replicas may not. Without an engine, or if the engine cannot be used, all replicas may: two
// recounts do no harm. It blocks for a second at most.
func (r *Replicas) Lease(ctx context.Context, appID string, d time.Duration) bool {
	e := r.client.Load()
	if e == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 2*ioTimeout)
	defer cancel()
	key := e.keys.reconcile(appID)
	err := e.SetArgs(ctx, key, r.id, redis.SetArgs{Mode: "NX", TTL: d}).Err()
	if err == nil || !errors.Is(err, redis.Nil) {
		return true
	}
	owner, err := e.Get(ctx, key).Result()
	if err == nil && owner != r.id {
		return false
	}
	_ = e.PExpire(ctx, key, d).Err() // a lost lease costs one recount
	return true
}
