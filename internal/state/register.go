package state

import (
	"crypto/sha256"
	"encoding/binary"
)

// Room identifies a room of an application.
type Room uint64

// RoomOf returns the Room of a RoomId: the first 64 bits of the SHA-256 of SDKAppID, a zero
// byte and RoomId. It is the same on every replica. RoomIds are chosen by clients, so a
// weaker hash would let one of them hide the rooms of another.
func RoomOf(appID, roomID string) Room { return roomOf(appID, []byte(roomID)) }

func roomOf(appID string, roomID []byte) Room {
	var buf [256]byte
	b := append(buf[:0], appID...)
	b = append(b, 0)
	b = append(b, roomID...)
	sum := sha256.Sum256(b)
	return Room(binary.BigEndian.Uint64(sum[:]))
}

// Register is what is known of one room. The newest event wins, the closing on equal times,
// so events of a room may come twice, late and in any order, and from anywhere.
//
// It says three things: what the newest event was; since when the room is open, or was; and
// whether it was open at the time of one earlier event, the anchor. The last one makes an
// estimate possible: rooms now are the rooms at the anchor, plus those that are open now and
// were not then, minus those that were then and are not now.
type Register struct {
	// Newest is twice the time of the newest event, plus 1 if that was the closing: the
	// larger one wins. It is never 0.
	Newest uint64
	// Opening is the time from which the room is open, or was before it was closed, and more
	// in its lower bits: see the methods.
	Opening uint64
}

// The bits of Opening: the time takes 42, which suffices until 2109.
const (
	maxTime      = 1<<42 - 1
	openingShift = 22
	operatorMask = 1<<20 - 1
	operatorBits = operatorMask << 2
	guessedBit   = 2 // the time is a lower bound: 0, the closing before, or a time in seconds
	anchorBit    = 1 // the room was open at the anchor
)

// Closed reports whether the newest event was the closing.
func (r Register) Closed() bool { return r.Newest&1 == 1 }

// Time is that of the newest event, Unix milliseconds.
func (r Register) Time() int64 { return int64(r.Newest >> 1) }

// Opened returns when the room was opened that is open, or was before it was closed, in Unix
// milliseconds, and the hash of its operator; each is 0 if it is not known. If it is not exact
// the room was opened then or later.
func (r Register) Opened() (t int64, operator uint32, exact bool) {
	return r.opened(), r.operator(), !r.guessed()
}

func (r Register) opened() int64  { return int64(r.Opening >> openingShift) }
func (r Register) guessed() bool  { return r.Opening&guessedBit != 0 }
func (r Register) anchored() bool { return r.Opening&anchorBit != 0 }
func (r Register) operator() uint32 {
	return uint32(r.Opening & operatorBits >> 2)
}

// RoomEvent is an event of one room, or news of it.
type RoomEvent struct {
	// Time is when the room was opened, was closed if Closed, or was seen to be open if Seen.
	// Unix milliseconds.
	Time   int64
	Closed bool
	// Seen means that the room was open at Time and had been opened before: a recount says so.
	Seen bool
	// Opened is when a room that was closed or Seen had been opened, in whole seconds: Tencent
	// says so in some callbacks and in its list of rooms. Unix milliseconds; 0 if it is not
	// known.
	Opened int64
	// Operator is a hash of who opened the room; 0 if it is not known.
	Operator uint32
}

// merge applies e, whose anchor is the time of the newest threshold event, 0 before the
// first one.
func (r *Register) merge(e RoomEvent, anchor int64) {
	r.reanchor(anchor)
	t, opened := timeOf(e.Time), min(max(e.Opened, 0), maxTime)
	newest := uint64(t) << 1
	if e.Closed {
		newest++
	}
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

// timeOf returns t within what a Register can hold.
func timeOf(t int64) int64 { return min(max(t, 1), maxTime) }

// advance applies an event that is newer than all before.
func (r *Register) advance(e RoomEvent, newest uint64, t int64) {
	was := *r
	r.Newest = newest
	switch {
	case !e.Closed && !e.Seen:
		r.setOpened(t, e.Operator, false)
	case was.Newest == 0:
		r.setOpened(0, 0, true)
	case was.Closed(): // its opening after that was missed, or is late
		r.setOpened(was.Time(), 0, true)
	}
}

func (r *Register) setOpened(t int64, operator uint32, guessed bool) {
	r.Opening = uint64(t)<<openingShift | uint64(operator&operatorMask)<<2 | r.Opening&anchorBit
	if guessed {
		r.Opening |= guessedBit
	}
}

// openedBefore applies an opening that is older than the newest event. It says when the
// life of the room began that the newest event is of.
func (r *Register) openedBefore(t int64, operator uint32, anchor int64, guessed bool) {
	if t == r.opened() && !guessed && !r.guessed() && r.operator() == 0 {
		r.setOpened(t, operator, false) // only now it is known who opened it
	}
	known := t == r.opened() && r.guessed() && !guessed // what was guessed is known now
	if t <= r.opened() && !known || t > r.Time() {
		return
	}
	if guessed && !r.guessed() {
		return // whole seconds against milliseconds
	}
	if r.guessed() && r.opened() <= anchor && anchor < t {
		r.setAnchored(false) // it was closed until t, as far as is known
	}
	r.setOpened(t, operator, guessed)
}

func (r *Register) setAnchored(open bool) {
	r.Opening &^= anchorBit
	if open {
		r.Opening |= anchorBit
	}
}

// openedFor returns when the room was opened that e has closed, 0 if that is not known.
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
	case t < r.Time(): // there was an opening since
		r.setOpened(t, 0, true)
	}
}

// reanchor moves the anchor of r forward. Where r cannot tell whether it was open then, it
// was as at the anchor before.
func (r *Register) reanchor(anchor int64) {
	switch {
	case r.Newest == 0:
	case anchor >= r.Time():
		r.setAnchored(!r.Closed())
	case anchor >= r.opened() && anchor > 0:
		r.setAnchored(true)
	}
}
