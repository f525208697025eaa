package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// Garbage may take half as much memory as the live heap, and at least minGarbage. With half
// only, a small heap is collected every 400 callbacks, which costs a tenth of their processor
// time.
const (
	minGarbage    = 3 << 20
	leastPercent  = 50
	greatestRatio = 4 // of garbage to live heap
)

// startGC sets the percentage until adjustGC is called.
func startGC() {
	if !gogcIsSet() {
		debug.SetGCPercent(leastPercent)
	}
}

// adjustGC sets the garbage collection percentage after each collection, until ctx ends. It
// leaves a GOGC of the operator alone.
func adjustGC(ctx context.Context) error {
	if !gogcIsSet() {
		a := &gcAdjuster{}
		a.adjust()
		defer a.stop()
	}
	<-ctx.Done()
	return nil
}

// gcAdjuster is called by the runtime after each collection.
type gcAdjuster struct {
	mu      sync.Mutex
	percent int
	stopped bool
}

// adjust sets the percentage for the live heap of the last collection, and waits for the
// next collection.
func (a *gcAdjuster) adjust() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	if percent := gcPercent(liveHeap()); percent != a.percent {
		a.percent = percent
		debug.SetGCPercent(percent)
	}
	unreachable := &struct{ a *gcAdjuster }{a} // the next collection finds it
	runtime.AddCleanup(unreachable, (*gcAdjuster).adjust, a)
}

func (a *gcAdjuster) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stopped = true
}

// liveHeap returns the bytes that the last collection left.
func liveHeap() uint64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return live[0].Value.Uint64()
}

// gcPercent returns the percentage for a live heap, in steps of 10: each change of it stops
// the program for a moment.
func gcPercent(live uint64) int {
	percent := 100 * minGarbage / max(live, minGarbage/greatestRatio)
	return max(leastPercent, int(percent)/10*10)
}

func gogcIsSet() bool {
	_, ok := os.LookupEnv("GOGC")
	return ok
}
