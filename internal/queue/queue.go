// Package queue holds the requests that are queued for the applications' own backends,
// one bounded queue for each application.
//
// The package does no I/O. It does not know what a request contains, who delivers it, or
// whether a copy of the queues is on disk: whoever keeps a copy is told of each removal
// (TrackRemovals, TakeRemoved).
package queue

import "sync"

// Request is a callback that is queued for its application's own backend.
type Request struct {
	AppID string
	// Seq orders the requests of an application. Number assigns it; it is never 0 then,
	// and never used twice.
	Seq uint64
	// Lane is the same for requests whose order must be kept.
	Lane uint64
	// Received is the time of receipt in Unix milliseconds.
	Received int64
	// Data is the callback in the encoding of whoever delivers it. It is never changed.
	Data []byte
}

// Key identifies a Request.
type Key struct {
	AppID string
	Seq   uint64
}

// Key returns the key of r.
func (r Request) Key() Key { return Key{r.AppID, r.Seq} }

// Size describes the queue of one application.
type Size struct {
	Requests int
	Bytes    int64 // of their Data
	Oldest   int64 // receipt of the oldest in Unix milliseconds, 0 if the queue is empty
	Dropped  uint64
}

// Queues are the queues of all applications. All methods may be called from several
// goroutines; none blocks.
type Queues struct {
	mu      sync.Mutex
	apps    map[string]*queue
	last    uint64        // the newest Seq
	removed []Key         // since the last TakeRemoved
	removal chan struct{} // nil until TrackRemovals
}

// queue is the queue of one application.
type queue struct {
	list        []Request // oldest first
	bytes       int64
	maxRequests int
	maxBytes    int64
	dropped     uint64
	wake        chan struct{} // has a value when a request was added
}

// New returns empty Queues without limits.
func New() *Queues { return &Queues{apps: make(map[string]*queue)} }

// of returns the queue of an application, a new one if there is none. The caller holds mu.
func (q *Queues) of(appID string) *queue {
	one := q.apps[appID]
	if one == nil {
		one = &queue{wake: make(chan struct{}, 1)}
		q.apps[appID] = one
	}
	return one
}

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
		one.list = append(one.list, r)
		one.bytes += int64(len(r.Data))
		q.last = max(q.last, r.Seq)
		q.trim(one)
		signal(one.wake)
	}
}

func (q *Queues) trim(one *queue) {
	for len(one.list) > 0 && (one.maxRequests > 0 && len(one.list) > one.maxRequests || one.maxBytes > 0 && one.bytes > one.maxBytes) {
		one.dropped++
		q.removeFirst(one)
	}
}

// removeFirst needs no compaction: the next append that finds no room copies only the
// requests that are left.
func (q *Queues) removeFirst(one *queue) {
	r := &one.list[0]
	if q.removal != nil {
		q.removed = append(q.removed, r.Key())
		signal(q.removal)
	}
	one.bytes -= int64(len(r.Data))
	*r = Request{} // or its Data stays in memory for as long as the array does
	if one.list = one.list[1:]; len(one.list) == 0 {
		one.list = nil
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

// First returns the oldest request of an application. ok is false if the queue is empty.
func (q *Queues) First(appID string) (r Request, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	if len(one.list) == 0 {
		return Request{}, false
	}
	return one.list[0], true
}

// Remove removes r if it is still the oldest of its application, and reports whether it
// was: it may have been dropped.
func (q *Queues) Remove(r Request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(r.AppID)
	if len(one.list) == 0 || one.list[0].Seq != r.Seq {
		return false
	}
	q.removeFirst(one)
	return true
}

// Waiting returns a channel that has a value if requests were added to the queue of an
// application since the channel was last read. It is for one reader.
func (q *Queues) Waiting(appID string) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.of(appID).wake
}

// Size describes the queue of an application.
func (q *Queues) Size(appID string) Size {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.apps[appID]
	if one == nil {
		return Size{}
	}
	size := Size{Requests: len(one.list), Bytes: one.bytes, Dropped: one.dropped}
	if size.Requests > 0 {
		size.Oldest = one.list[0].Received
	}
	return size
}

// All returns all queued requests; those of an application are in their order. The caller
// owns the slice.
func (q *Queues) All() (list []Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range q.apps {
		list = append(list, one.list...)
	}
	return list
}

// TrackRemovals makes q remember the keys of the requests that are removed or dropped
// from now on, for TakeRemoved. The channel has a value if a request was removed since
// the channel was last read; it is for one reader, who keeps a copy of the queues.
func (q *Queues) TrackRemovals() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.removal == nil {
		q.removal = make(chan struct{}, 1)
	}
	return q.removal
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

// HasRemoved reports whether TakeRemoved would return any keys.
func (q *Queues) HasRemoved() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.removed) > 0
}
