package gate

import (
	"net/netip"
	"testing"
	"time"
)

func TestRatesAreBounded(t *testing.T) {
	start := time.Now()
	r := newRates(1, 2)
	addr := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, byte(n >> 16), byte(n >> 8), byte(n)}) }
	for n := range 3 * maxSources {
		r.allow(addr(n), start)
	}
	if len(r.sources) != maxSources {
		t.Errorf("%d sources are kept, want %d", len(r.sources), maxSources)
	}
	if r.allow(addr(1<<20), start) {
		t.Error("a source without room has a bucket of its own")
	}
	if !r.allow(addr(1), start) || r.allow(addr(1), start) {
		t.Error("a source that has room lost its bucket")
	}
	later := start.Add(3 * time.Second)
	if !r.allow(addr(1<<20), later) || len(r.sources) != 1 {
		t.Errorf("quiet sources are kept: %d", len(r.sources))
	}
	one, same, other := netip.MustParseAddr("2a00::1"), netip.MustParseAddr("2a00::ffff:1"), netip.MustParseAddr("2a00:0:0:1::1")
	if r.allow(one, later); !r.allow(same, later) || r.allow(one, later) || !r.allow(other, later) {
		t.Error("one network of IPv6 is not one source")
	}
}
