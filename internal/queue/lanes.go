package queue

import "container/heap"

// Item is a queued request that was taken for delivery. From Take to the call that gives the
// item back (Done, Retry, Release, SetAside, Overtake) the caller owns its exported fields. Trials
// is zero for a new request, and for all requests after a restart.
type Item struct {
	Request
	Trials

	lane          *lane
	prev, next    *Item // of the queue, in the order of Seq
	before, after *Item // of the lane
	taken         bool
	gone          bool // the item was removed from the queue
}

// lane is a sequence of requests. It is empty only if its only request was dropped while it was
// taken.
type lane struct {
	key         uint64 // NoLane if its only request is set aside
	first, last *Item
	taken       bool  // the first request is taken
	due         int64 // key in the heap: a turn for Fresh, else Unix nanoseconds
	index       int   // in the heap, -1 if the lane is in no heap
	kind        Kind  // of the first request
}

// queue is the queue of one application.
type queue struct {
	first, last *Item // the oldest and the newest request
	lanes       map[uint64]*lane
	waiting     [numKinds]laneHeap // lanes that are not taken, by the kind of their first request
	turns       int64              // last turn of a lane with a Fresh request

	requests, taken, setAside int
	bytes                     int64
	maxRequests               int
	maxBytes                  int64
	dropped                   uint64
	wake                      chan struct{} // has a value when a request was added
}

func newQueue() *queue { return &queue{lanes: make(map[uint64]*lane), wake: make(chan struct{}, 1)} }

func (one *queue) tooLong() bool {
	return one.requests > 0 && (one.maxRequests > 0 && one.requests > one.maxRequests || one.maxBytes > 0 && one.bytes > one.maxBytes)
}

// add appends r to the queue and to its lane.
func (one *queue) add(r Request) {
	it := &Item{Request: r, prev: one.last}
	if one.last != nil {
		one.last.next = it
	} else {
		one.first = it
	}
	one.last = it
	one.requests++
	one.bytes += int64(len(r.Data))
	if r.Lane == NoLane {
		one.setAside++
		one.alone(it, 0)
		return
	}
	l := one.lanes[r.Lane]
	if l == nil {
		l = &lane{key: r.Lane, index: -1}
		one.lanes[r.Lane] = l
	}
	it.lane, it.before = l, l.last
	if l.last != nil {
		l.last.after = it
	} else {
		l.first = it
		if !l.taken {
			one.ready(l)
		}
	}
	l.last = it
}

// alone puts it into a lane of its own that is due at due, in Unix nanoseconds.
func (one *queue) alone(it *Item, due int64) {
	it.lane = &lane{key: NoLane, first: it, last: it}
	one.wait(it.lane, Aside, due)
}

// ready puts l, whose first request was not tried yet, behind all other lanes of kind Fresh.
func (one *queue) ready(l *lane) {
	one.turns++
	one.wait(l, Fresh, one.turns)
}

func (one *queue) wait(l *lane, kind Kind, due int64) {
	l.taken, l.kind, l.due = false, kind, due
	heap.Push(&one.waiting[kind], l)
}

// remove removes it from the queue and its lane.
func (one *queue) remove(it *Item) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		one.first = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		one.last = it.prev
	}
	one.requests--
	one.bytes -= int64(len(it.Data))
	if it.lane.key == NoLane {
		one.setAside--
	}
	it.gone = true
	one.leave(it)
	it.prev, it.next = nil, nil
}

// leave removes it from its lane. If it was the first request of the lane and was not taken, the
// lane gets a new turn.
func (one *queue) leave(it *Item) {
	l := it.lane
	first := l.first == it
	if it.before != nil {
		it.before.after = it.after
	} else {
		l.first = it.after
	}
	if it.after != nil {
		it.after.before = it.before
	} else {
		l.last = it.before
	}
	it.before, it.after = nil, nil
	if !first || l.taken {
		return // the call that gives the first request back continues the lane
	}
	heap.Remove(&one.waiting[l.kind], l.index)
	one.goOn(l)
}

// goOn puts l, which is in no heap, behind the other lanes of kind Fresh. If l is empty, goOn
// deletes it.
func (one *queue) goOn(l *lane) {
	l.taken = false
	if l.first != nil {
		one.ready(l)
	} else if l.key != NoLane {
		delete(one.lanes, l.key)
	}
}

// giveBack marks it as not taken. The caller puts its lane into a heap.
func (one *queue) giveBack(it *Item) {
	one.taken--
	it.taken = false
}

func notTaken(it *Item) bool { return !it.taken }

func (one *queue) size() Size {
	s := Size{
		Requests: one.requests, Bytes: one.bytes, Lanes: len(one.lanes), Taken: one.taken,
		SetAside: one.setAside, Dropped: one.dropped,
	}
	if it := one.oldest(inOrder); it != nil {
		s.Oldest = it.Received
	}
	return s
}

// oldest returns the oldest item for which ok holds, nil if there is none.
func (one *queue) oldest(ok func(*Item) bool) *Item {
	it := one.first
	for it != nil && !ok(it) {
		it = it.next
	}
	return it
}

func inOrder(it *Item) bool { return it.lane.key != NoLane }

// laneHeap implements heap.Interface. The first lane has the smallest due.
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.index = len(*h)
	*h = append(*h, l)
}

// Pop implements heap.Interface.
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil // so that the array does not keep the lane in memory
	*h, l.index = old[:len(old)-1], -1
	return l
}
