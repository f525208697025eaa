//go:build linux

package main

import (
	"math"
	"strings"
	"testing"
)

func TestLoadIsJudged(t *testing.T) {
	for _, tc := range []struct {
		name             string
		rate, p99, ratio float64
		missed           int // targets
		fails            bool
	}{
		{"all is well", 5000, 149.9, 1.5, 0, false},
		{"too few callbacks", 4999, 20, 1.1, 1, true},
		{"too slow", 9000, 150, 1.1, 1, true},
		{"the target of processor time is missed", 9000, 20, 2, 1, false},
		{"too much processor time", 9000, 20, 2.01, 1, true},
		{"all is wrong", 10, 2000, 5, 3, true},
		{"nothing was measured", math.NaN(), math.NaN(), math.NaN(), 3, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var j judge
			text := j.load(targetSenders, tc.rate, tc.p99, tc.ratio)
			if missed := strings.Count(text, "NO"); missed != tc.missed {
				t.Errorf("%d targets missed, want %d: %s", missed, tc.missed, text)
			}
			if fails := len(j.failures) > 0; fails != tc.fails {
				t.Errorf("got %v, want failure: %t", j.failures, tc.fails)
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
