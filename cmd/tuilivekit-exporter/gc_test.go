package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestGCPercent(t *testing.T) {
	for _, tc := range []struct {
		live uint64
		want int
	}{
		{0, 400}, {minGarbage / 8, 400}, {minGarbage / 4, 400}, {minGarbage / 2, 200},
		{minGarbage*2/3 + 1, 140}, {minGarbage, 100}, {2 * minGarbage, 50}, {1 << 40, 50},
	} {
		if got := gcPercent(tc.live); got != tc.want {
			t.Errorf("live heap of %d bytes: got %d, want %d", tc.live, got, tc.want)
		}
	}
}

func TestAdjustGC(t *testing.T) {
	if gogcIsSet() {
		t.Skip("GOGC is set")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- adjustGC(ctx) }()
	for _, size := range []int{16 * minGarbage, 0, 16 * minGarbage} {
		heap := make([]byte, size)
		for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			runtime.GC()
			got, want := gcPercentInUse(), gcPercent(liveHeap())
			if got == want && (size == 0 || got == leastPercent) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("with %d bytes more, the percentage stays at %d, want %d", size, got, want)
			}
		}
		runtime.KeepAlive(heap)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func gcPercentInUse() int {
	percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(percent)
	return int(percent[0].Value.Uint64())
}

func TestAdjustGCLeavesGOGCAlone(t *testing.T) {
	t.Setenv("GOGC", "77")
	defer debug.SetGCPercent(debug.SetGCPercent(77))
	startGC()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := adjustGC(ctx); err != nil {
		t.Error(err)
	}
	runtime.GC()
	if got := gcPercentInUse(); got != 77 {
		t.Errorf("the percentage is %d", got)
	}
}
