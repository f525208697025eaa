package state

import "time"

// MaxRepeats is the maximum number of events in a window. It limits the memory of a window to
// 8 MiB. Tencent allows 200 room creations a second for an application, which are 120,000
// in ten minutes. If there are more events, the oldest is removed early.
const MaxRepeats = 1 << 18

// window has the keys of the events of the last length milliseconds. It is not safe for
// concurrent use.
type window struct {
	length int64 // milliseconds
	keys   keySet
	ring   []Repeat // its length is a power of two, or 0
	first  int      // index of the oldest repeat
	n      int      // number of repeats, from first on, in the order of arrival
}

// Repeat is the key of an event, to recognize exact repeats.
type Repeat struct {
	Key uint64
	At  int64 // receipt of the event, Unix milliseconds
}

func newWindow(length time.Duration) window { return window{length: length.Milliseconds()} }

// add adds key and reports whether it was new. now is in Unix milliseconds.
func (w *window) add(key uint64, now int64) bool {
	// The key is looked for first, so that the processor waits for the memory of the new and of
	// the oldest key at the same time.
	known := w.keys.has(key)
	w.expire(now)
	if known && w.keys.has(key) {
		return false
	}
	if w.n == len(w.ring) {
		w.resize(max(minRing, 2*len(w.ring)))
	}
	w.keys.add(key)
	w.ring[(w.first+w.n)&(len(w.ring)-1)] = Repeat{key, now}
	w.n++
	return true
}

// expire removes the keys that were added more than length before now. If the clock is set back,
// keys stay longer.
func (w *window) expire(now int64) {
	for w.n > 0 && (now-w.ring[w.first].At > w.length || w.n >= MaxRepeats) {
		w.keys.remove(w.ring[w.first].Key)
		w.first = (w.first + 1) & (len(w.ring) - 1)
		w.n--
	}
	if len(w.ring) > minRing && w.n < len(w.ring)/4 {
		w.resize(len(w.ring) / 2)
	}
}

// minRing is the minimum length of a ring. It is a power of two, as MaxRepeats is.
const minRing = 64

// resize moves the repeats to a ring of the length places, which is a power of two.
func (w *window) resize(places int) {
	ring := make([]Repeat, places)
	w.copy(ring)
	w.ring, w.first = ring, 0
	w.keys = newKeySet(places)
	for _, r := range ring[:w.n] {
		w.keys.add(r.Key)
	}
}

// copy copies the repeats to to, in the order of arrival.
func (w *window) copy(to []Repeat) {
	if w.n > 0 {
		oldest := copy(to, w.ring[w.first:min(w.first+w.n, len(w.ring))])
		copy(to[oldest:], w.ring[:w.n-oldest])
	}
}

// all returns the repeats in the order of arrival. The caller owns the slice.
func (w *window) all() []Repeat {
	all := make([]Repeat, w.n)
	w.copy(all)
	return all
}
