package state

import (
	"iter"
	"math/bits"
	"math/rand/v2"
	"time"
)

const (
	// MaxRooms is how many rooms of an application are known at most, open and closed ones.
	// They take 32 MB of memory, and twice that for the moment in which old ones are dropped.
	MaxRooms = 1_000_000
	// RoomMemory is how long a closed room is kept, so that a late callback does not open it
	// again.
	RoomMemory = 24 * time.Hour
)

// roomTable has the registers of the rooms of one application. It is a hash table with open
// addressing, without pointers: a garbage collection does not look into it. It is not safe
// for concurrent use.
//
// The registers of rooms that were closed before the cutoff have been dropped. The cutoff
// only moves forward, RoomMemory behind the clock, or further if there are more than max.
type roomTable struct {
	slots []slot // empty ones have a Register without Newest
	n     int    // registers
	open  int    // of them
	max   int
	seed  uint64 // nobody can choose rooms that collide
	RoomState

	// anchor is what sum is of: the time of the newest threshold event and its operator.
	anchor anchor
	sum    int64 // rooms open at the anchor, as far as known
	stale  bool  // sum must be made again

	recent changes
}

type slot struct {
	room Room
	Register
}

// anchor is a threshold event, to which the rooms of now are compared.
type anchor struct {
	time     int64 // Unix milliseconds, 0 before the first event
	operator uint32
}

// RoomState is what is known of the rooms of an application beside their registers. Times
// are Unix milliseconds.
type RoomState struct {
	// Newest is the newest time of all events and news of rooms, 0 before the first one.
	Newest int64
	// Cutoff is the time before which closed rooms were dropped.
	Cutoff int64
	// Dropped counts the rooms that were dropped before their time, because there were more
	// than MaxRooms.
	Dropped uint64
	// Before is how many of the dropped rooms were open at the anchor.
	Before int64
}

func newRoomTable(max int) roomTable { return roomTable{max: max, seed: rand.Uint64() | 1} }

// get returns the register of a room, the zero one if it is not known.
func (r *roomTable) get(room Room) Register {
	if len(r.slots) == 0 {
		return Register{}
	}
	return r.find(room).Register
}

// find returns the place of room, or the empty one where it belongs. There must be slots.
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

// put makes reg the register of a room. now is the time of the change, Unix milliseconds.
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
	r.Newest = max(r.Newest, reg.Time())
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

// makeRoom drops the rooms that were closed too long ago. If that is not enough it drops
// the oldest of the others, closed ones first, or makes the table larger.
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

// expire drops the rooms that were closed too long ago, unless they are few.
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

// resize makes an empty table for n registers and some more.
func (r *roomTable) resize(n int) {
	const least = 8
	r.slots = make([]slot, min(max(2*n, least), max(r.max*4/3+2, least)))
}

// oldest returns a time before which at least n rooms were closed (or opened), or all of
// them if they are fewer. ok means that there are any.
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
	// Look closer at the part in which the n-th lies, until it is one millisecond.
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

// move moves the anchor: what was dropped was closed before the new one.
func (r *roomTable) move(a anchor) {
	if a == r.anchor {
		return
	}
	if a.time >= r.Cutoff {
		r.Before = 0
	}
	r.anchor, r.stale = a, true
}

// at returns how many rooms were open at the anchor, as far as they are known. The room
// whose creation raised the threshold event is among them, even if its own callback has a
// later time.
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

// ownWindow is how far the time of a creation may be from that of the threshold event that
// it has raised, in milliseconds.
const ownWindow = 2000

// raisedBy reports whether the opening in reg may have raised the event: it has the same
// operator, and about the same time.
func (a anchor) raisedBy(reg Register) bool {
	d := reg.opened() - a.time
	return a.operator != 0 && reg.operator() == a.operator && !reg.guessed() && -ownWindow <= d && d <= ownWindow
}

// all iterates over all registers.
func (r *roomTable) all() iter.Seq2[Room, Register] {
	return func(yield func(Room, Register) bool) {
		for _, s := range r.slots {
			if s.Newest != 0 && !yield(s.room, s.Register) {
				return
			}
		}
	}
}
