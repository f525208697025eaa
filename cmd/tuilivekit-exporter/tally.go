package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// tally counts the outcomes of callbacks.
type tally struct {
	total int
	start time.Time

	mu       sync.Mutex
	outcomes map[outcome]int
	times    []time.Duration // of all answers
}

func newTally(total int) *tally {
	return &tally{total: total, start: time.Now(), outcomes: make(map[outcome]int)}
}

func (t *tally) add(o outcome, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outcomes[o]++
	t.times = append(t.times, took)
}

// sent returns the number of callbacks that were answered or failed, and of those answered OK.
func (t *tally) sent() (all, ok int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for o, n := range t.outcomes {
		all += n
		if o.ok {
			ok += n
		}
	}
	return all, ok
}

// showProgress prints a line every two seconds until the returned function is called.
func (t *tally) showProgress(w io.Writer) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				all, ok := t.sent()
				fmt.Fprintf(w, "%s: %d of %d sent, %d answered OK\n", time.Since(t.start).Round(time.Second), all, t.total, ok)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}

// report prints the summary. It fails unless all callbacks were answered OK.
func (t *tally) report(w io.Writer) error {
	all, ok := t.sent()
	fmt.Fprintf(w, "%d of %d callbacks sent in %s: %d answered OK, %d not\n", all, t.total, time.Since(t.start).Round(time.Millisecond), ok, all-ok)
	if len(t.times) > 1 {
		slices.Sort(t.times)
		at := func(q float64) time.Duration {
			return t.times[int(q*float64(len(t.times)-1))].Round(10 * time.Microsecond)
		}
		fmt.Fprintf(w, "time to the answer: median %s, 99th percentile %s, slowest %s\n", at(.5), at(.99), at(1))
	}
	var lines []string
	for o, n := range t.outcomes {
		if o.ok {
			continue
		}
		line := fmt.Sprintf("%d × Tencent would have seen: %s", n, o.seen)
		if o.hint != "" {
			line += "\n    " + o.hint
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	if len(lines) > 0 {
		fmt.Fprintln(w, strings.Join(lines, "\n"))
	}
	if ok < t.total {
		return fmt.Errorf("%d of %d callbacks were not answered OK", t.total-ok, t.total)
	}
	return nil
}
