package state

import "sync"

// Forward is a callback that waits to be passed on to its application's own backend.
type Forward struct {
	AppID string
	// Seq is its place: those of an application are passed on in this order.
	Seq uint64
	// Received is the time of its receipt, Unix milliseconds.
	Received int64
	// Data is the callback as the one who passes it on has packed it. It is not changed.
	Data []byte
}

// ForwardKey tells a Forward from all others that wait.
type ForwardKey struct {
	AppID string
	Seq   uint64
}

// QueueSize says what waits for one backend.
type QueueSize struct {
	Requests int
	Bytes    int64 // of their Data
	Oldest   int64 // receipt of the oldest, Unix milliseconds, 0 if nothing waits
	Dropped  uint64
}

// Queues have for each application what waits for its backend, oldest first. All
// methods may be called from several goroutines.
type Queues struct {
	mu      sync.Mutex
	apps    map[string]*queue
	last    uint64        // Seq of the newest Forward
	removed []ForwardKey  // since the last time they were taken
	removal chan struct{} // has one when there are; nil if nobody has a copy to remove them from
}

type queue struct {
	list        []Forward // the first head ones are gone
	head        int
	bytes       int64
	maxRequests int
	maxBytes    int64
	dropped     uint64
	wake        chan struct{} // has one when something has come
}

// of returns the queue of an application, a new one if there is none. The caller holds mu.
func (q *Queues) of(appID string) *queue {
	one := q.apps[appID]
	if one == nil {
		one = &queue{wake: make(chan struct{}, 1)}
		if q.apps == nil {
			q.apps = make(map[string]*queue)
		}
		q.apps[appID] = one
	}
	return one
}

// number returns what e wants to be passed on, with its place.
func (q *Queues) number(e Event) Forward {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.last++
	return Forward{e.AppID, q.last, e.Received, e.Forward}
}

// add puts list behind what waits, and drops the oldest of what is too much.
func (q *Queues) add(list []Forward) {
	if len(list) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range list {
		one := q.of(f.AppID)
		one.list = append(one.list, f)
		one.bytes += int64(len(f.Data))
		q.last = max(q.last, f.Seq)
		q.trim(one)
		select {
		case one.wake <- struct{}{}:
		default:
		}
	}
}

func (q *Queues) trim(one *queue) {
	for one.head < len(one.list) && (one.maxRequests > 0 && len(one.list)-one.head > one.maxRequests || one.maxBytes > 0 && one.bytes > one.maxBytes) {
		one.dropped++
		q.removeFirst(one)
	}
}

func (q *Queues) removeFirst(one *queue) {
	f := &one.list[one.head]
	if q.removal != nil {
		q.removed = append(q.removed, ForwardKey{f.AppID, f.Seq})
		select {
		case q.removal <- struct{}{}:
		default:
		}
	}
	one.bytes -= int64(len(f.Data))
	*f = Forward{}
	one.head++
	if one.head > len(one.list)/2 && one.head > 64 {
		one.list = append([]Forward(nil), one.list[one.head:]...)
		one.head = 0
	}
}

// Limit bounds what may wait for the backend of an application; 0 is no bound. The
// oldest is dropped when there is more.
func (q *Queues) Limit(appID string, requests int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	one.maxRequests, one.maxBytes = requests, bytes
	q.trim(one)
}

// First returns the oldest that waits for the backend of an application.
func (q *Queues) First(appID string) (f Forward, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	if one.head == len(one.list) {
		return Forward{}, false
	}
	return one.list[one.head], true
}

// Remove takes f away if it is still the oldest, and reports whether it was: it may have
// been dropped.
func (q *Queues) Remove(f Forward) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(f.AppID)
	if one.head == len(one.list) || one.list[one.head].Seq != f.Seq {
		return false
	}
	q.removeFirst(one)
	return true
}

// Waiting returns a channel that has a value when something has come to the queue of an
// application since it was last read. It is for one reader.
func (q *Queues) Waiting(appID string) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.of(appID).wake
}

// Size says what waits for the backend of an application.
func (q *Queues) Size(appID string) QueueSize {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.apps[appID]
	if one == nil {
		return QueueSize{}
	}
	size := QueueSize{Requests: len(one.list) - one.head, Bytes: one.bytes, Dropped: one.dropped}
	if size.Requests > 0 {
		size.Oldest = one.list[one.head].Received
	}
	return size
}

// Removed reports whether something was removed that a Batch has not taken yet.
func (q *Queues) Removed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.removed) > 0
}

// Removals returns a channel that has a value when something was removed since it was
// last read. It is for one reader, who begins a Batch first.
func (q *Queues) Removals() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.removal
}

func (q *Queues) takeRemoved() []ForwardKey {
	q.mu.Lock()
	defer q.mu.Unlock()
	removed := q.removed
	q.removed = nil
	return removed
}

// keep makes q remember what is removed.
func (q *Queues) keep() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.removal == nil {
		q.removal = make(chan struct{}, 1)
	}
}

func (q *Queues) all() (list []Forward) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range q.apps {
		list = append(list, one.list[one.head:]...)
	}
	return list
}
