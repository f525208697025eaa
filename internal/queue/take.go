package queue

import (
	"container/heap"
	"time"
)

// Kind is what the first request of a lane is.
type Kind uint8

const (
	// Fresh is a request that was not tried since it was added or restored. The lane that
	// has waited longest for its turn goes first.
	Fresh Kind = iota
	// Retry is a request that was given back. It is due at a time.
	Retry
	// Aside is a request that was set aside: it is alone, and due at a time.
	Aside
	numKinds
)

// Trials is what whoever delivers a request remembers of it between two attempts.
type Trials struct {
	// Attempts is how often the request was tried.
	Attempts int
	// AsideAttempts is how often of those it was set aside already.
	AsideAttempts int
	// Failing is for how long it has failed while others succeeded.
	Failing time.Duration
	// FirstFailure and LastFailure are when it failed first and last, and Others is how many
	// others had succeeded by the last.
	FirstFailure, LastFailure time.Time
	Others                    uint64
}

// Take returns the first request of a lane of that kind whose turn it is at now, nil if
// there is none. No other request of the lane is handed out until the Item is given to one
// of Done, Retry, SetAside and Release.
func (q *Queues) Take(appID string, kind Kind, now time.Time) *Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	h := &one.waiting[kind]
	if len(*h) == 0 || kind != Fresh && (*h)[0].due > now.UnixNano() {
		return nil
	}
	l := heap.Pop(h).(*lane)
	l.taken, l.first.taken = true, true
	one.taken++
	return l.first
}

// Due returns when the first request of that kind has its turn. ok is false if there is
// none of that kind. Those of kind Fresh have it at once.
func (q *Queues) Due(appID string, kind Kind) (at time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.of(appID).waiting[kind]
	if len(h) == 0 {
		return time.Time{}, false
	}
	if kind == Fresh {
		return time.Time{}, true
	}
	return time.Unix(0, h[0].due), true
}

// Done removes it. It returns false if a full queue has dropped it meanwhile.
func (q *Queues) Done(it *Item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(it.AppID)
	one.giveBack(it)
	removed := !it.gone
	if removed {
		q.remove(one, it)
	}
	one.goOn(it.lane)
	return removed
}

// Retry gives it back, in front of its lane, which has its turn at due.
func (q *Queues) Retry(it *Item, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(it.AppID)
	one.giveBack(it)
	switch {
	case it.gone:
		one.goOn(it.lane)
	case it.lane.key == NoLane:
		one.wait(it.lane, Aside, due.UnixNano())
	default:
		one.wait(it.lane, Retry, due.UnixNano())
	}
}

// Release gives it back, in front of its lane, which has its turn at once.
func (q *Queues) Release(it *Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(it.AppID)
	one.giveBack(it)
	if it.lane.key == NoLane && !it.gone {
		one.wait(it.lane, Aside, 0)
		return
	}
	one.goOn(it.lane)
}

// SetAside takes it out of its lane, which goes on without it. It has its turn at due.
func (q *Queues) SetAside(it *Item, due time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.setAside(q.of(it.AppID), it, due)
}

func (q *Queues) setAside(one *queue, it *Item, due time.Time) {
	one.giveBack(it)
	l := it.lane
	switch {
	case it.gone:
		one.goOn(l)
		return
	case l.key == NoLane:
		one.wait(l, Aside, due.UnixNano())
		return
	}
	one.leave(it)
	one.goOn(l)
	it.Lane = NoLane
	one.setAside++
	one.alone(it, due.UnixNano())
	if q.changes != nil {
		q.moved = append(q.moved, it.Request)
		signal(q.changes)
	}
}

// Behind returns up to n items behind it, which is taken, in its lane. They stay there, and
// are not handed out; but they may be dropped.
func (q *Queues) Behind(it *Item, n int) (list []*Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for next := it.after; next != nil && len(list) < n; next = next.after {
		list = append(list, next)
	}
	return list
}

// Overtake sets it aside, as SetAside does, and removes next, which was delivered although
// it is behind it in its lane. It returns false if a full queue has dropped next meanwhile.
func (q *Queues) Overtake(it, next *Item, due time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(it.AppID)
	removed := !next.gone
	if removed {
		q.remove(one, next)
	}
	q.setAside(one, it, due)
	return removed
}

// Again makes all requests that were given back or set aside due at once, and forgets how
// they were tried: the backend is another one.
func (q *Queues) Again(appID string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	for _, kind := range []Kind{Retry, Aside} {
		for _, l := range one.waiting[kind] {
			l.due, l.first.Trials = 0, Trials{}
		}
	}
}

// Expire removes the requests that were received before the time given in Unix
// milliseconds, and are not taken, oldest first. It returns how many.
func (q *Queues) Expire(appID string, before int64) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	one := q.of(appID)
	for {
		it := one.oldest(notTaken)
		if it == nil || it.Received >= before {
			return n
		}
		q.remove(one, it)
		n++
	}
}

// OldestReceived returns when the oldest request that is not taken was received, in Unix
// milliseconds. ok is false if there is none.
func (q *Queues) OldestReceived(appID string) (at int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.of(appID).oldest(notTaken); it != nil {
		return it.Received, true
	}
	return 0, false
}
