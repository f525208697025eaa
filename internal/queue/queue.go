// Package queue holds the requests that are queued for the applications' own backends,
// one bounded queue for each application.
//
// The requests of a queue are in lanes: those of a lane are handed out one after the other,
// in their order; those of different lanes at the same time. A lane exists only while it
// has requests.
//
// The package does no I/O. It does not know what a request contains, who delivers it, or
// whether a copy of the queues is on disk: whoever keeps a copy is told of each change
// (TrackRemovals, TakeRemoved, TakeMoved).
package queue

import "sync"

// Request is a callback that is queued for its application's own backend.
type Request struct {
	AppID string
	// Seq orders the requests of an application. Number assigns it; it is never 0 then,
	// and never used twice.
	Seq uint64
	// Lane is the same for requests whose order must be kept. NoLane is for a request that
	// was set aside: it is alone.
	Lane uint64
	// Received is the time of receipt in Unix milliseconds.
	Received int64
	// Data is the callback in the encoding of whoever delivers it. It is never changed.
	Data []byte
}

// NoLane is the Lane of a request that was set aside.
const NoLane = 0

// Key identifies a Request.
type Key struct {
	AppID string
	Seq   uint64
}

// Key returns the key of r.
func (r Request) Key() Key { return Key{r.AppID, r.Seq} }

// Size describes the queue of one application.
type Size struct {
	Requests int   // with those that are taken and those that are set aside
	Bytes    int64 // of their Data
	Lanes    int   // that have requests
	Taken    int
	SetAside int
	// Oldest is the receipt of the oldest that is not set aside in Unix milliseconds, 0 if
	// there is none.
	Oldest int64
	// Dropped counts the requests that a full queue has dropped.
	Dropped uint64
}

// Queues are the queues of all applications. All methods may be called from several
// goroutines; none blocks.
type Queues struct {
	mu      sync.Mutex
	apps    map[string]*queue
	last    uint64        // the newest Seq
	removed []Key         // since the last TakeRemoved
	moved   []Request     // since the last TakeMoved
	changes chan struct{} // nil until TrackRemovals
}

// New returns empty Queues without limits.
func New() *Queues { return &Queues{apps: make(map[string]*queue)} }

// Number returns r with the next Seq. It does not add r: a request is stored on disk
// under its Seq before it may be delivered.
func (q *Queues) Number(r Request) Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	r.Seq = q.last
	return r
}

// Add adds numbered requests, in this order, behind those that are queued. If a queue is
// longer than its limit then, its oldest requests are dropped.
func (q *Queues) Add(list ...Request) {
	if len(list) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range list {
		one := q.of(r.AppID)
		one.add(r)
		q.last = max(q.last, r.Seq)
		q.trim(one)
		signal(one.wake)
	}
}

// of returns the queue of an application, a new one if there is none. The caller holds mu.
func (q *Queues) of(appID string) *queue {
	one := q.apps[appID]
	if one == nil {
		one = newQueue()
		q.apps[appID] = one
	}
	return one
}

// trim drops the oldest requests of a queue that is too long. A request that is taken may
// be delivered already, so that it goes last.
func (q *Queues) trim(one *queue) {
	for one.tooLong() {
		it := one.oldest(notTaken)
		if it == nil || it == one.last && it != one.first {
			it = one.first // all others are taken: the newest stays
		}
		one.dropped++
		q.remove(one, it)
	}
}

// remove removes an item from its queue, and remembers that.
func (q *Queues) remove(one *queue, it *Item) {
	one.remove(it)
	if q.changes != nil {
		q.removed = append(q.removed, it.Key())
		signal(q.changes)
	}
}

// signal puts a value into ch unless it has one.
func signal(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Limit sets how much the queue of an application may hold; 0 means no limit. If it
// holds more, its oldest requests are dropped.
func (q *Queues) Limit(appID string, requests int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	one.maxRequests, one.maxBytes = requests, bytes
	q.trim(one)
}

// Waiting returns a channel that has a value if requests were added to the queue of an
// application since the channel was last read. It is for one reader.
func (q *Queues) Waiting(appID string) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.of(appID).wake
}

// Dropped returns how many requests of an application a full queue has dropped.
func (q *Queues) Dropped(appID string) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.of(appID).dropped
}

// Size describes the queue of an application.
func (q *Queues) Size(appID string) Size {
	q.mu.Lock()
	defer q.mu.Unlock()
	if one := q.apps[appID]; one != nil {
		return one.size()
	}
	return Size{}
}

// All returns all queued requests; those of an application are in their order. The caller
// owns the slice.
func (q *Queues) All() (list []Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range q.apps {
		for it := one.first; it != nil; it = it.next {
			list = append(list, it.Request)
		}
	}
	return list
}

// TrackRemovals makes q remember which requests are removed, dropped or set aside from now
// on, for TakeRemoved and TakeMoved. The channel has a value if that happened since the
// channel was last read; it is for one reader, who keeps a copy of the queues.
func (q *Queues) TrackRemovals() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changes == nil {
		q.changes = make(chan struct{}, 1)
	}
	return q.changes
}

// TakeRemoved returns the keys of the requests that were removed since the last call.
// The caller owns the slice.
func (q *Queues) TakeRemoved() []Key {
	q.mu.Lock()
	defer q.mu.Unlock()
	removed := q.removed
	q.removed = nil
	return removed
}

// TakeMoved returns the requests that were set aside since the last call, with the Lane
// that they have now. One that was removed since is among those of TakeRemoved. The caller
// owns the slice.
func (q *Queues) TakeMoved() []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	moved := q.moved
	q.moved = nil
	return moved
}

// HasRemoved reports whether TakeRemoved or TakeMoved would return any.
func (q *Queues) HasRemoved() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.removed)+len(q.moved) > 0
}
