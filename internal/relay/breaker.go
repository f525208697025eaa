package relay

import (
	"sync"
	"time"
)

const (
	// breakAfter is how many failures in a row open the circuit.
	breakAfter = 5
	// The circuit stays open for minOpen, then twice as long after each probe that fails,
	// up to maxOpen.
	minOpen = time.Second
	maxOpen = 30 * time.Second
)

// breaker keeps callbacks from waiting for a backend that does not answer. It is open
// after failures in a row; then one callback at a time probes.
type breaker struct {
	mu       sync.Mutex
	failures int           // in a row
	wait     time.Duration // 0 while it is closed
	until    time.Time
	probing  bool
}

// allow reports whether a callback may try, and whether it probes. If it may, one of done
// and forget must follow.
func (b *breaker) allow() (probe, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.wait == 0:
		return false, true
	case b.probing || time.Now().Before(b.until):
		return false, false
	}
	b.probing = true
	return true, true
}

// done says how a try ended, and reports whether that opened or closed the circuit. While
// it is open only the probe counts: others began before.
func (b *breaker) done(probe, ok bool) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	open := b.wait != 0
	switch {
	case open && !probe:
		return false
	case open && ok:
		b.failures, b.wait, b.probing = 0, 0, false
		return true
	case open:
		b.wait, b.probing = min(2*b.wait, maxOpen), false
		b.until = time.Now().Add(b.wait)
		return false
	case ok:
		b.failures = 0
		return false
	}
	if b.failures++; b.failures < breakAfter {
		return false
	}
	b.wait = minOpen
	b.until = time.Now().Add(b.wait)
	return true
}

// forget ends a try that says nothing of the backend.
func (b *breaker) forget(probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
}

// postpone lets no callback try before at while b is open: the backend has asked for that.
func (b *breaker) postpone(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait != 0 && at.After(b.until) {
		b.until = at
	}
}

// due returns when a callback may try if none may now, and if none tries.
func (b *breaker) due() (at time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until, b.wait != 0 && !b.probing
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait != 0
}
