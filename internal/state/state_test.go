package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	minute = int64(60_000)
	day0   = int64(1_739_966_441_121) // EventTime of the documented sample
)

func TestNothingIsKnownBeforeTheFirstEvent(t *testing.T) {
	s := newStore("1")
	if r := rooms(t, s); r.Known() || r.Events != 0 || r.Since == 0 {
		t.Errorf("got %+v", r)
	}
}

func TestTheNewestEventWins(t *testing.T) {
	for _, tc := range []struct {
		name         string
		first        Event
		second       Event
		verdict      Verdict
		current, max int64
	}{
		{"a later one", threshold(day0, 400, 500), threshold(day0+1, 390, 600), Accepted, 390, 600},
		{"an earlier one", threshold(day0, 400, 500), threshold(day0-1, 450, 600), OutOfOrder, 400, 500},
		{"at one time, more rooms", threshold(day0, 400, 500), threshold(day0, 401, 500), Accepted, 401, 500},
		{"at one time, fewer rooms", threshold(day0, 400, 500), threshold(day0, 399, 600), OutOfOrder, 400, 500},
		{"at one time and count, a larger limit", threshold(day0, 400, 500), threshold(day0, 400, 600), Accepted, 400, 600},
		{"at one time and count, a smaller limit", threshold(day0, 400, 500), threshold(day0, 400, 450), OutOfOrder, 400, 500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore("1")
			s.Count(tc.first)
			if o := s.Count(tc.second); o.Verdict != tc.verdict || o.Clamped {
				t.Errorf("outcome is %+v, want verdict %v", o, tc.verdict)
			}
			if r := rooms(t, s); r.Current != tc.current || r.Max != tc.max || r.Events != 2 {
				t.Errorf("got %+v, want %d of %d", r, tc.current, tc.max)
			}
		})
	}
}

func TestAnotherOperatorAtTheSameTimeIsAnotherEvent(t *testing.T) {
	s := newStore("1")
	s.Count(threshold(day0, 400, 500))
	other := threshold(day0, 400, 500)
	other.Subject = []byte(`"b"`)
	if o := s.Count(other); o != (Outcome{}) {
		t.Errorf("got %+v", o)
	}
	if r := rooms(t, s); r.Events != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestExactRepeatsAreNotCountedForTenMinutes(t *testing.T) {
	s := newStore("1")
	e := threshold(day0, 400, 500)
	s.Count(e)
	for _, after := range []int64{0, 1, 9 * minute, 10 * minute} {
		e.Received = day0 + after
		if o := s.Count(e); o.Verdict != Duplicate {
			t.Errorf("after %d ms: got %+v", after, o)
		}
	}
	e.Received = day0 + 10*minute + 1
	if o := s.Count(e); o.Verdict != Accepted {
		t.Errorf("after the window: got %+v", o)
	}
	if r := rooms(t, s); r.Events != 2 || r.Received != day0 {
		t.Errorf("got %+v", r)
	}
}

func TestAnEventWithoutATimeIsNeverARepeat(t *testing.T) {
	s := newStore("1")
	for i := range int64(3) {
		e := threshold(0, 400, 500)
		e.Received = day0 + i
		if o := s.Count(e); o != (Outcome{}) {
			t.Errorf("got %+v", o)
		}
	}
	if r := rooms(t, s); r.Events != 3 || r.EventTime != day0+2 {
		t.Errorf("got %+v", r)
	}
}

func TestATimeInTheFuture(t *testing.T) {
	for _, tc := range []struct {
		name    string
		ahead   int64
		clamped bool
	}{
		{"at the tolerance", minute, false},
		{"beyond the tolerance", minute + 1, true},
		{"years ahead", 1 << 60, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStore("1")
			e := threshold(day0+tc.ahead, 400, 500)
			e.Received = day0
			if o := s.Count(e); o.Clamped != tc.clamped || o.Verdict != Accepted {
				t.Errorf("got %+v", o)
			}
			want := day0 + tc.ahead
			if tc.clamped {
				want = day0
			}
			if r := rooms(t, s); r.EventTime != want || r.Current != 400 {
				t.Errorf("got %+v, want time %d", r, want)
			}
			if o := s.Count(e); o.Verdict != Duplicate {
				t.Errorf("repeat: got %+v", o)
			}
			// A later event must still set the gauges.
			s.Count(threshold(max(want, day0)+1, 401, 500))
			if r := rooms(t, s); r.Current != 401 {
				t.Errorf("after a later event: got %+v", r)
			}
		})
	}
}

