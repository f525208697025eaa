package state

import "time"

// MaxRepeats is the most repeats that are recognized at a time. It bounds the memory of a window, to about 10 MiB. Tencent allows 200 room
// creations a second for an application, which makes 120,000 in ten minutes; past
// the bound the oldest is forgotten early.
const MaxRepeats = 1 << 18

// window remembers keys for a while. It is not safe for concurrent use.
type window struct {
	length int64 // milliseconds
	keys   map[uint64]struct{}
	ring   []Repeat // a power of two of places, or none
	first  int      // place of the oldest
	n      int      // number of remembered repeats, from first on, in the order of arrival
}

// Repeat is what recognizes a repeat of an event.
type Repeat struct {
	Key uint64
	At  int64 // receipt of the event, Unix milliseconds
}

func newWindow(length time.Duration) window {
	return window{length: length.Milliseconds(), keys: make(map[uint64]struct{})}
}

// add remembers key from now on and reports whether it was new.
func (w *window) add(key uint64, now int64) bool {
	w.expire(now)
	if _, ok := w.keys[key]; ok {
		return false
	}
	w.keys[key] = struct{}{}
	if w.n == len(w.ring) {
		w.resize(max(minRing, 2*len(w.ring)))
	}
	w.ring[(w.first+w.n)&(len(w.ring)-1)] = Repeat{key, now}
	w.n++
	return true
}

// expire forgets what came more than length before now. A clock that jumped back
// only makes the window longer.
func (w *window) expire(now int64) {
	for w.n > 0 && (now-w.ring[w.first].At > w.length || w.n >= MaxRepeats) {
		delete(w.keys, w.ring[w.first].Key)
		w.first = (w.first + 1) & (len(w.ring) - 1)
		w.n--
	}
	if len(w.ring) > minRing && w.n < len(w.ring)/4 {
		w.resize(len(w.ring) / 2)
	}
}

// minRing is the least number of places in a ring. MaxRepeats is such a number too.
const minRing = 64

// resize moves what is remembered to a ring of places, a power of two.
func (w *window) resize(places int) {
	ring := make([]Repeat, places)
	w.copy(ring)
	w.ring, w.first = ring, 0
}

// copy copies what is remembered, in the order of arrival.
func (w *window) copy(to []Repeat) {
	if w.n > 0 {
		oldest := copy(to, w.ring[w.first:min(w.first+w.n, len(w.ring))])
		copy(to[oldest:], w.ring[:w.n-oldest])
	}
}

// all returns what is remembered. The caller owns it.
func (w *window) all() []Repeat {
	all := make([]Repeat, w.n)
	w.copy(all)
	return all
}
