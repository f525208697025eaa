package state

import "cmp"

// Counts is what is known of the rooms of one application. Times are Unix
// milliseconds. The zero value is an application without any event.
type Counts struct {
	// Current and Max are CurRoomCount and MaxRoomCount of the newest threshold
	// event. They are always of the same event, and mean nothing before the first
	// one (Known).
	Current, Max int64
	// EventTime is Tencent's time of that event, Received ours.
	EventTime, Received int64
	Counters
	// QuotaUsed and Quota are those of the newest alarm about the daily group quota, and
	// QuotaTime is Tencent's time of it, 0 if there was none.
	QuotaUsed, Quota, QuotaTime int64
	// Operator is a hash of the one whose creation of a room raised the newest threshold
	// event, 0 if that is not known.
	Operator uint32
	// Since is when the Counters began at zero.
	Since int64
}

// Known reports whether a threshold event has been accepted.
func (c Counts) Known() bool { return c.Received != 0 }

func (c Counts) empty() bool {
	c.Since = 0
	return c == Counts{}
}

// count merges e, which is no duplicate, into c. tolerance is in milliseconds.
func (c *Counts) count(e Event, tolerance int64) Outcome {
	var o Outcome
	t, clamped := e.time(tolerance)
	o.Clamped = clamped
	switch e.Kind {
	case Threshold:
		c.Events++
		switch c.compare(t, e.Current, e.Max) {
		case +1:
			c.Current, c.Max, c.EventTime, c.Received = e.Current, e.Max, t, e.Received
			c.Operator = operatorOf(e.Operator)
		case -1:
			o.Verdict = OutOfOrder
		}
	case Created:
		c.Created++
	case Destroyed:
		c.Destroyed[e.Cause]++
		if e.Statistic == nil {
			c.WithoutStatistic++
		} else {
			c.addStatistic(*e.Statistic)
		}
	case Members:
		c.Members[e.MemberCause] += uint64(e.Members)
	case Quota:
		if t > c.QuotaTime || t == c.QuotaTime && e.QuotaUsed >= c.QuotaUsed {
			c.QuotaTime, c.QuotaUsed, c.Quota = t, e.QuotaUsed, e.Quota
		} else {
			o.Verdict = OutOfOrder
		}
	}
	return o
}

// compare orders the event (t, current, max) against the one that c holds: +1 if
// it is newer, 0 if it is the same. Of two events of one millisecond the one that
// counts more rooms is the later one, since every event is the creation of a room.
func (c Counts) compare(t, current, max int64) int {
	if !c.Known() {
		return +1
	}
	return cmp.Or(cmp.Compare(t, c.EventTime), cmp.Compare(current, c.Current), cmp.Compare(max, c.Max))
}

// learn makes n the newest event if it is newer, and reports whether it was.
func (c *Counts) learn(n News) bool {
	if c.compare(n.EventTime, n.Current, n.Max) <= 0 {
		return false
	}
	c.Current, c.Max, c.EventTime, c.Received, c.Operator = n.Current, n.Max, n.EventTime, n.Received, n.Operator&operatorMask
	return true
}
