package state

import (
	"iter"
	"math/bits"
	"math/rand/v2"
	"time"
)

const (
	// MaxRooms is the maximum number of known rooms of an application, open and closed. They
	// take 32 MB of memory, and twice as much while the table is rebuilt.
	MaxRooms = 1_000_000
	// RoomMemory is the time for which a closed room is kept, so that a late callback does not
	// open it again.
	RoomMemory = 24 * time.Hour
)

// roomTable has the registers of the rooms of one application. It is a hash table with open
// addressing and without pointers, so the garbage collector does not scan it. It is not safe for
// concurrent use.
//
// Rooms that were closed before the cutoff are dropped. The cutoff only increases. It is
// RoomMemory before now, or later if there are more than max rooms.
type roomTable struct {
	slots []slot // Newest of an empty slot is 0
	n     int    // number of rooms
	open  int    // number of open rooms
	max   int
	seed  uint64 // random, so that clients cannot choose rooms that collide

	RoomState
	ofRooms int64 // the newest time of all rooms that were put: Newest, or less after a recount

	// anchor is the newest threshold event.
	anchor anchor
	sum    int64 // known rooms that were open at the anchor
	stale  bool  // sum must be computed again

	recent changes
}

type slot struct {
	room Room
	Register
}

// anchor is the threshold event with whose rooms the current rooms are compared.
type anchor struct {
	time     int64 // Unix milliseconds, 0 before the first event
	operator uint32
}

// RoomState is the state of the rooms of an application without their registers. Times are in
// Unix milliseconds.
type RoomState struct {
	// Newest is the newest time of all events and news of rooms, 0 before the first.
	Newest int64
	// Cutoff is the time before which closed rooms were dropped.
	Cutoff int64
	// Dropped is the number of rooms that were dropped before RoomMemory because there were
	// more than MaxRooms.
	Dropped uint64
	// Before is the number of dropped rooms that were open at the anchor.
	Before int64
}

func newRoomTable(max int) roomTable { return roomTable{max: max, seed: rand.Uint64() | 1} }

// get returns the register of a room, the zero value if the room is not known.
func (r *roomTable) get(room Room) Register {
	if len(r.slots) == 0 {
		return Register{}
	}
	return r.find(room).Register
}

// find returns the slot of room, or the empty slot for it. There must be slots.
func (r *roomTable) find(room Room) *slot {
	hi, _ := bits.Mul64(uint64(room)*r.seed, uint64(len(r.slots)))
	for i := int(hi); ; i++ {
		if i == len(r.slots) {
			i = 0
		}
		if s := &r.slots[i]; s.Newest == 0 || s.room == room {
			return s
		}
	}
}

// put sets the register of a room. now is the time of the change in Unix milliseconds.
func (r *roomTable) put(room Room, reg Register, now int64) {
	if len(r.slots) == 0 {
		r.resize(0)
	}
	s := r.find(room)
	if s.Newest == 0 && (r.n >= r.max || 4*(r.n+1) > 3*len(r.slots)) {
		r.makeRoom(now)
		s = r.find(room)
	}
	was := s.Register
	*s = slot{room, reg}
	r.open += openIn(reg) - openIn(was)
	if was.Newest == 0 {
		r.n++
	}
	r.ofRooms = max(r.ofRooms, reg.Time())
	r.Newest = max(r.Newest, r.ofRooms)
	if !r.stale {
		was.reanchor(r.anchor.time)
		reg.reanchor(r.anchor.time)
		r.sum += anchoredIn(reg) - anchoredIn(was)
		r.stale = r.anchor.raisedBy(reg)
	}
	r.recent.add(room, now)
}

func openIn(r Register) int {
	if r.Newest == 0 || r.Closed() {
		return 0
	}
	return 1
}

func anchoredIn(r Register) int64 { return int64(r.Opening & anchorBit) }

// makeRoom drops the rooms that were closed more than RoomMemory ago, and makes the table as
// large as the rest needs. If there are still max rooms, it drops the oldest closed rooms, and
// then the oldest open rooms.
func (r *roomTable) makeRoom(now int64) {
	r.drop(now - RoomMemory.Milliseconds())
	if r.n < r.max {
		return
	}
	before, enough := r.n, r.max-r.max/64-1
	if cutoff, ok := r.oldest(r.n-enough, true); ok {
		r.drop(cutoff)
	}
	if cutoff, ok := r.oldest(r.n-enough, false); ok && r.n > enough {
		r.rebuild(func(reg Register) bool { return reg.Time() >= cutoff })
	}
	r.Dropped += uint64(before - r.n)
}

