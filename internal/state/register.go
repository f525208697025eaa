package state

import (
	"crypto/sha256"
	"encoding/binary"
)

// Room identifies a room of an application.
type Room uint64

// RoomOf returns the Room of a RoomId: the first 64 bits of the SHA-256 of the SDKAppID, a zero
// byte and the RoomId. It is the same on every replica. Clients choose RoomIds: with a weaker
// hash, a client could choose a RoomId with the Room of another.
func RoomOf(appID, roomID string) Room { return roomOf(appID, []byte(roomID)) }

func roomOf(appID string, roomID []byte) Room {
	var buf [256]byte
	b := append(buf[:0], appID...)
	b = append(b, 0)
	b = append(b, roomID...)
	sum := sha256.Sum256(b)
	return Room(binary.BigEndian.Uint64(sum[:]))
}

// repeat returns the key by which an exact repeat of an event of the room is recognized. newest is
// the event as in Register.Newest. Events of one room have different keys. As a Room is 64 bits of
// a good hash, so are the keys of all rooms.
func (r Room) repeat(newest uint64) uint64 {
	return uint64(r) + newest*0x9e3779b97f4a7c15 // odd, so that no two products are equal
}

// Register is the state of one room. The newest event wins; of two events of the same time, the
// closing wins. So events of a room may arrive twice, late, in any order and from any source.
//
// A Register has three values: the newest event; the time of the last opening; and whether the
// room was open at the anchor, which is the time of the newest threshold event. From the last
// value follows the estimate: the rooms of now are the rooms at the anchor, plus the rooms opened
// since, minus the rooms closed since.
type Register struct {
	// Newest is twice the time of the newest event, plus 1 if the event was the closing. The
	// larger value wins. It is 0 only in the zero value, an unknown room.
	Newest uint64
	// Opening has the time of the last opening in its upper bits, and further values in its
	// lower bits: see the constants below.
	Opening uint64
}

// The bits of Opening, from the highest: 42 of the time, which suffices until 2109, 16 of the operator,
// and two flags.
const (
	OpeningShift  = 18 // place of the time
	OperatorShift = 2  // place of the operator
	OpeningFlags  = guessedBit | anchorBit

	maxTime      = 1<<42 - 1
	operatorMask = 1<<16 - 1
	operatorBits = operatorMask << OperatorShift
	guessedBit   = 2 // the time is a lower bound: 0, the previous closing, or rounded to seconds
	anchorBit    = 1 // the room was open at the anchor
)

// Closed reports whether the newest event was the closing.
func (r Register) Closed() bool { return r.Newest&1 == 1 }

// Time returns the time of the newest event in Unix milliseconds.
func (r Register) Time() int64 { return int64(r.Newest >> 1) }

// Opened returns the time of the last opening in Unix milliseconds, and the hash of the operator
// who opened the room. Each is 0 if it is not known. If exact is false, the room was opened at
// that time or later.
func (r Register) Opened() (t int64, operator uint32, exact bool) {
	return r.opened(), r.operator(), !r.guessed()
}

func (r Register) opened() int64  { return int64(r.Opening >> OpeningShift) }
func (r Register) guessed() bool  { return r.Opening&guessedBit != 0 }
func (r Register) anchored() bool { return r.Opening&anchorBit != 0 }
func (r Register) operator() uint32 {
	return uint32(r.Opening & operatorBits >> OperatorShift)
}

// RoomEvent is an event of one room, or news of it.
type RoomEvent struct {
	// Time is the time in Unix milliseconds at which the room was closed if Closed is true, was
	// open if Seen is true, or else was opened.
	Time   int64
	Closed bool
	// Seen means that a recount has found the room open at Time. It was opened before.
	Seen bool
	// Opened is the time of the opening of a room that is closed or seen, in Unix milliseconds
	// rounded to seconds, 0 if it is not known. Some callbacks of Tencent have it, and its list
	// of rooms.
	Opened int64
	// Operator is a hash of the operator who opened the room, 0 if it is not known.
	Operator uint32
}

// merge applies e. anchor is the time of the newest threshold event, 0 before the first.
func (r *Register) merge(e RoomEvent, anchor int64) {
	r.reanchor(anchor)
	t, opened := timeOf(e.Time), min(max(e.Opened, 0), maxTime)
	newest := newestOf(t, e.Closed)
	switch {
	case newest > r.Newest:
		r.advance(e, newest, t)
	case e.Closed:
		r.closedBefore(t, anchor)
	case !e.Seen:
		r.openedBefore(t, e.Operator, anchor, false)
	}
	if opened > 0 && opened <= t {
		r.openedBefore(opened, 0, anchor, true)
	}
	r.reanchor(anchor)
}

// newestOf returns an event as Register.Newest has it. t is its time in Unix milliseconds.
func newestOf(t int64, closed bool) uint64 {
	newest := uint64(t) << 1
	if closed {
		newest++
	}
	return newest
}

// timeOf returns t limited to the range of a Register.
func timeOf(t int64) int64 { return min(max(t, 1), maxTime) }

// advance applies an event that is newer than the newest event.
func (r *Register) advance(e RoomEvent, newest uint64, t int64) {
	was := *r
	r.Newest = newest
	switch {
	case !e.Closed && !e.Seen:
		r.setOpened(t, e.Operator, false)
	case was.Newest == 0:
		r.setOpened(0, 0, true)
	case was.Closed(): // the callback of the next opening is lost or late
		r.setOpened(was.Time(), 0, true)
	}
}

func (r *Register) setOpened(t int64, operator uint32, guessed bool) {
	r.Opening = uint64(t)<<OpeningShift | uint64(operator&operatorMask)<<OperatorShift | r.Opening&anchorBit
	if guessed {
		r.Opening |= guessedBit
	}
}

// openedBefore applies an opening that is older than the newest event. guessed says that t is a
// lower bound.
func (r *Register) openedBefore(t int64, operator uint32, anchor int64, guessed bool) {
	if t == r.opened() && !guessed && !r.guessed() && r.operator() == 0 {
		r.setOpened(t, operator, false) // the operator was not known before
	}
	known := t == r.opened() && r.guessed() && !guessed // t confirms the lower bound
	if t <= r.opened() && !known || t > r.Time() {
		return
	}
	if guessed && !r.guessed() {
		return // the time in milliseconds is more exact
	}
	if r.guessed() && r.opened() <= anchor && anchor < t {
		r.setAnchored(false) // the room was closed until t
	}
	r.setOpened(t, operator, guessed)
}

func (r *Register) setAnchored(open bool) {
	r.Opening &^= anchorBit
	if open {
		r.Opening |= anchorBit
	}
}

// openedFor returns the time of the opening that precedes the closing e, 0 if it is not known.
func (r Register) openedFor(e RoomEvent) int64 {
	if r.Time() == timeOf(e.Time) && !r.guessed() {
		return r.opened()
	}
	return e.Opened
}

// closedBefore applies a closing that is older than the newest event.
func (r *Register) closedBefore(t, anchor int64) {
	switch {
	case r.opened() > t:
		if t <= anchor && anchor < r.opened() {
			r.setAnchored(false)
		}
	case t < r.Time(): // the room was opened again after t
		r.setOpened(t, 0, true)
	}
}

// reanchor moves the anchor of r forward. If r does not determine whether the room was open at
// the new anchor, the value of the previous anchor stays.
func (r *Register) reanchor(anchor int64) {
	switch {
	case r.Newest == 0:
	case anchor >= r.Time():
		r.setAnchored(!r.Closed())
	case anchor >= r.opened() && anchor > 0:
		r.setAnchored(true)
	}
}
