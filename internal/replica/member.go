package replica

import (
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// fault is why a member that was read is not used: the label reason of a metric.
type fault string

const (
	malformed  fault = "malformed"    // not of the form that replicas write
	outOfRange fault = "out_of_range" // a number that makes no sense
	future     fault = "future"       // later than the clock of this replica allows
	tooMany    fault = "too_many"     // beyond the most rooms of an application
)

var faults = []fault{malformed, outOfRange, future, tooMany}

const (
	maxCount = 1_000_000_000 // as for counts of a callback
	maxTime  = 1<<42 - 1     // Unix milliseconds that a register can hold
	// poisonAge is how far beyond the tolerance a member must lie in the future to be removed
	// from the engine. One that is nearer comes from a clock that is a little fast.
	poisonAge = 10 * time.Minute
)

// clock says which times can be used: those until latest. All are Unix milliseconds.
type clock struct {
	now, latest int64
	poison      int64 // from here on a member is removed
	oldest      int64 // rooms that were closed before are forgotten
}

func newClock(now time.Time, tolerance time.Duration) clock {
	ms := now.UnixMilli()
	latest := ms + tolerance.Milliseconds()
	return clock{now: ms, latest: latest, poison: latest + poisonAge.Milliseconds(), oldest: ms - state.RoomMemory.Milliseconds()}
}

// An event is EventTime(13):Current(10):Max(10):Received(13):Operator(5). The first three are
// the order of package state; the last one is hexadecimal.
const eventForm = "%013d:%010d:%010d:%013d:%05x"

const eventLength = 13 + 1 + 10 + 1 + 10 + 1 + 13 + 1 + 5

// encodeEvent returns the member of an event, "" if there is no event.
func encodeEvent(n state.News) string {
	if n.Received == 0 {
		return ""
	}
	return fmt.Sprintf(eventForm, n.EventTime, n.Current, n.Max, n.Received, n.Operator)
}

// decodeEvent returns the event of a member. remove says that no replica should keep it.
func decodeEvent(appID, text string, c clock) (n state.News, why fault, remove bool) {
	number := func(from, to, base int) int64 {
		v, err := strconv.ParseUint(text[from:to], base, 60)
		if err != nil {
			why = malformed
		}
		return int64(v)
	}
	if len(text) != eventLength {
		return n, malformed, true
	}
	n = state.News{
		AppID: appID, EventTime: number(0, 13, 10), Current: number(14, 24, 10), Max: number(25, 35, 10),
		Received: number(36, 49, 10), Operator: uint32(number(50, 55, 16)),
	}
	newest := max(n.EventTime, n.Received)
	switch {
	case why != "" || encodeEvent(n) != text:
		return n, malformed, true
	case n.Current > maxCount || n.Max < 1 || n.Max > maxCount || n.EventTime < 1:
		return n, outOfRange, true
	case newest > c.latest:
		return n, future, newest > c.poison
	}
	return n, "", false
}

// roomMember is a member of the rooms of an application. A register has the form Room(16), its
// score is twice the time of the newest event of the room, plus 1 if that was the closing. An
// opening has the form Room(16):Operator(5), its score is twice the time when the room was
// opened, plus 1 if it was opened then or later. Both are hexadecimal.
type roomMember struct {
	room     state.Room
	opening  bool
	operator uint32 // of an opening, 0 if it is not known
}

func (m roomMember) String() string {
	if m.opening {
		return fmt.Sprintf("%016x:%05x", uint64(m.room), m.operator)
	}
	return fmt.Sprintf("%016x", uint64(m.room))
}

// members calls add with the members of a register and their scores: those that are young
// enough to be kept.
func members(r state.RoomRecord, c clock, add func(roomMember, uint64)) {
	if r.Closed() && r.Time() < c.oldest {
		return
	}
	add(roomMember{room: r.Room}, r.Newest)
	opened, operator, exact := r.Opened()
	switch {
	case opened < c.oldest: // it does not matter for any event from now on
	case exact:
		add(roomMember{r.Room, true, operator}, uint64(opened)<<1)
	default:
		add(roomMember{r.Room, true, 0}, uint64(opened)<<1+1)
	}
}

// decodeRoom returns what a member says. old means that it says nothing that is still wanted,
// remove that no replica should keep it.
func decodeRoom(z redis.Z, c clock) (m roomMember, score uint64, why fault, old, remove bool) {
	text, ok := z.Member.(string)
	if !ok || len(text) != 16 && len(text) != 22 {
		return m, 0, malformed, false, true
	}
	room, err := strconv.ParseUint(text[:16], 16, 64)
	m.room = state.Room(room)
	if err == nil && len(text) == 22 {
		var operator uint64
		operator, err = strconv.ParseUint(text[17:], 16, 20)
		m.opening, m.operator = true, uint32(operator)
	}
	if err != nil || m.String() != text {
		return m, 0, malformed, false, true
	}
	if !(z.Score >= 2 && z.Score <= 2*maxTime+1) { // infinities, too
		return m, 0, outOfRange, false, true
	}
	score = uint64(z.Score)
	if float64(score) != z.Score {
		return m, 0, outOfRange, false, true
	}
	t := int64(score >> 1)
	if t > c.latest {
		return m, score, future, false, t > c.poison
	}
	old = t < c.oldest && (m.opening || score&1 == 1)
	return m, score, "", old, old
}

// news returns what a member says of a room; register is the score of its register, as far as
// it is known. ok is false if it says nothing.
func (m roomMember) news(appID string, score, register uint64, c clock) (n state.RoomNews, ok bool) {
	n = state.RoomNews{AppID: appID, Room: m.room, Received: c.now}
	t, odd := int64(score>>1), score&1 == 1
	switch {
	case m.opening && odd: // it goes together with the newest event
		n.Time, n.Closed, n.Opened = int64(register>>1), register&1 == 1, t
		n.Seen = !n.Closed
		return n, register > 0
	case m.opening:
		n.Time, n.Operator = t, m.operator
	default: // the opening has a member of its own
		n.Time, n.Closed, n.Seen = t, odd, !odd
	}
	return n, true
}