func TestTheEstimateFollowsRoomCallbacks(t *testing.T) {
	s := newStore("1")
	room := func(kind Kind, at int64, id string) {
		s.Count(Event{AppID: "1", Kind: kind, Time: at, Received: at, Subject: []byte(id), RoomID: []byte(id)})
	}
	estimate := func() int64 { return s.Snapshot()[0].Estimate() }
	room(Created, day0-5, `"before any threshold event"`)
	s.Count(threshold(day0, 3, 4))
	room(Created, day0, `"the creation that the event reported"`)
	room(Created, day0+1, `"r1"`)
	room(Created, day0+1, `"r1"`) // repeated
	room(Created, day0+1, `"r2"`)
	room(Destroyed, day0+2, `"r1"`)
	if r := rooms(t, s); estimate() != 4 || r.Current != 3 || r.Created != 4 || r.Destroyed[DestroyedOtherwise] != 1 || r.Events != 1 {
		t.Errorf("got %d, %+v", estimate(), r)
	}
	for i := range int64(6) {
		room(Destroyed, day0+3+i, fmt.Sprint("closed, and not heard of before: ", i))
	}
	if n := estimate(); n != 0 {
		t.Errorf("estimate of %d", n)
	}
	s.Count(threshold(day0+20, 5, 6))
	if n := estimate(); n != 5 {
		t.Errorf("a new event did not set the estimate: %d", n)
	}
}

func TestConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore("2", "1", "10")
		s.Count(threshold(time.Now().UnixMilli(), 400, 500))
		before := s.Snapshot()
		if ids := []string{before[0].ID, before[1].ID, before[2].ID}; !slices.Equal(ids, []string{"1", "10", "2"}) {
			t.Errorf("order is %v", ids)
		}
		if before[0].Name != "name of 1" {
			t.Errorf("name is %q", before[0].Name)
		}
		time.Sleep(time.Hour)
		s.Configure([]App{{ID: "2", Name: "renamed"}})
		if apps := s.Snapshot(); len(apps) != 1 || apps[0].Name != "renamed" || apps[0].Since != before[2].Since {
			t.Errorf("after removal: %+v", apps)
		}
		s.Configure([]App{{ID: "1", Name: before[0].Name}})
		if apps := s.Snapshot(); len(apps) != 1 || apps[0] != before[0] {
			t.Errorf("after its return: %+v, want %+v", apps, before[0])
		}
	})
}

func TestAgainstTheModel(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		s, m := newStore("1"), model{}
		duplicates := 0
		for i, e := range randomEvents(rnd, 60) {
			if o := s.Count(e); o.Verdict == Duplicate {
				duplicates++
			}
			m.events = append(m.events, e)
			want, wantDuplicates := m.rooms()
			got := rooms(t, s)
			got.Since, got.Operator = 0, 0
			if got != want || duplicates != wantDuplicates {
				t.Fatalf("seed %d, event %d %+v:\ngot  %+v and %d duplicates\nwant %+v and %d", seed, i, e, got, duplicates, want, wantDuplicates)
			}
		}
	}
}

// The same events make the record of the model, in any order, with any repeats and from several
// goroutines.
func TestAnyOrderGivesTheSameRecord(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		events := make([]Event, 40)
		for i := range events { // within the window, so that each repeat is one; many of one time
			events[i] = threshold(day0-rnd.Int64N(16), rnd.Int64N(3), 1+rnd.Int64N(2))
			events[i].Received = day0
		}
		want, _ := model{events}.rooms()
		for round := range 4 {
			s := newStore("1")
			repeated := append(slices.Clone(events), events[:rnd.IntN(len(events))]...)
			rnd.Shuffle(len(repeated), func(i, j int) { repeated[i], repeated[j] = repeated[j], repeated[i] })
			var wg sync.WaitGroup
			senders := 1 + round*3
			for i := range senders {
				wg.Go(func() {
					for j := i; j < len(repeated); j += senders {
						s.Count(repeated[j])
						for _, app := range s.Snapshot() {
							if app.Known() && app.Max == 0 {
								t.Error("Current and Max are of different events")
							}
						}
					}
				})
			}
			wg.Wait()
			got := rooms(t, s)
			got.Since = 0
			if got != want {
				t.Fatalf("seed %d, round %d: got %+v, want %+v", seed, round, got, want)
			}
		}
	}
}

// model is a simple model of a Store, which keeps all events.
type model struct{ events []Event }

func (m model) rooms() (r Counts, duplicates int) {
	var counted []Event
	received := map[string]int64{} // by exact repeat
	for _, e := range m.events {
		if e.Time != 0 {
			key := repeatOf(e)
			if first, ok := received[key]; ok && e.Received-first <= RepeatWindow.Milliseconds() {
				duplicates++
				continue
			}
			received[key] = e.Received
		}
		counted = append(counted, e)
	}
	return merged(counted), duplicates
}

