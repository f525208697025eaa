package state

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
)

func TestRoomTableIsAMap(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 0))
		r, model := newRoomTable(MaxRooms), map[Room]Register{}
		for now := int64(1); now < 3000; now++ {
			room := Room(random.Uint64N(400))
			if random.IntN(50) == 0 {
				r.move(anchor{time: now - random.Int64N(20)})
			}
			reg := r.get(room)
			reg.merge(RoomEvent{Time: now - random.Int64N(100), Closed: random.IntN(2) == 0}, r.anchor.time)
			r.put(room, reg, now)
			model[room] = reg
			if random.IntN(100) == 0 {
				checkRooms(t, &r, maps.Collect(r.all())) // sums
			}
		}
		if r.n != len(model) {
			t.Fatalf("%d rooms, want %d", r.n, len(model))
		}
		for room, reg := range model {
			got := r.get(room)
			got.reanchor(r.anchor.time)
			reg.reanchor(r.anchor.time)
			if got != reg {
				t.Fatalf("room %d: got %+v, want %+v", room, got, reg)
			}
		}
	}
}

func TestClosedRoomsAreDroppedAfterADay(t *testing.T) {
	r, day := newRoomTable(MaxRooms), RoomMemory.Milliseconds()
	r.move(anchor{time: 500})
	for i := range int64(1000) {
		var reg Register
		reg.merge(RoomEvent{Time: i + 1}, 500)
		if i%2 == 0 {
			reg.merge(RoomEvent{Time: 2000 + i, Closed: true}, 500)
		}
		r.put(Room(i), reg, 3000)
	}
	if at := r.at(); r.open != 500 || at != 500 {
		t.Fatalf("%d open, %d at the event", r.open, at)
	}
	r.expire(2500 + day)
	want := map[Room]Register{}
	for room, reg := range r.all() {
		if reg.Closed() && reg.Time() < 2500 {
			t.Fatalf("room %d is there, closed at %d", room, reg.Time())
		}
		want[room] = reg
	}
	if len(want) != 750 || r.Dropped != 0 {
		t.Errorf("%d rooms are left, %d dropped early", len(want), r.Dropped)
	}
	if at := r.at(); at != 500 {
		t.Errorf("%d rooms at the event, want 500 still", at)
	}
	checkRooms(t, &r, want)
	r.move(anchor{time: 5000}) // after all closings
	if at := r.at(); at != 500 {
		t.Errorf("%d rooms at the next event, want those that are open", at)
	}
}

func TestTooManyRooms(t *testing.T) {
	const most = 1000
	r, now := newRoomTable(most), int64(1_000_000)
	newest := int64(0)
	for i := range int64(5000) {
		var reg Register
		closed := i%10 != 0
		reg.merge(RoomEvent{Time: now + i, Closed: closed}, 0)
		r.put(Room(i), reg, now)
		if r.n > most {
			t.Fatalf("%d rooms", r.n)
		}
	}
	for _, reg := range r.all() {
		if reg.Closed() {
			newest = max(newest, reg.Time())
			if reg.Time() < r.Cutoff {
				t.Errorf("closed at %d, before the cutoff %d", reg.Time(), r.Cutoff)
			}
		}
	}
	if r.open != 500 || newest != now+4999 || uint64(r.n)+r.Dropped != 5000 {
		t.Errorf("%d open, newest closed %d, %d rooms and %d dropped", r.open, newest, r.n, r.Dropped)
	}
	for i := range int64(2000) { // open rooms only
		var reg Register
		reg.merge(RoomEvent{Time: now + 10_000 + i}, 0)
		r.put(Room(10_000+i), reg, now)
	}
	if r.n > most || r.open < most*9/10 {
		t.Errorf("%d rooms, %d open", r.n, r.open)
	}
	if reg := r.get(11_999); reg.Newest == 0 {
		t.Error("the newest room is not there")
	}
}

func TestChangesSince(t *testing.T) {
	r := newRoomTable(MaxRooms)
	since := func(t int64) (rooms []Room, ok bool) {
		ok = r.recent.since(t, func(room Room) { rooms = append(rooms, room) })
		return rooms, ok
	}
	for i := range int64(10) {
		r.put(Room(i), Register{Newest: 2}, 1000+i)
	}
	if rooms, ok := since(1008); !ok || len(rooms) != 2 || rooms[0] != 8 || rooms[1] != 9 {
		t.Errorf("got %v %t", rooms, ok)
	}
	later := 1005 + changeMemory.Milliseconds()
	r.put(100, Register{Newest: 2}, later)
	if _, ok := since(1004); ok {
		t.Error("removed changes are returned")
	}
	if rooms, ok := since(1005); !ok || len(rooms) != 6 {
		t.Errorf("got %v %t", rooms, ok)
	}
	for i := range Room(2 * maxChanges) {
		r.put(i, Register{Newest: 2}, later)
	}
	if n := len(r.recent.list) - r.recent.head; n > maxChanges || cap(r.recent.list) > 4*maxChanges {
		t.Errorf("%d changes are kept, in a list of %d", n, cap(r.recent.list))
	}
}

// BenchmarkRooms reports the memory of MaxRooms rooms, and the maximum while they are added.
func BenchmarkRooms(b *testing.B) {
	for range b.N {
		runtime.GC()
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		r, most := newRoomTable(MaxRooms), uint64(0)
		size := 0
		for i := range int64(MaxRooms) {
			var reg Register
			reg.merge(RoomEvent{Time: 1_764_000_000_000 + i, Closed: i%2 == 0}, 0)
			r.put(RoomOf("1400000001", strconv.FormatInt(i, 10)), reg, 1_764_000_000_000+i)
			if len(r.slots) != size { // the old and the new table exist
				size = len(r.slots)
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc-before.HeapAlloc)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&now)
		b.ReportMetric(float64(now.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
		b.ReportMetric(float64(most)/(1<<20), "MiB-at-most")
		b.ReportMetric(float64(r.n), "rooms")
		runtime.KeepAlive(r.slots)
	}
}

// checkRooms compares a table with the registers that it must have.
func checkRooms(t *testing.T, r *roomTable, want map[Room]Register) {
	t.Helper()
	if got := maps.Collect(r.all()); !maps.Equal(got, want) {
		t.Fatalf("%d registers, want %d, or others", len(got), len(want))
	}
	open, at := 0, r.Before
	for room, reg := range want {
		if got := r.get(room); got != reg {
			t.Fatalf("room %d: got %+v, want %+v", room, got, reg)
		}
		open += openIn(reg)
		reg.reanchor(r.anchor.time)
		at += anchoredIn(reg)
	}
	if r.open != open || r.n != len(want) {
		t.Fatalf("%d rooms, %d of them open, want %d and %d", r.n, r.open, len(want), open)
	}
	if got := r.at(); got != at {
		t.Fatalf("%d rooms at the threshold event, want %d", got, at)
	}
}
