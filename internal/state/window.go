package state

import (
	"slices"
	"time"
)

// MaxRepeats is the most repeats that are recognized at a time. It bounds the memory of a window, to about 10 MiB. Tencent allows 200 room
// creations a second for an application, which makes 120,000 in ten minutes; past
// the bound the oldest is forgotten early.
const MaxRepeats = 1 << 18

// window remembers keys for a while. It is not safe for concurrent use.
type window struct {
	length int64 // milliseconds
	keys   map[uint64]struct{}
	queue  []Repeat // in the order of arrival
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
	w.queue = append(w.queue, Repeat{key, now})
	return true
}

// expire forgets what came more than length before now. A clock that jumped back
// only makes the window longer.
func (w *window) expire(now int64) {
	for len(w.queue) > 0 && (now-w.queue[0].At > w.length || len(w.queue) >= MaxRepeats) {
		delete(w.keys, w.queue[0].Key)
		w.queue = w.queue[1:] // the next append that finds no room copies only these
	}
}

// all returns what is remembered. The caller owns it.
func (w *window) all() []Repeat { return slices.Clone(w.queue) }
