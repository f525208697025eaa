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
	limitRate  = 1. / 10 // callbacks a second, of those in memory only
	limitP99   = 30.     // of a write with its sync and an answer in memory only together
	limitTries = 3
)

// judge compares a run with the targets, and keeps the problems.
type judge struct{ failures []error }

// load has the figures of one number of senders.
type load struct {
	senders            int
	rate, memoryRate   float64 // callbacks a second
	p99, memoryP99     float64 // milliseconds
	sync               float64 // milliseconds of a write with its sync
	processorTimeRatio float64 // durable, of memory only
}

// problem returns an error if l is above a limit, nil if it is not.
func (l load) problem() error {
	if l.processorTimeRatio <= limitCPU && l.rate >= limitRate*l.memoryRate && l.p99 <= limitP99*(l.sync+l.memoryP99) {
		return nil
	}
	return fmt.Errorf("%d senders: %.2f of the callbacks a second, %.1f times the p99 with a sync, %.2f of the processor time of memory only: want at least %.1f, at most %.0f and %.1f",
		l.senders, l.rate/l.memoryRate, l.p99/(l.sync+l.memoryP99), l.processorTimeRatio, limitRate, limitP99, limitCPU)
}

// targets returns which of the targets l meets. The targets are those of a quiet machine.
func (l load) targets() string {
	return fmt.Sprintf("%d senders: at least %d/s: %s · p99 below %s: %s · CPU at most %.2f of memory only: %s", l.senders,
		targetRate, verdict(l.rate >= targetRate), targetP99, verdict(l.p99 < float64(targetP99.Milliseconds())),
		targetCPU, verdict(l.processorTimeRatio <= targetCPU))
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
