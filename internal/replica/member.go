package replica

import (
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// fault is why a member that was read is not used. It is the label reason of a metric.
type fault string

const (
	malformed  fault = "malformed"    // not of the form that replicas write
	outOfRange fault = "out_of_range" // a number that no replica writes
	future     fault = "future"       // later than the clock of this replica allows
	tooMany    fault = "too_many"     // beyond the most rooms of an application
)

var faults = []fault{malformed, outOfRange, future, tooMany}

const (
	maxCount = 1_000_000_000 // as for the counts of a callback
	maxTime  = 1<<42 - 1     // the largest time of a register, Unix milliseconds
	// poisonAge is how far beyond the tolerance the time of a member must be for its removal from
	// the engine. A smaller difference may be that of a clock that is a little fast.
	poisonAge = 10 * time.Minute
)

// clock says which times are usable. All are Unix milliseconds.
type clock struct {
	now    int64
	latest int64 // a member with a later time is not used
	poison int64 // a member with a later time is removed from the engine
	oldest int64 // a room that was closed earlier is forgotten
}

func newClock(now time.Time, tolerance time.Duration) clock {
	ms := now.UnixMilli()
	latest := ms + tolerance.Milliseconds()
	return clock{now: ms, latest: latest, poison: latest + poisonAge.Milliseconds(), oldest: ms - state.RoomMemory.Milliseconds()}
}

// The member of an event is EventTime(13):Current(10):Max(10):Received(13):Operator(4). Package
// state orders events by the first three fields. Operator is hexadecimal.
const eventForm = "%013d:%010d:%010d:%013d:%04x"

const eventLength = 13 + 1 + 10 + 1 + 10 + 1 + 13 + 1 + 4

// encodeEvent returns the member of an event, "" if there is no event.
func encodeEvent(n state.News) string {
	if n.Received == 0 {
		return ""
	}
	return fmt.Sprintf(eventForm, n.EventTime, n.Current, n.Max, n.Received, n.Operator)
}

// decodeEvent returns the event of a member. If why is not empty, the event must not be used; if
// remove is set, the member must be removed from the engine.
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
		Received: number(36, 49, 10), Operator: uint32(number(50, 54, 16)),
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

// roomMember is a member of the rooms of an application, a register or an opening. Their fields are
// hexadecimal.
//
// A register has the form Room(16). Its score is twice the time of the newest event of the room,
// plus 1 if that event closed the room. An opening has the form Room(16):Operator(4). Its score is
// twice the time when the room was opened, plus 1 if the time is only a lower bound.
type roomMember struct {
	room     state.Room
	opening  bool
	operator uint32 // of an opening, 0 if it is not known
}

func (m roomMember) String() string {
	if m.opening {
		return fmt.Sprintf("%016x:%04x", uint64(m.room), m.operator)
	}
	return fmt.Sprintf("%016x", uint64(m.room))
}

// members calls add with the members of a register and their scores, except those that are too old
// to matter.
func members(r state.RoomRecord, c clock, add func(roomMember, uint64)) {
	if r.Closed() && r.Time() < c.oldest {
		return
	}
	add(roomMember{room: r.Room}, r.Newest)
	opened, operator, exact := r.Opened()
	switch {
	case opened < c.oldest: // no later event depends on it
	case exact:
		add(roomMember{r.Room, true, operator}, uint64(opened)<<1)
	default:
		add(roomMember{r.Room, true, 0}, uint64(opened)<<1+1)
	}
}

// decodeRoom returns the member and the score of z. If why is not empty, or old is set because no
// later event depends on the member, it must not be used; if remove is set, it must be removed from
// the engine.
func decodeRoom(z redis.Z, c clock) (m roomMember, score uint64, why fault, old, remove bool) {
	text, ok := z.Member.(string)
	if !ok || len(text) != 16 && len(text) != 21 {
		return m, 0, malformed, false, true
	}
	room, err := strconv.ParseUint(text[:16], 16, 64)
	m.room = state.Room(room)
	if err == nil && len(text) == 21 {
		var operator uint64
		operator, err = strconv.ParseUint(text[17:], 16, 16)
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

// news returns the news of a member with a score. register is the score of the register of the same
// room, 0 if it is not known. ok is false if the member is no news without its register.
func (m roomMember) news(appID string, score, register uint64, c clock) (n state.RoomNews, ok bool) {
	n = state.RoomNews{AppID: appID, Room: m.room, Received: c.now}
	t, odd := int64(score>>1), score&1 == 1
	switch {
	case m.opening && odd: // only news together with the newest event
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
