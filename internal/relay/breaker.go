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

// allow reports whether a callback may try. If so, one of done and forget must follow.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.wait == 0:
		return true
	case b.probing || time.Now().Before(b.until):
		return false
	}
	b.probing = true
	return true
}

// done says how a try ended, and reports whether that opened or closed the circuit.
func (b *breaker) done(ok bool) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.wait != 0
	b.probing = false
	if ok {
		b.failures, b.wait = 0, 0
		return was
	}
	if b.failures++; b.failures >= breakAfter {
		if !was {
			b.wait = minOpen
		} else if !time.Now().Before(b.until) { // those that began before it opened count once
			b.wait = min(2*b.wait, maxOpen)
		} else {
			return false
		}
		b.until = time.Now().Add(b.wait)
	}
	return !was && b.wait != 0
}

// forget ends a try that says nothing of the backend.
func (b *breaker) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.wait != 0
}
