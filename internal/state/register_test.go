package state

import "testing"

// If a room is opened and closed once, its register is exact for any order of its events and of
// threshold events before, during and after.
func TestRegisterInAnyOrder(t *testing.T) {
	life := history{{Time: 10}, {Time: 20, Closed: true}}
	repeats := history{{Time: 10}, {Time: 10}, {Time: 20, Closed: true}, {Time: 20, Closed: true}}
	still := history{{Time: 10}, {Time: 10}}
	atOnce := history{{Time: 10}, {Time: 10, Closed: true}}
	n := 0
	for _, h := range []history{life, repeats, still, atOnce} {
		for _, first := range []int64{5, 10, 15, 20, 25} {
			for _, second := range []int64{5, 10, 15, 20, 25} {
				permutations(len(h)+2, func(order []int) {
					n++
					r, anchor := deliver(h, []int64{first, second}, order)
					if r.Closed() == h.openAt(maxTime) || r.anchored() != h.openAt(anchor) {
						t.Fatalf("%v, threshold events at %d and %d, order %v: open %t, open at the event %t", h, first, second, order, !r.Closed(), r.anchored())
					}
				})
			}
		}
	}
	t.Logf("%d orders", n)
}

// A RoomId may be used again. Whether the room is open is exact for any order. Whether it was open
// at a threshold event is exact if the callbacks of one use do not overtake those of the previous
// use, nor the threshold events before it.
func TestRegisterOfARoomIdThatIsUsedAgain(t *testing.T) {
	h := history{{Time: 10}, {Time: 20, Closed: true}, {Time: 30}, {Time: 40, Closed: true}}
	n, exact := 0, 0
	for _, first := range []int64{5, 15, 25, 35, 45} {
		for _, second := range []int64{5, 15, 25, 35, 45} {
			permutations(len(h)+2, func(order []int) {
				n++
				r, anchor := deliver(h, []int64{first, second}, order)
				if !r.Closed() {
					t.Fatalf("order %v: open", order)
				}
				var place [6]int
				for at, i := range order {
					place[i] = at
				}
				next := min(place[2], place[3])
				if max(place[0], place[1]) > next || first < 30 && place[4] > next || second < 30 && place[5] > next {
					return
				}
				exact++
				if r.anchored() != h.openAt(anchor) {
					t.Fatalf("threshold events at %d and %d, order %v: open at the event %t", first, second, order, r.anchored())
				}
			})
		}
	}
	t.Logf("%d orders, %d of them exact", n, exact)
}

// Tencent says when a room was created when it closes, in seconds.
func TestRegisterLearnsTheOpeningFromTheClosing(t *testing.T) {
	const second = 1000
	for _, tc := range []struct {
		name         string
		event        int64
		wasOpenAtThe bool
	}{
		{"event before the opening", 9 * second, false},
		{"event after the opening", 11 * second, true},
		{"event after the closing", 21 * second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r Register
			r.merge(RoomEvent{Time: 20 * second, Closed: true, Opened: 10 * second}, tc.event)
			if r.anchored() != tc.wasOpenAtThe {
				t.Errorf("got %t", r.anchored())
			}
			r.merge(RoomEvent{Time: 10*second + 700}, tc.event) // the creation, late
			if r.anchored() != tc.wasOpenAtThe || r.opened() != 10*second+700 {
				t.Errorf("after the creation: got %t, opened at %d", r.anchored(), r.opened())
			}
		})
	}
}

func TestRegisterKeepsTimesInRange(t *testing.T) {
	for _, at := range []int64{-1, 0, maxTime + 1, 1 << 62} {
		var r Register
		r.merge(RoomEvent{Time: at, Operator: 1<<32 - 1}, 0)
		if r.Newest == 0 || r.Time() < 1 || r.Time() > maxTime || r.opened() != r.Time() || r.guessed() || r.Closed() {
			t.Errorf("time %d: %+v", at, r)
		}
	}
}

// The hash is the same on every replica, and in every version.
func TestRoomOf(t *testing.T) {
	if got := RoomOf("1400000001", "live_1"); got != 0x615b7c4242505f65 {
		t.Errorf("got %#x", uint64(got))
	}
	if RoomOf("1", "2x") == RoomOf("12", "x") {
		t.Error("two rooms are one")
	}
}

// history has all events of a room.
type history []RoomEvent

// openAt reports whether the room was open at a time.
func (h history) openAt(t int64) bool {
	var newest int64
	open := false
	for _, e := range h {
		if e.Time <= t && (e.Time > newest || e.Time == newest && e.Closed) {
			newest, open = e.Time, !e.Closed
		}
	}
	return open
}

// permutations calls yield with all orders of n things.
func permutations(n int, yield func(order []int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(k int)
	swap = func(k int) {
		if k == n {
			yield(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

// deliver returns the register of a room after its events and threshold events at the times of
// anchors have arrived in an order.
func deliver(h history, anchors []int64, order []int) (r Register, anchor int64) {
	for _, i := range order {
		if i < len(h) {
			r.merge(h[i], anchor)
		} else {
			anchor = max(anchor, anchors[i-len(h)])
		}
	}
	r.reanchor(anchor)
	return r, anchor
}
