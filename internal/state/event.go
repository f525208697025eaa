package state

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// Kind is the kind of an event.
type Kind uint8

const (
	// Nothing is a callback that does not report rooms.
	Nothing Kind = iota
	// Threshold is a room created at or above the warning threshold. It has both counts.
	Threshold
	// Created is a room created.
	Created
	// Destroyed is a room destroyed.
	Destroyed
	// Quota is an alarm about the daily group quota.
	Quota
	// Members is members who entered or left. Exact repeats are not recognized, because there
	// are too many events to keep.
	Members
)

// Event is one accepted callback.
type Event struct {
	AppID string
	Kind  Kind
	// Time is Tencent's time of the event in Unix milliseconds, 0 if the callback has none.
	// Received is the time of receipt in Unix milliseconds.
	Time, Received int64
	// Current and Max are the counts of a Threshold event. Max is above 0.
	Current, Max int64
	// Subject distinguishes events of the same millisecond. It is the operator of a Threshold
	// event, or the room of another event, as raw JSON. It is only hashed, never kept.
	Subject []byte
	// RoomID is the room of a Created, Destroyed or Members event, empty if it is not known. It
	// is only hashed, never kept.
	RoomID []byte
	// Operator is the operator who created the room of a Threshold or Created event. It is only
	// hashed, never kept.
	Operator []byte
	// Cause is the cause of a Destroyed event. Statistic is the statistic of its room, nil if
	// the callback has none.
	Cause     DestroyCause
	Statistic *Statistic
	// QuotaUsed and Quota are the values of a Quota event.
	QuotaUsed, Quota int64
	// Members is the number of members of a Members event. MemberCause is its cause.
	Members     int
	MemberCause MemberCause
	// Opened is the creation time of the room of a Destroyed event, in Unix milliseconds rounded
	// to seconds, 0 if it is not known.
	Opened int64
}

// room returns the event of a room that e reports. ok is false if e reports no room.
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

// newest returns e as Register.Newest has it if e is the newest event of its room.
func (e Event) newest() uint64 { return newestOf(e.Time, e.Kind == Destroyed) }

// time returns the time of e. If e has no time, or its time is more than tolerance after its
// receipt, it is the time of receipt. tolerance is in milliseconds.
func (e Event) time(tolerance int64) (t int64, clamped bool) {
	switch {
	case e.Time == 0:
		return e.Received, false
	case e.Time-e.Received > tolerance:
		return e.Received, true
	}
	return e.Time, false
}

// operatorOf returns a hash of an operator that fits in a Register, 0 if operator is empty. The
// hash is stored, so this function must not change.
func operatorOf(operator []byte) uint32 {
	if len(operator) == 0 {
		return 0
	}
	return max(crc32.ChecksumIEEE(operator)&operatorMask, 1)
}

// RoomNews is news of a room from a recount or another replica. Its time must not be in the
// future; the source checks this.
type RoomNews struct {
	AppID string
	Room  Room
	RoomEvent
	Received int64 // Unix milliseconds
}

// News is the newest threshold event of an application that another replica knows. Times are in
// Unix milliseconds and must not be in the future; the source checks this.
type News struct {
	AppID        string
	Current, Max int64
	// EventTime is Tencent's time of the event. Received is the time of its receipt by the
	// replica that counted it.
	EventTime, Received int64
	// Operator is the hash of the operator of the event, 0 if it is not known.
	Operator uint32
}

// Verdict is the result of counting an event.
type Verdict uint8

const (
	// Accepted means that the event is counted. A threshold event sets the gauges.
	Accepted Verdict = iota
	// OutOfOrder means that the event is counted, but does not set the gauges: a newer event
	// has set them before.
	OutOfOrder
	// Duplicate means that the event is an exact repeat of an event within RepeatWindow. It
	// changes nothing.
	Duplicate
)

// Outcome is the result of counting an event.
type Outcome struct {
	Verdict Verdict
	// Clamped means that the time of the event was too far in the future, and that the time of
	// receipt was used instead.
	Clamped bool
	// Opened is the creation time of the room of a Destroyed event, in Unix milliseconds, 0 if it
	// is not known.
	Opened int64
}

// repeatKey returns a key that is equal for exact repeats. It is 64 bits of a hash: in a full
// window, one event in 10^13 has the key of another. room is the room of e if ofRoom is set. ok is
// false for an event without a time, because two rooms that one operator creates at the same count
// would have the same key, and for an event of kind Members.
func (e Event) repeatKey(room Room, ofRoom bool) (key uint64, ok bool) {
	if e.Time == 0 || e.Kind == Members {
		return 0, false
	}
	if ofRoom {
		return room.repeat(e.newest()), true
	}
	subject := e.Subject
	if len(subject) > sha256.Size { // it may be as large as a body
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
