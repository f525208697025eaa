package relay

import (
	"sync"
	"time"
)

const (
	// breakAfter is the number of consecutive failures that opens the circuit.
	breakAfter = 5
	// The time until the next probe is minOpen at first. It doubles after each failed probe, up
	// to maxOpen.
	minOpen = time.Second
	maxOpen = 30 * time.Second
)

// breaker is a circuit breaker. Consecutive failures open it. While it is open, only probes are
// allowed, one at a time. Its methods may be called from several goroutines.
type breaker struct {
	mu       sync.Mutex
	failures int           // consecutive
	wait     time.Duration // between probes; 0 while the circuit is closed
	until    time.Time     // time of the next probe
	probing  bool
}

// allow reports whether an attempt may begin, and whether it is a probe. If ok is true, done or
// forget must follow.
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

// done records the result of an attempt, and reports whether it opened or closed the circuit.
// While the circuit is open, only the result of a probe counts: all other attempts began before
// it opened.
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

// forget ends an attempt whose result says nothing about the backend.
func (b *breaker) forget(probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if probe {
		b.probing = false
	}
}

// postpone moves the next probe to at, if the circuit is open and at is later.
func (b *breaker) postpone(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wait != 0 && at.After(b.until) {
		b.until = at
	}
}

// due returns the time of the next probe. ok is false if the circuit is closed or a probe is in
// progress.
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
