package state

import "cmp"

// Counts are the counts of one application. Times are in Unix milliseconds. The zero value is an
// application without events.
type Counts struct {
	// Current and Max are CurRoomCount and MaxRoomCount of the newest threshold event. Both are
	// of the same event. They are undefined before the first event (Known).
	Current, Max int64
	// EventTime is Tencent's time of that event. Received is the exporter's time of its receipt.
	EventTime, Received int64
	Counters
	// QuotaUsed and Quota are the values of the newest alarm about the daily group quota.
	// QuotaTime is Tencent's time of the alarm, 0 if there was none.
	QuotaUsed, Quota, QuotaTime int64
	// Operator is a hash of the operator who created the room of the newest threshold event, 0
	// if the operator is not known.
	Operator uint32
	// Since is the time at which the Counters started at zero.
	Since int64
}

// Known reports whether a threshold event has been accepted.
func (c Counts) Known() bool { return c.Received != 0 }

func (c Counts) empty() bool {
	c.Since = 0
	return c == Counts{}
}

// count merges e, which must not be a duplicate, into c. tolerance is in milliseconds.
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

// compare compares the event (t, current, max) with the event of c. It returns +1 if the event is
// newer, 0 if it is the same, and -1 if it is older. Of two events of one millisecond, the event
// with more rooms is newer, since each event is the creation of a room.
func (c Counts) compare(t, current, max int64) int {
	if !c.Known() {
		return +1
	}
	return cmp.Or(cmp.Compare(t, c.EventTime), cmp.Compare(current, c.Current), cmp.Compare(max, c.Max))
}

// learn makes n the newest event if n is newer, and reports whether it was.
func (c *Counts) learn(n News) bool {
	if c.compare(n.EventTime, n.Current, n.Max) <= 0 {
		return false
	}
	c.Current, c.Max, c.EventTime, c.Received, c.Operator = n.Current, n.Max, n.EventTime, n.Received, n.Operator&operatorMask
	return true
}
