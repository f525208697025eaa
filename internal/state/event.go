package state

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// Kind says what an event reports.
type Kind uint8

const (
	// Nothing is a callback that says nothing of rooms.
	Nothing Kind = iota
	// Threshold is a room created at or above the warning threshold; it carries
	// both counts.
	Threshold
	// Created is a room created.
	Created
	// Destroyed is a room destroyed.
	Destroyed
	// Quota is an alarm about the daily group quota.
	Quota
	// Members is that members came or went. Exact repeats are not recognized: there are too
	// many of them.
	Members
)

// Event is one accepted callback.
type Event struct {
	AppID string
	Kind  Kind
	// Time is the time of the event as Tencent reported it and Received that of
	// its receipt, in Unix milliseconds. Time is 0 when none was reported.
	Time, Received int64
	// Current and Max are the counts of a Threshold event, with Max above zero.
	Current, Max int64
	// Subject tells apart events of one millisecond: the operator of a Threshold
	// event, the room of the others, as raw JSON. It is only hashed, never kept.
	Subject []byte
	// RoomID is the room of a Created, Destroyed or Members event, empty if it is not known. It is
	// only hashed, never kept.
	RoomID []byte
	// Operator is who created the room, of a Threshold or a Created event. It is only
	// hashed, never kept.
	Operator []byte
	// Cause is why a room was Destroyed, and Statistic what was counted of it, nil if that was
	// not told.
	Cause     DestroyCause
	Statistic *Statistic
	// QuotaUsed and Quota are those of a Quota event.
	QuotaUsed, Quota int64
	// Members is how many members came or went by a Members event, and MemberCause is why.
	Members     int
	MemberCause MemberCause
	// Opened is when a room that was Destroyed had been created, in whole seconds: Unix
	// milliseconds, 0 if it is not known.
	Opened int64
}

// room returns what e says of a room, if it says anything.
func (e Event) room(tolerance int64) (room Room, re RoomEvent, ok bool) {
	if len(e.RoomID) == 0 || e.Kind != Created && e.Kind != Destroyed {
		return 0, RoomEvent{}, false
	}
	re.Time, _ = e.time(tolerance)
	if e.Kind == Destroyed {
		re.Closed, re.Opened = true, e.Opened
	} else {
		re.Operator = operatorOf(e.Operator)
	}
	return roomOf(e.AppID, e.RoomID), re, true
}

// time returns when e happened: at its receipt if it does not say, or lies too far in the
// future.
func (e Event) time(tolerance int64) (t int64, clamped bool) {
	switch {
	case e.Time == 0:
		return e.Received, false
	case e.Time-e.Received > tolerance:
		return e.Received, true
	}
	return e.Time, false
}

// operatorOf returns a hash of an operator that a Register can hold, 0 if there is none. It
// is stored, so it must not change.
func operatorOf(operator []byte) uint32 {
	if len(operator) == 0 {
		return 0
	}
	return max(crc32.ChecksumIEEE(operator)&operatorMask, 1)
}

// RoomNews is what another source says of a room: a recount, or another replica. It is not
// in the future, which the source checks.
type RoomNews struct {
	AppID string
	Room  Room
	RoomEvent
	Received int64 // Unix milliseconds
}

// News is what another source says of an application: the newest threshold event that it
// knows. Times are Unix milliseconds; neither is in the future, which the source checks.
type News struct {
	AppID        string
	Current, Max int64
	// EventTime is Tencent's time of the event; Received is the time of its receipt by
	// whoever counted it.
	EventTime, Received int64
	// Operator is the hash of the operator of that event, 0 if it is not known.
	Operator uint32
}

// Verdict says what became of an event.
type Verdict uint8

const (
	// Accepted events are counted, and the newest threshold event moves the gauges.
	Accepted Verdict = iota
	// OutOfOrder threshold events are counted and move no gauge: a newer one is
	// held already.
	OutOfOrder
	// Duplicate events repeat one that came within RepeatWindow and change nothing.
	Duplicate
)

// Outcome says what counting an event has changed.
type Outcome struct {
	Verdict Verdict
	// Clamped means that the time lay too far in the future and that the time of
	// receipt stands in its place.
	Clamped bool
	// Opened is when the room of a Destroyed event was opened, Unix milliseconds; 0 if that
	// is not known.
	Opened int64
}

// repeatKey identifies e among the events of a window, by 64 bits of a hash: among
// the most that a window holds, one event in 10^13 would be taken for another. An
// event without a time has none: two rooms created by one operator at one count would
// be taken for one.
func (e Event) repeatKey() (key uint64, ok bool) {
	if e.Time == 0 || e.Kind == Members {
		return 0, false
	}
	subject := e.Subject
	if len(subject) > sha256.Size { // it may be as large as a body: do not copy it
		sum := sha256.Sum256(subject)
		subject = sum[:]
	}
	var buf [128]byte
	b := append(buf[:0], byte(e.Kind))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Current))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Max))
	if e.Kind == Quota {
		b = binary.BigEndian.AppendUint64(b, uint64(e.QuotaUsed))
		b = binary.BigEndian.AppendUint64(b, uint64(e.Quota))
	}
	b = append(b, e.AppID...)
	b = append(b, 0)
	b = append(b, subject...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:]), true
}
