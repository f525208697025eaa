package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// If no callback is lost, the estimate and the known rooms are exact, for any order, any repeats
// and any restarts.
func TestEstimateInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.UnixMilli(day0))) // rooms are forgotten by the clock
		testEstimateInAnyOrder(t)
	})
}

func TestLateThresholdEventDoesNotBringClosedRoomsBack(t *testing.T) {
	s := newStore("1")
	room := func(kind Kind, at int64, id string) {
		s.Count(Event{AppID: "1", Kind: kind, Time: at, Received: at, Subject: []byte(id), RoomID: []byte(id)})
	}
	room(Created, day0-2000, "a")
	room(Created, day0-1000, "b")
	s.Count(threshold(day0, 402, 500))
	room(Destroyed, day0+3000, "a")
	room(Destroyed, day0+3000, "b")
	s.Count(threshold(day0+2000, 403, 500)) // late
	if a := s.Snapshot()[0]; a.Current != 403 || a.Estimate() != 401 {
		t.Errorf("current %d, estimate %d, want 403 and 401", a.Current, a.Estimate())
	}
}

func TestCreationThatRaisedTheEventCountsOnce(t *testing.T) {
	const own, other = `"a"`, `"b"`
	event := threshold(day0, 400, 500)
	event.Operator = []byte(own)
	for _, tc := range []struct {
		name     string
		at       int64
		operator string
		want     int64
	}{
		{"a millisecond later", 1, own, 400},
		{"two seconds later", 2000, own, 400},
		{"more than two seconds later", 2001, own, 401},
		{"earlier", -1, own, 400},
		{"by somebody else", 1, other, 401},
		{"by an unknown operator", 1, "", 401},
	} {
		created := Event{AppID: "1", Kind: Created, Time: day0 + tc.at, Received: day0, Subject: []byte("r"), RoomID: []byte("r"), Operator: []byte(tc.operator)}
		for order, events := range map[string][]Event{"event first": {event, created}, "creation first": {created, event}} {
			t.Run(tc.name+", "+order, func(t *testing.T) {
				s := newStore("1")
				for _, e := range events {
					s.Count(e)
					s = restarted(s)
				}
				if got := s.Snapshot()[0].Estimate(); got != tc.want {
					t.Errorf("got %d, want %d", got, tc.want)
				}
				s.Count(Event{AppID: "1", Kind: Destroyed, Time: day0 + 9000, Received: day0 + 9000, Subject: []byte("r"), RoomID: []byte("r")})
				if got := s.Snapshot()[0].Estimate(); got != tc.want-1 {
					t.Errorf("closed: got %d, want %d", got, tc.want-1)
				}
			})
		}
	}
	// One event is raised by one creation.
	s := newStore("1")
	s.Count(event)
	for i, at := range []int64{5, 1, 900} {
		id := fmt.Append(nil, i)
		s.Count(Event{AppID: "1", Kind: Created, Time: day0 + at, Received: day0, Subject: id, RoomID: id, Operator: []byte(own)})
	}
	if got := s.Snapshot()[0].Estimate(); got != 402 {
		t.Errorf("three creations by one operator: got %d, want 402", got)
	}
}

func testEstimateInAnyOrder(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		events, before, open := lives(random, 60)
		events = append(events, events[:random.IntN(len(events))]...) // repeats
		random.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		s := newStore("1")
		for i := range events {
			events[i].Received = day0 + 10*60_000
			if random.IntN(2) == 0 {
				s.Count(events[i])
			} else {
				b := s.Begin()
				b.Count(events[i])
				b.Publish()
			}
			if random.IntN(20) == 0 {
				s = restarted(s)
			}
			if a := s.Snapshot()[0]; a.Rooms.Open < 0 || a.Estimate() < 0 {
				t.Fatalf("seed %d: %+v", seed, a)
			}
		}
		a := s.Snapshot()[0]
		if a.Rooms.Open != open-before || a.Estimate() != open || a.Deviation() != -before {
			t.Fatalf("seed %d: %d known, estimate %d, deviation %d; want %d, %d and %d", seed, a.Rooms.Open, a.Estimate(), a.Deviation(), open-before, open, -before)
		}
	}
}

// A closed room that is dropped after a day still counts for the estimate.
func TestTheEstimateCountsDroppedRooms(t *testing.T) {
	s := newStore("1")
	s.Count(Event{AppID: "1", Kind: Created, Time: day0 - 1, Received: day0, Subject: []byte("r"), RoomID: []byte("r")})
	s.Count(threshold(day0, 400, 500))
	s.Count(Event{AppID: "1", Kind: Destroyed, Time: day0 + 1, Received: day0, Subject: []byte("r"), RoomID: []byte("r")})
	for range 3 {
		all := s.All() // days later
		if n := len(all.Rooms); n != 0 {
			t.Fatalf("%d rooms are left after %v", n, time.Since(time.UnixMilli(day0)))
		}
		if got := s.Snapshot()[0].Estimate(); got != 399 {
			t.Errorf("got %d, want 399", got)
		}
		s = restarted(s)
	}
}

