package state

import "time"

// maxRepeats bounds the memory of a window: about 10 MiB. Tencent allows 200 room
// creations a second for an application, which makes 120,000 in ten minutes; past
// the bound the oldest is forgotten early.
const maxRepeats = 1 << 18

// window remembers keys for a while. It is not safe for concurrent use.
type window struct {
	length int64 // milliseconds
	keys   map[uint64]struct{}
	queue  []seenKey // in the order of arrival; the first head ones are gone
	head   int
}

type seenKey struct {
	key uint64
	at  int64 // Unix milliseconds
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
	w.queue = append(w.queue, seenKey{key, now})
	return true
}

// expire forgets what came more than length before now. A clock that jumped back
// only makes the window longer.
func (w *window) expire(now int64) {
	for w.head < len(w.queue) && (now-w.queue[w.head].at > w.length || len(w.queue)-w.head >= maxRepeats) {
		delete(w.keys, w.queue[w.head].key)
		w.head++
	}
	if w.head > len(w.queue)/2 && w.head > 64 {
		w.queue = append([]seenKey(nil), w.queue[w.head:]...)
		w.head = 0
	}
}
