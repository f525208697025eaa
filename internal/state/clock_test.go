package state

import (
	"math/rand/v2"
	"testing"
)

// hour is the time by which our clock is set back.
const hour = 60 * minute

// The newest event wins, and the time of an event is limited to its receipt plus the tolerance.
// So no event is lost or counted twice. The gauges may stay unchanged until our clock has reached
// the time of the last event.
func TestEventsAfterOurClockIsSetBack(t *testing.T) {
	for _, tc := range []struct {
		name           string
		time, received int64
		want           Outcome
		moves          bool // the gauges
	}{
		{"a repeat at once", day0, day0 - hour, Outcome{Verdict: Duplicate}, false},
		{"a repeat ten minutes later", day0, day0 - hour + 10*minute, Outcome{Verdict: Duplicate}, false},
		{"a repeat after the window", day0, day0 + 10*minute + 1, Outcome{}, false},
		{"an event of later, if only our clock is set back", day0 + 1, day0 - hour, Outcome{Verdict: OutOfOrder, Clamped: true}, false},
		{"an event of earlier, if Tencent's clock is too", day0 - hour, day0 - hour, Outcome{Verdict: OutOfOrder}, false},
		{"an event without a time", 0, day0 - hour, Outcome{Verdict: OutOfOrder}, false},
		{"an event of later, within the tolerance", day0 + 1, day0 + 1 - minute, Outcome{}, true},
		{"an event of later, our clock has caught up", day0 + 1, day0 + 1, Outcome{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore("1")
			s.Count(threshold(day0, 400, 500))
			want := rooms(t, s)
			e := threshold(tc.time, 400, 500)
			e.Received = tc.received
			if o := s.Count(e); o != tc.want {
				t.Errorf("got %+v, want %+v", o, tc.want)
			}
			if tc.want.Verdict != Duplicate {
				want.Events++
			}
			if tc.moves {
				want.EventTime, want.Received = tc.time, tc.received
			}
			if r := rooms(t, s); r != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
		})
	}
}

// Since of an application that is not configured is the time of its first event, also if the
// next event is received earlier by our clock.
func TestSinceStaysWhenOurClockIsSetBack(t *testing.T) {
	s := newStore()
	s.Count(threshold(day0, 400, 500))
	s.Count(threshold(day0-hour, 401, 500))
	s.Configure([]App{{ID: "1"}})
	if r := rooms(t, s); r.Since != day0 || r.Events != 2 {
		t.Errorf("got %+v", r)
	}
}

// Events arrive in any order while our clock is set back once. The record equals that of the
// model. A repeat is recognized for the real length of the window, and for at most as much longer
// as our clock was set back.
func TestAgainstTheModelWhenOurClockIsSetBack(t *testing.T) {
	recognized, countedAgain := 0, 0
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		events := randomEvents(rnd, 60)
		back, from := 1+rnd.Int64N([]int64{minute, 20 * minute, 2 * hour}[seed%3]), rnd.IntN(len(events))
		s := newStore("1")
		want := rooms(t, s)
		var counted []Event
		first := map[string]int64{} // by exact repeat: the time of its first event, by a correct clock
		for i, e := range events {
			now := e.Received
			if i >= from {
				e.Received -= back
				if e.Time != 0 && seed%2 == 0 { // Tencent's clock is set back too
					e.Time -= back
				}
			}
			at, known := first[repeatOf(e)]
			o := s.Count(e)
			switch again := e.Time != 0 && known; {
			case o.Verdict == Duplicate && (!again || now-at > RepeatWindow.Milliseconds()+back):
				t.Fatalf("seed %d, event %d %+v is lost", seed, i, e)
			case o.Verdict != Duplicate && again && now-at <= RepeatWindow.Milliseconds():
				t.Fatalf("seed %d, event %d %+v is counted twice", seed, i, e)
			case o.Verdict == Duplicate:
				recognized++
			default:
				if again {
					countedAgain++
				}
				first[repeatOf(e)] = now
				counted = append(counted, e)
			}
			since := want.Since
			want = merged(counted)
			want.Since = since
			if got := rooms(t, s); got != want {
				t.Fatalf("seed %d, event %d %+v:\ngot  %+v\nwant %+v", seed, i, e, got, want)
			}
		}
	}
	if recognized < 1000 || countedAgain < 100 {
		t.Errorf("the events do not test enough: %d repeats were recognized, %d arrived after the window", recognized, countedAgain)
	}
}
