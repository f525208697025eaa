package queue

import (
	"container/heap"
	"time"
)

// Kind is the state of a request that is first in its lane.
type Kind uint8

const (
	// Fresh is a request that was not tried since it was added or restored, or that was
	// released. Lanes take turns.
	Fresh Kind = iota
	// Retry is a request that is tried again when it is due.
	Retry
	// Aside is a request that is set aside. It is alone in its lane and tried again when it is
	// due.
	Aside
	numKinds
)

// Trials are the failed attempts at a request. The package that delivers requests sets them.
type Trials struct {
	// Attempts is the number of attempts.
	Attempts int
	// AsideAttempts is the number of attempts since the request was set aside.
	AsideAttempts int
	// Failing is the time for which the request failed while others succeeded.
	Failing time.Duration
	// FirstFailure and LastFailure are the times of the first and the last failure. Others is
	// the number of other requests that had succeeded by LastFailure.
	FirstFailure, LastFailure time.Time
	Others                    uint64
}

// Take returns the first request of a lane of this kind that is due at now, nil if there is
// none. The next request of the lane is handed out only after the Item was given to Done, Retry,
// Release, SetAside or Overtake.
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

// Due returns the time at which the first request of this kind is due. For Fresh it is the zero
// time: at once. ok is false if there is no request of this kind.
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

// Done removes it from its queue. It returns false if it was dropped while it was taken.
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

// Retry gives it back. It stays the first request of its lane and is due at due.
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

// Release gives it back. It stays the first request of its lane and is due at once.
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

// SetAside gives it back and moves it from its lane into a lane of its own, where it is due at
// due. The next request of its former lane is due at once.
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

// Behind returns up to n items that follow it in its lane. it is taken. The items stay in the
// lane and are not handed out before it was given back, but they may be dropped.
func (q *Queues) Behind(it *Item, n int) (list []*Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for next := it.after; next != nil && len(list) < n; next = next.after {
		list = append(list, next)
	}
	return list
}

// Overtake sets it aside, as SetAside does, and removes next, which follows it in its lane and
// was delivered first. It returns false if next was dropped while it was being delivered.
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

// Again makes all requests of the kinds Retry and Aside due at once and clears their Trials. It
// is for an application whose backend has changed.
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

// Expire removes the requests that were received before before, in Unix milliseconds, and that
// are not taken. It returns their number.
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

// OldestReceived returns the time of receipt of the oldest request that is not taken, in Unix
// milliseconds. ok is false if there is none.
func (q *Queues) OldestReceived(appID string) (at int64, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it := q.of(appID).oldest(notTaken); it != nil {
		return it.Received, true
	}
	return 0, false
}
