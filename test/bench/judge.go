//go:build linux

package main

import (
	"fmt"
	"time"
)

// The targets, for 64 senders on 2 cores.
const (
	targetSenders  = 64
	targetRate     = 20_000
	targetP99      = 20 * time.Millisecond
	targetCPU      = 1.25
	targetResident = 30 << 20
)

// A run fails only if a ratio to a reference in the same run is above its limit several times: rates
// and times alone depend on the machine.
const (
	limitCPU   = 2.0     // processor time, of that in memory only
	limitBare  = 3.0     // what durability adds to the processor time, of what it adds to a bare server
	limitRate  = 1. / 10 // callbacks a second, of those in memory only
	limitP99   = 30.     // of a write with its sync and an answer in memory only together
	limitTries = 3
)

// judge compares a run with the targets, and keeps the problems.
type judge struct{ failures []error }

// load has the figures of one number of senders.
type load struct {
	senders          int
	rate, memoryRate float64 // callbacks a second
	p99, memoryP99   float64 // milliseconds
	sync             float64 // milliseconds of a write with its sync

	// Microseconds a callback, of the exporter and of a bare server.
	processorTime, memoryProcessorTime         float64
	bareProcessorTime, bareMemoryProcessorTime float64
}

func (l load) ratio() float64 { return l.processorTime / l.memoryProcessorTime }

// added returns what durability adds to the processor time of the exporter and of a bare server.
func (l load) added() (exporter, bare float64) {
	return l.processorTime - l.memoryProcessorTime, l.bareProcessorTime - l.bareMemoryProcessorTime
}

// problem returns an error if l is above a limit, nil if it is not.
func (l load) problem() error {
	added, bare := l.added()
	if l.ratio() <= limitCPU && added <= limitBare*bare && l.rate >= limitRate*l.memoryRate && l.p99 <= limitP99*(l.sync+l.memoryP99) {
		return nil
	}
	return fmt.Errorf("%d senders: %.2f of the callbacks a second, %.1f times the p99 with a sync, %.2f of the processor time of memory only, %.1f µs more where a bare server needs %.1f: want at least %.1f, at most %.0f, %.1f and %.1f times as much",
		l.senders, l.rate/l.memoryRate, l.p99/(l.sync+l.memoryP99), l.ratio(), added, bare, limitRate, limitP99, limitCPU, limitBare)
}

// targets returns which of the targets l meets. The targets are those of a quiet machine.
func (l load) targets() string {
	added, bare := l.added()
	return fmt.Sprintf("%d senders: at least %d/s: %s · p99 below %s: %s · CPU at most %.2f of memory only: %s\ndurability adds %.1f µs of processor time to a callback, %.1f µs to one of a bare server of net/http",
		l.senders, targetRate, verdict(l.rate >= targetRate), targetP99, verdict(l.p99 < float64(targetP99.Milliseconds())),
		targetCPU, verdict(l.ratio() <= targetCPU), added, bare)
}

// memory is of an exporter after its callbacks, in bytes.
func (j *judge) memory(name string, after int64) string {
	ok := after < targetResident
	if !ok {
		j.failures = append(j.failures, fmt.Errorf("resident memory, %s: %.1f MiB: want less than %d MiB", name, mib(after), targetResident>>20))
	}
	return fmt.Sprintf("below %d MiB: %s", targetResident>>20, verdict(ok))
}

func verdict(ok bool) string {
	if ok {
		return "yes"
	}
	return "NO"
}