func TestNewsOfRooms(t *testing.T) {
	direct, batched := newStore("1"), newStore("1")
	for _, s := range []*Store{direct, batched} {
		s.Count(threshold(day0, 400, 500))
	}
	room := RoomOf("1", "r")
	for _, tc := range []struct {
		name          string
		event         RoomEvent
		news          bool
		open, atEvent int64
	}{
		{"open", RoomEvent{Time: day0 - 5000}, true, 1, 1},
		{"open, again", RoomEvent{Time: day0 - 5000}, false, 1, 1},
		{"closed", RoomEvent{Time: day0 + 1000, Closed: true}, true, 0, 1},
		{"open before that", RoomEvent{Time: day0 - 5000}, false, 0, 1},
		{"open again", RoomEvent{Time: day0 + 2000}, true, 1, 1},
	} {
		n := RoomNews{AppID: "1", Room: room, RoomEvent: tc.event, Received: day0 + 5000}
		b := batched.Begin()
		inBatch := b.LearnRoom(n)
		b.Publish()
		if got := direct.LearnRoom(n); got != tc.news || inBatch != tc.news {
			t.Errorf("%s: news %t, in a batch %t", tc.name, got, inBatch)
		}
		for _, s := range []*Store{direct, batched} {
			a := s.Snapshot()[0]
			if a.Rooms.Open != tc.open || a.Rooms.AtEvent != tc.atEvent || a.Created != 0 || a.Destroyed != [NumDestroyCauses]uint64{} {
				t.Errorf("%s: %+v", tc.name, a)
			}
		}
	}
	if got := direct.Rooms("1", 0); len(got) != 1 || got[0].Room != room || got[0].Closed() {
		t.Errorf("rooms: %+v", got)
	}
	if got := direct.Rooms("1", day0+5000); len(got) == 0 || got[0].Room != room {
		t.Errorf("changed: %+v", got)
	}
	if got := direct.Rooms("1", day0+5001); len(got) != 0 {
		t.Errorf("changed after that: %+v", got)
	}
	if got := direct.Rooms("2", 0); got != nil {
		t.Errorf("of another application: %+v", got)
	}
}

func TestMembersAreCountedWithTheNextBatch(t *testing.T) {
	s := newStore("1")
	members := func() uint64 { return s.Snapshot()[0].Members[MemberEntered] }
	e := Event{AppID: "1", Kind: Members, Time: day0, Received: day0, Members: 3, MemberCause: MemberEntered}
	for range 2 {
		s.CountLater(e)
	}
	if !s.HasLater() || members() != 0 {
		t.Fatalf("something waits: %t; %d are counted", s.HasLater(), members())
	}
	b := s.Begin()
	if c := b.Changes(); len(c.Records) != 1 || c.Records[0].Members[MemberEntered] != 6 {
		t.Errorf("changes: %+v", c)
	}
	s.CountLater(e) // for the next one
	if members() != 0 {
		t.Error("counted before they were published")
	}
	b.Publish()
	if members() != 6 || !s.HasLater() {
		t.Errorf("%d are counted; something waits: %t", members(), s.HasLater())
	}
	s.Begin().Publish()
	if s.Count(e); members() != 12 || s.HasLater() {
		t.Errorf("%d are counted; something waits: %t", members(), s.HasLater())
	}
}

// lives returns random events of rooms with a threshold event for each creation, the number of
// rooms that were open before the first event, and the number of rooms that are open at the end.
func lives(random *rand.Rand, n int) (events []Event, before, open int64) {
	before = 20
	open = before
	type closing struct {
		room string
		at   int64
	}
	var closings []closing
	at := day0
	for i := range n {
		at += 1 + random.Int64N(5000)
		closings = slices.DeleteFunc(closings, func(c closing) bool {
			if c.at <= at {
				open--
			}
			return c.at <= at
		})
		room, operator := fmt.Sprint("room ", i), fmt.Appendf(nil, `"user %d"`, i)
		open++
		// The callback of the creation has a time of its own, before or after.
		created := at + random.Int64N(5) - 2
		events = append(events, Event{AppID: "1", Kind: Created, Time: created, Subject: []byte(room), RoomID: []byte(room), Operator: operator})
		if random.IntN(3) > 0 {
			events = append(events, Event{AppID: "1", Kind: Threshold, Time: at, Current: open, Max: 1000, Subject: operator, Operator: operator})
		}
		if random.IntN(4) > 0 {
			end := created + 10 + random.Int64N(60_000)
			events = append(events, Event{AppID: "1", Kind: Destroyed, Time: end, Subject: []byte(room), RoomID: []byte(room), Cause: DestroyedByUser})
			closings = append(closings, closing{room, end})
		}
	}
	return events, before, open - int64(len(closings))
}

// restarted returns a new Store with the state of s.
func restarted(s *Store) *Store {
	again := newStore("1")
	again.Restore(s.All())
	return again
}
