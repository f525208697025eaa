//go:build linux

package main

import (
	"math"
	"strings"
	"testing"
)

func TestLoadIsJudged(t *testing.T) {
	well := load{senders: targetSenders, rate: 20_000, memoryRate: 40_000, p99: 19, memoryP99: 5, sync: 1,
		processorTime: 25, memoryProcessorTime: 20, bareProcessorTime: 20, bareMemoryProcessorTime: 15}
	for _, tc := range []struct {
		name   string
		change func(*load)
		missed int // targets
		fails  bool
	}{
		{"all is well", func(*load) {}, 0, false},
		{"a slow machine", func(l *load) { l.rate, l.memoryRate, l.p99, l.memoryP99 = 100, 900, 2000, 100 }, 2, false},
		{"far fewer callbacks than in memory", func(l *load) { l.rate = 3999 }, 1, true},
		{"far slower than a sync", func(l *load) { l.p99 = 181 }, 1, true},
		{"the target of processor time is missed", func(l *load) { l.processorTime = 30 }, 1, false},
		{"too much processor time", func(l *load) { l.processorTime, l.bareProcessorTime = 40.1, 40 }, 1, true},
		{"far more than a bare server needs", func(l *load) { l.processorTime = 35.1 }, 1, true},
		{"nothing was measured", func(l *load) { l.rate, l.p99, l.processorTime = math.NaN(), math.NaN(), math.NaN() }, 3, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := well
			tc.change(&l)
			if missed := strings.Count(l.targets(), "NO"); missed != tc.missed {
				t.Errorf("%d targets missed, want %d: %s", missed, tc.missed, l.targets())
			}
			if problem := l.problem(); (problem != nil) != tc.fails {
				t.Errorf("got %v, want failure: %t", problem, tc.fails)
			}
		})
	}
}

func TestMemoryIsJudged(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after int64
		text  string
		fails bool
	}{
		{"little", targetResident - 1, "below 30 MiB: yes", false},
		{"too much", targetResident, "below 30 MiB: NO", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var j judge
			text := j.memory("durable", tc.after)
			if fails := len(j.failures) > 0; text != tc.text || fails != tc.fails {
				t.Errorf("got %q and %v, want %q and failure: %t", text, j.failures, tc.text, tc.fails)
			}
		})
	}
}