// repeatOf returns a text that is equal for exact repeats.
func repeatOf(e Event) string {
	return fmt.Sprint(e.AppID, e.Kind, e.Time, e.Current, e.Max, string(e.Subject))
}

// merged returns the counts of events that are all counted.
func merged(events []Event) (r Counts) {
	var newest *Event
	for _, e := range events {
		if e.Time == 0 || e.Time > e.Received+minute {
			e.Time = e.Received
		}
		r.Events++
		if newest == nil || slices.Compare([]int64{e.Time, e.Current, e.Max}, []int64{newest.Time, newest.Current, newest.Max}) > 0 {
			newest = &e
		}
	}
	if newest != nil {
		r.Current, r.Max, r.EventTime, r.Received = newest.Current, newest.Max, newest.Time, newest.Received
	}
	return r
}

// randomEvents returns random events in the order of their receipt. Their values are often equal.
func randomEvents(rnd *rand.Rand, n int) []Event {
	events := make([]Event, n)
	now := day0
	for i := range events {
		now += rnd.Int64N(2 * minute)
		e := Event{AppID: "1", Kind: Threshold, Received: now, Current: rnd.Int64N(3), Max: 1 + rnd.Int64N(2), Subject: []byte{'a' + byte(rnd.IntN(2))}}
		switch rnd.IntN(5) {
		case 0: // no time
		case 1:
			e.Time = now + rnd.Int64N(4*minute) // in the future, within or beyond the tolerance
		default:
			e.Time = now - rnd.Int64N(20*minute)
		}
		if i > 0 && rnd.IntN(4) == 0 { // a repeat
			e = events[rnd.IntN(i)]
			e.Received = now
		}
		events[i] = e
	}
	return events
}

func TestTheWindowRemovesKeys(t *testing.T) {
	w := newWindow(RepeatWindow)
	for i := range MaxRepeats + 1000 {
		if !w.add(uint64(i), day0) {
			t.Fatalf("key %d is not new", i)
		}
	}
	if keys := len(w.keys.all()); keys != MaxRepeats {
		t.Errorf("remembers %d keys, want %d", keys, MaxRepeats)
	}
	w.add(1<<40, day0+RepeatWindow.Milliseconds()+1)
	if keys := len(w.keys.all()); keys != 1 || w.n != 1 {
		t.Errorf("after the window: %d keys, a queue of %d", keys, w.n)
	}
}

// The window is compared with a slice of all repeats.
func TestTheWindowKeepsTheOrderOfArrival(t *testing.T) {
	w := newWindow(RepeatWindow)
	var want []Repeat
	random := rand.New(rand.NewPCG(1, 2))
	now := day0
	for key := range uint64(20_000) {
		// Bursts fill the ring, and pauses empty it, so that it grows, wraps and shrinks.
		if random.IntN(500) == 0 {
			now += random.Int64N(RepeatWindow.Milliseconds())
		}
		w.add(key, now)
		want = append(want, Repeat{key, now})
		for now-want[0].At > RepeatWindow.Milliseconds() {
			want = want[1:]
		}
		if key%97 == 0 {
			if got := w.all(); !slices.Equal(got, want) {
				t.Fatalf("after key %d: %d repeats, want %d", key, len(got), len(want))
			}
		}
	}
	if len(w.ring) > 4*max(w.n, minRing) {
		t.Errorf("%d places for %d repeats", len(w.ring), w.n)
	}
}

func BenchmarkCount(b *testing.B) {
	s := newStore("1")
	e := threshold(day0, 400, 500)
	b.ReportAllocs()
	for i := range int64(b.N) {
		e.Time, e.Received = day0+i, day0+i
		s.Count(e)
	}
}

func newStore(ids ...string) *Store {
	s := New(Options{FutureTolerance: time.Minute})
	apps := make([]App, len(ids))
	for i, id := range ids {
		apps[i] = App{ID: id, Name: "name of " + id}
	}
	s.Configure(apps)
	return s
}

// threshold returns a threshold event that is received at its time.
func threshold(t, current, limit int64) Event {
	return Event{AppID: "1", Kind: Threshold, Time: t, Received: t, Current: current, Max: limit, Subject: []byte(`"a"`)}
}

func rooms(t *testing.T, s *Store) Counts {
	t.Helper()
	apps := s.Snapshot()
	if len(apps) == 0 {
		t.Fatal("no applications")
	}
	return apps[0].Counts
}
