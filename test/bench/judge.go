//go:build linux

package main

import (
	"fmt"
	"time"
)

// The targets, for 64 senders on 2 cores.
const (
	targetSenders  = 64
	targetRate     = 5000
	targetP99      = 150 * time.Millisecond
	targetCPU      = 1.5
	targetResident = 30 << 20

	// limitCPU is where a run fails. It is wider than the target: on a machine that
	// others share the ratio of two processor times, taken seconds apart, wanders.
	limitCPU = 2.0
)

// judge says how a run has met the targets, and keeps what was not good enough.
type judge struct{ failures []error }

// load is of n senders: durable callbacks a second, milliseconds, and the processor time
// as a multiple of that in memory only.
func (j *judge) load(n int, rate, p99, ratio float64) string {
	enough, prompt, cheap := rate >= targetRate, p99 < float64(targetP99.Milliseconds()), ratio <= limitCPU
	if !enough || !prompt || !cheap {
		j.failures = append(j.failures, fmt.Errorf("%d senders: %.0f/s, p99 %.2f ms, CPU %.2f of memory only: want at least %d/s, below %s, at most %.1f",
			n, rate, p99, ratio, targetRate, targetP99, limitCPU))
	}
	return fmt.Sprintf("%d senders: at least %d/s: %s · p99 below %s: %s · CPU at most %.1f of memory only: %s", n,
		targetRate, verdict(enough), targetP99, verdict(prompt), targetCPU, verdict(ratio <= targetCPU))
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
