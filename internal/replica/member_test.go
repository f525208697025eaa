package replica

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

var testClock = newClock(time.UnixMilli(1_739_966_441_121), time.Minute)

const testEvent = "1739966441121:0000000400:0000000500:1739966441200:a1b2"

func TestEventsAreReadAsWritten(t *testing.T) {
	n, why, remove := decodeEvent("1400000001", testEvent, testClock)
	want := state.News{AppID: "1400000001", EventTime: 1739966441121, Current: 400, Max: 500, Received: 1739966441200, Operator: 0xa1b2}
	if n != want || why != "" || remove {
		t.Errorf("got %+v, %q, %v", n, why, remove)
	}
	if text := encodeEvent(n); text != testEvent {
		t.Errorf("encoded again: %q", text)
	}
}

// The order of the members by bytes is the order of events of package state, so Redis and package
// state find the same newest event.
func TestOrderOfEvents(t *testing.T) {
	last := ""
	for _, c := range []state.News{
		{EventTime: 999, Current: 5, Max: 5, Received: 9e12},
		{EventTime: 1000, Current: 4, Max: 9, Received: 1},
		{EventTime: 1000, Current: 10, Max: 10, Received: 1},
		{EventTime: 1000, Current: 10, Max: 11, Received: 1},
	} {
		text := encodeEvent(c)
		if text <= last {
			t.Errorf("%s is not after %s", text, last)
		}
		last = text
	}
}

func TestEventsThatAreDropped(t *testing.T) {
	soon := "1739966511121:0000000400:0000000500:1739966441200:0000" // 70 s ahead
	for _, test := range []struct {
		name, text string
		why        fault
		remove     bool
	}{
		{"empty", "", malformed, true},
		{"text", "zzz", malformed, true},
		{"cut", testEvent[1:], malformed, true},
		{"a sign", "+" + testEvent[1:], malformed, true},
		{"another separator", strings.Replace(testEvent, ":", ";", 1), malformed, true},
		{"capital letters", strings.ToUpper(testEvent), malformed, true},
		{"a limit of zero", "1739966441121:0000000400:0000000000:1739966441200:0000", outOfRange, true},
		{"more rooms than maxCount", "1739966441121:1000000001:0000000500:1739966441200:0000", outOfRange, true},
		{"a receipt of zero", "1739966441121:0000000400:0000000500:0000000000000:0000", malformed, true},
		{"a time of zero", "0000000000000:0000000400:0000000500:1739966441200:0000", outOfRange, true},
		{"a clock that is a little fast", soon, future, false},
		{"the year 2100", "4102444800000:0000000400:0000000500:1739966441200:0000", future, true},
		{"received in the year 2100", "1739966441121:0000000400:0000000500:4102444800000:0000", future, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, why, remove := decodeEvent("1", test.text, testClock); why != test.why || remove != test.remove {
				t.Errorf("got %q, %v, want %q, %v", why, remove, test.why, test.remove)
			}
		})
	}
}

func TestRoomsThatAreDropped(t *testing.T) {
	now := float64(2 * testClock.now)
	day := float64(2 * (24 * time.Hour).Milliseconds())
	for _, test := range []struct {
		name   string
		member string
		score  float64
		why    fault
		old    bool
		remove bool
	}{
		{"open", "00000000000000aa", now, "", false, false},
		{"closed", "00000000000000aa", now + 1, "", false, false},
		{"opening", "00000000000000aa:000f", now, "", false, false},
		{"opening, not exact", "00000000000000aa:0000", now + 1, "", false, false},
		{"open for two days", "00000000000000aa", now - 2*day, "", false, false},
		{"closed two days ago", "00000000000000aa", now - 2*day + 1, "", true, true},
		{"opening of two days ago", "00000000000000aa:000f", now - 2*day, "", true, true},
		{"text", "not a room", now, malformed, false, true},
		{"capital letters", "00000000000000AA", now, malformed, false, true},
		{"a sign", "+0000000000000aa", now, malformed, false, true},
		{"another separator", "00000000000000aa;0000f", now, malformed, false, true},
		{"the largest operator", "00000000000000aa:ffff", now, "", false, false},
		{"negative", "00000000000000aa", -2, outOfRange, false, true},
		{"zero", "00000000000000aa", 0, outOfRange, false, true},
		{"infinite", "00000000000000aa", math.Inf(1), outOfRange, false, true},
		{"not a number", "00000000000000aa", math.NaN(), outOfRange, false, true},
		{"a fraction", "00000000000000aa", now + .5, outOfRange, false, true},
		{"a clock that is a little fast", "00000000000000aa", now + 2*70_000, future, false, false},
		{"the year 2100", "00000000000000aa", 2 * 4102444800000, future, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, why, old, remove := decodeRoom(redis.Z{Member: test.member, Score: test.score}, testClock)
			if why != test.why || old != test.old || remove != test.remove {
				t.Errorf("got %q, old %v, remove %v, want %q, %v, %v", why, old, remove, test.why, test.old, test.remove)
			}
		})
	}
}

// A replica that learns the members of a register has the same register.
func TestRegistersAreReadAsWritten(t *testing.T) {
	const app, room = "1400000001", state.Room(0xaa)
	at := testClock.now - 10_000
	for name, events := range map[string][]state.RoomEvent{
		"open":                                {{Time: at, Operator: 7}},
		"open, operator not known":            {{Time: at}},
		"seen":                                {{Time: at, Seen: true, Opened: at - 5000}},
		"seen after it was opened":            {{Time: at, Operator: 7}, {Time: at + 500, Seen: true, Opened: at - 900}},
		"closed":                              {{Time: at, Operator: 7}, {Time: at + 500, Closed: true}},
		"closed, opening not known":           {{Time: at, Closed: true}},
		"closed, opening known to the second": {{Time: at, Closed: true, Opened: at - 5000}},
		"opened again":                        {{Time: at, Operator: 7}, {Time: at + 500, Closed: true}, {Time: at + 900, Operator: 8}},
	} {
		t.Run(name, func(t *testing.T) {
			known := state.New(state.Options{})
			known.Learn(state.News{AppID: app, EventTime: at - 1, Current: 1, Max: 2, Received: at})
			for _, e := range events {
				known.LearnRoom(state.RoomNews{AppID: app, Room: room, RoomEvent: e, Received: at})
			}
			want := known.Rooms(app, 0)[0]

			other := state.New(state.Options{})
			other.Learn(state.News{AppID: app, EventTime: at - 1, Current: 1, Max: 2, Received: at})
			members(want, testClock, func(m roomMember, score uint64) {
				if n, ok := m.news(app, score, want.Newest, testClock); ok {
					other.LearnRoom(n)
				}
			})
			got := other.Rooms(app, 0)[0]
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
