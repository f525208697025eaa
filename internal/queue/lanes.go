package queue

import "container/heap"

// Item is a queued request in the hands of whoever delivers it. Between Take and the call
// that gives it back, its exported fields belong to the one who took it; the zero value of
// those of Trials is where each request begins, also after a restart.
type Item struct {
	Request
	Trials

	lane          *lane
	prev, next    *Item // of the queue, in order of Seq
	before, after *Item // of the lane
	taken         bool
	gone          bool // it was removed
}

// lane is a sequence of requests, never empty but while its only one is taken and was
// dropped.
type lane struct {
	key         uint64 // NoLane if its one request was set aside
	first, last *Item
	taken       bool
	due         int64 // Unix nanoseconds, while it is in a heap
	index       int   // there, or in the list of those that are ready; -1 if in neither
	kind        Kind
}

// queue is the queue of one application.
type queue struct {
	first, last *Item // oldest, newest
	lanes       map[uint64]*lane
	waiting     [numKinds]laneHeap // by what their first request is
	turns       int64              // given to lanes that became ready

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

// add adds r behind the newest request, and behind the last one of its lane.
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

// alone puts it into a lane of its own, whose turn is at due.
func (one *queue) alone(it *Item, due int64) {
	it.lane = &lane{key: NoLane, first: it, last: it}
	one.wait(it.lane, Aside, due)
}

// ready gives l, whose first request was not tried yet, its turn behind all others.
func (one *queue) ready(l *lane) {
	one.turns++
	one.wait(l, Fresh, one.turns)
}

func (one *queue) wait(l *lane, kind Kind, due int64) {
	l.taken, l.kind, l.due = false, kind, due
	heap.Push(&one.waiting[kind], l)
}

// remove removes it from the queue and from its lane.
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

// leave takes it out of its lane. If it is the first one there, and is not taken, the next
// one has its turn.
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
		return // whoever has taken the first one gives it back
	}
	heap.Remove(&one.waiting[l.kind], l.index)
	one.goOn(l)
}

// goOn gives l, which is in no heap, its turn, or forgets it if it is empty.
func (one *queue) goOn(l *lane) {
	l.taken = false
	if l.first != nil {
		one.ready(l)
	} else if l.key != NoLane {
		delete(one.lanes, l.key)
	}
}

// giveBack ends what Take has begun, but for the lane.
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

// laneHeap has the lane that is due first in front (container/heap).
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
	old[len(old)-1] = nil // or it stays in memory for as long as the array does
	*h, l.index = old[:len(old)-1], -1
	return l
}