// drop drops the rooms that were closed before cutoff, and makes the table as large as the
// rest needs.
func (r *roomTable) drop(cutoff int64) {
	r.Cutoff = max(r.Cutoff, cutoff)
	r.rebuild(func(reg Register) bool { return !reg.Closed() || reg.Time() >= r.Cutoff })
}

// expire drops the rooms that were closed more than RoomMemory ago, if they are more than an
// eighth of all rooms.
func (r *roomTable) expire(now int64) {
	cutoff, old := now-RoomMemory.Milliseconds(), 0
	for _, s := range r.slots {
		if s.Closed() && s.Time() < cutoff {
			old++
		}
	}
	if old > r.n/8 {
		r.drop(cutoff)
	}
}

func (r *roomTable) rebuild(keep func(Register) bool) {
	kept := 0
	for _, s := range r.slots {
		if s.Newest != 0 && keep(s.Register) {
			kept++
		}
	}
	old := r.slots
	r.resize(kept)
	r.n, r.open, r.stale = 0, 0, true
	for _, s := range old {
		if s.Newest == 0 {
			continue
		}
		if !keep(s.Register) {
			s.reanchor(r.anchor.time)
			r.Before += anchoredIn(s.Register)
			continue
		}
		*r.find(s.room) = s
		r.n++
		r.open += openIn(s.Register)
	}
}

// resize makes an empty table with slots for about twice n rooms.
func (r *roomTable) resize(n int) {
	const least = 8
	r.slots = make([]slot, min(max(2*n, least), max(r.max*4/3+2, least)))
}

// oldest returns a time before which the newest event of at least n closed (or open) rooms was,
// or of all of them if there are fewer. ok is false if there are none.
func (r *roomTable) oldest(n int, closed bool) (cutoff int64, ok bool) {
	first, last := int64(maxTime), int64(0)
	for _, s := range r.slots {
		if s.Newest != 0 && s.Closed() == closed {
			first, last = min(first, s.Time()), max(last, s.Time())
		}
	}
	if first > last {
		return 0, false
	}
	// Divide the part with the n-th room into smaller parts, until a part is one millisecond.
	const parts = 1 << 10
	for width := last - first + 1; ; width = (width + parts - 1) / parts {
		var count [parts]int
		step := (width + parts - 1) / parts
		for _, s := range r.slots {
			if t := s.Time() - first; s.Newest != 0 && s.Closed() == closed && t >= 0 && t/step < parts {
				count[t/step]++
			}
		}
		i := 0
		for ; i < parts-1 && n > count[i]; i++ {
			n -= count[i]
		}
		first += int64(i) * step
		if step == 1 {
			return first + 1, true
		}
	}
}

// move moves the anchor. Dropped rooms were closed before a new anchor that is after the cutoff.
func (r *roomTable) move(a anchor) {
	if a == r.anchor {
		return
	}
	if a.time >= r.Cutoff {
		r.Before = 0
	}
	r.anchor, r.stale = a, true
}

// at returns the number of known rooms that were open at the anchor. It includes the room whose
// creation raised the threshold event, even if the callback of the creation has a later time.
func (r *roomTable) at() int64 {
	if r.stale {
		r.sum, r.stale = 0, false
		raised, distance := int64(0), int64(ownWindow+1)
		for i := range r.slots {
			s := &r.slots[i]
			if s.Newest == 0 {
				continue
			}
			s.reanchor(r.anchor.time)
			r.sum += anchoredIn(s.Register)
			if r.anchor.raisedBy(s.Register) {
				d := s.opened() - r.anchor.time
				if max(d, -d) < distance {
					distance, raised = max(d, -d), 1-anchoredIn(s.Register)
				}
			}
		}
		r.sum += raised
	}
	return r.sum + r.Before
}

// ownWindow is the maximum difference between the time of a creation and the time of the
// threshold event that it has raised, in milliseconds.
const ownWindow = 2000

// raisedBy reports whether the opening in reg may have raised the threshold event: the operator
// is the same, and the times differ by ownWindow at most.
func (a anchor) raisedBy(reg Register) bool {
	d := reg.opened() - a.time
	return a.operator != 0 && reg.operator() == a.operator && !reg.guessed() && -ownWindow <= d && d <= ownWindow
}

// all returns an iterator over all rooms and their registers.
func (r *roomTable) all() iter.Seq2[Room, Register] {
	return func(yield func(Room, Register) bool) {
		for _, s := range r.slots {
			if s.Newest != 0 && !yield(s.room, s.Register) {
				return
			}
		}
	}
}
