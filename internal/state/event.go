package state

import (
	"crypto/sha256"
	"encoding/binary"
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
}

// News is what another source says of an application: the newest threshold event that it
// knows. Times are Unix milliseconds; neither is in the future, which the source checks.
type News struct {
	AppID        string
	Current, Max int64
	// EventTime is Tencent's time of the event; Received is the time of its receipt by
	// whoever counted it.
	EventTime, Received int64
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
}

// count merges e, which is no duplicate, into c. tolerance is in milliseconds.
func (c *Counts) count(e Event, tolerance int64) Outcome {
	var o Outcome
	t := e.Time
	if t == 0 {
		t = e.Received
	} else if t-e.Received > tolerance {
		t, o.Clamped = e.Received, true
	}
	switch e.Kind {
	case Threshold:
		c.Events++
		switch c.compare(t, e.Current, e.Max) {
		case +1:
			c.Current, c.Max, c.EventTime, c.Received = e.Current, e.Max, t, e.Received
			c.Estimate = e.Current
		case -1:
			o.Verdict = OutOfOrder
		}
	case Created:
		c.Created++
		if t > c.EventTime {
			c.Estimate++
		}
	case Destroyed:
		c.Destroyed++
		if t > c.EventTime {
			c.Estimate = max(c.Estimate-1, 0)
		}
	}
	return o
}

// learn makes n the newest event if it is newer, and reports whether it was.
func (c *Counts) learn(n News) bool {
	if c.compare(n.EventTime, n.Current, n.Max) <= 0 {
		return false
	}
	c.Current, c.Max, c.EventTime, c.Received = n.Current, n.Max, n.EventTime, n.Received
	c.Estimate = n.Current
	return true
}

// repeatKey identifies e among the events of a window, by 64 bits of a hash: among
// the most that a window holds, one event in 10^13 would be taken for another. An
// event without a time has none: two rooms created by one operator at one count would
// be taken for one.
func (e Event) repeatKey() (key uint64, ok bool) {
	if e.Time == 0 {
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
	b = append(b, e.AppID...)
	b = append(b, 0)
	b = append(b, subject...)
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:]), true
}
