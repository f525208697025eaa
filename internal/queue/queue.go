// Package queue has a bounded queue of requests for the backend of each application.
//
// A queue has lanes. Take hands out the requests of one lane one at a time, in their order, and
// the requests of different lanes at the same time. A lane exists only while it has requests.
//
// The package does no I/O. It does not know the content of a request, who delivers requests, or
// whether a copy of the queues is on disk. TrackRemovals, TakeRemoved and TakeMoved report the
// changes to the owner of such a copy.
package queue

import "sync"

// Request is a callback that is queued for its application's own backend.
type Request struct {
	AppID string
	// Seq orders the requests of an application. Number assigns it. It is above 0 and unique.
	Seq uint64
	// Lane is equal for requests that must be delivered in their order. NoLane means that the
	// request is set aside.
	Lane uint64
	// Received is the time of receipt in Unix milliseconds.
	Received int64
	// Data is the callback in the encoding of the package that delivers it. It is never changed.
	Data []byte
}

// NoLane is the Lane of a request that is set aside.
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
	Requests int   // all requests
	Bytes    int64 // of the Data of all requests
	Lanes    int   // lanes with requests
	Taken    int   // requests that were taken and not given back
	SetAside int   // requests that are set aside
	// Oldest is the time of receipt of the oldest request that is not set aside, in Unix
	// milliseconds, 0 if there is none.
	Oldest int64
	// Dropped is the number of requests that were dropped because the queue was full.
	Dropped uint64
}

// Queues are the queues of all applications. The methods may be called from several goroutines
// and do not block.
type Queues struct {
	mu      sync.Mutex
	apps    map[string]*queue
	last    uint64        // the largest Seq
	removed []Key         // since the last TakeRemoved
	moved   []Request     // since the last TakeMoved
	changes chan struct{} // nil until TrackRemovals
}

// New returns empty Queues without limits.
func New() *Queues { return &Queues{apps: make(map[string]*queue)} }

// Number returns r with the next Seq. It does not add r: a request is written to disk with its
// Seq before it may be delivered.
func (q *Queues) Number(r Request) Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	r.Seq = q.last
	return r
}

// Add appends numbered requests to their queues, in this order. If a queue then exceeds its
// limit, its oldest requests are dropped.
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

// of returns the queue of an application. It makes the queue if there is none. The caller holds
// mu.
func (q *Queues) of(appID string) *queue {
	one := q.apps[appID]
	if one == nil {
		one = newQueue()
		q.apps[appID] = one
	}
	return one
}

// trim drops the oldest requests of a queue that exceeds its limit. A taken request may be
// delivered already, so it is dropped only if all requests but the newest are taken.
func (q *Queues) trim(one *queue) {
	for one.tooLong() {
		it := one.oldest(notTaken)
		if it == nil || it == one.last && it != one.first {
			it = one.first // all requests but the newest are taken
		}
		one.dropped++
		q.remove(one, it)
	}
}

// remove removes an item from its queue and records the removal for TakeRemoved.
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

// Limit sets the limits of the queue of an application: the number of requests, and the bytes of
// their Data. 0 means no limit. If the queue exceeds a limit, its oldest requests are dropped.
func (q *Queues) Limit(appID string, requests int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	one.maxRequests, one.maxBytes = requests, bytes
	q.trim(one)
}

// Waiting returns a channel that has a value if requests were added to the queue of an
// application since the channel was last read. It must have only one reader.
func (q *Queues) Waiting(appID string) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.of(appID).wake
}

// Dropped returns the number of requests of an application that were dropped because the queue
// was full.
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

// All returns all queued requests. The requests of an application are in the order of Seq. The
// caller owns the slice.
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

// TrackRemovals makes q record the requests that are removed, dropped or set aside from now on,
// for TakeRemoved and TakeMoved. The channel has a value if there was such a request since the
// channel was last read. It must have only one reader.
func (q *Queues) TrackRemovals() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.changes == nil {
		q.changes = make(chan struct{}, 1)
	}
	return q.changes
}

// TakeRemoved returns the keys of the requests that were removed or dropped since the last call.
// The caller owns the slice.
func (q *Queues) TakeRemoved() []Key {
	q.mu.Lock()
	defer q.mu.Unlock()
	removed := q.removed
	q.removed = nil
	return removed
}

// TakeMoved returns the requests that were set aside since the last call, with the Lane NoLane.
// A request that was set aside and then removed is returned by TakeRemoved too. The caller owns
// the slice.
func (q *Queues) TakeMoved() []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	moved := q.moved
	q.moved = nil
	return moved
}

// HasRemoved reports whether TakeRemoved or TakeMoved would return a request.
func (q *Queues) HasRemoved() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.removed)+len(q.moved) > 0
}
