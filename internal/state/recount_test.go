package state

import "testing"

// A recount changes no counter. Any later event is newer. It says when a room was opened: a room
// that was open at the threshold event is already in its count.
func TestRecountOfRooms(t *testing.T) {
	const event, now = int64(1_700_000_000_000), int64(1_700_000_600_000)
	s := New(Options{})
	s.Configure([]App{{ID: "1"}})
	s.Count(Event{AppID: "1", Kind: Threshold, Time: event, Received: event, Current: 400, Max: 500})
	s.Count(Event{AppID: "1", Kind: Created, Time: event + 1000, Received: event + 1000, RoomID: []byte("known")})
	before, after, known := RoomOf("1", "opened before the event"), RoomOf("1", "opened after it"), RoomOf("1", "known")
	seen := func(room Room, opened int64) RoomNews {
		return RoomNews{AppID: "1", Room: room, RoomEvent: RoomEvent{Time: now, Seen: true, Opened: opened}, Received: now}
	}
	news := []RoomNews{seen(before, event-60_000), seen(after, event+60_000), seen(known, event+1000)}
	for i, want := range []int{2, 0} { // the second time it is no news
		if opened, closed := s.LearnRooms("1", news); opened != want || closed != 0 {
			t.Errorf("time %d: %d opened, %d closed", i+1, opened, closed)
		}
	}
	a := s.Snapshot()[0]
	if a.Rooms.Open != 3 || a.Estimate() != 402 || a.Created != 1 {
		t.Errorf("%d open, estimate %d, %d created; want 3, 402 and 1", a.Rooms.Open, a.Estimate(), a.Created)
	}
	if open := s.OpenRooms("1"); len(open) != 3 || open[after] != now || open[known] != now {
		t.Errorf("open rooms are %v", open)
	}

	gone := RoomNews{AppID: "1", Room: known, RoomEvent: RoomEvent{Time: now + 1000, Closed: true}, Received: now}
	if opened, closed := s.LearnRooms("1", []RoomNews{gone, seen(known, event)}); opened != 0 || closed != 1 {
		t.Errorf("%d opened, %d closed by a room that is gone", opened, closed)
	}
	s.Count(Event{AppID: "1", Kind: Created, Time: now + 500, Received: now + 2000, RoomID: []byte("known")})
	if _, ok := s.OpenRooms("1")[known]; ok {
		t.Error("an older creation has opened a room that is gone")
	}
	s.Count(Event{AppID: "1", Kind: Created, Time: now + 1500, Received: now + 2000, RoomID: []byte("known")})
	if _, ok := s.OpenRooms("1")[known]; !ok {
		t.Error("a later creation has not opened the room again")
	}
	if open := s.OpenRooms("2"); len(open) != 0 {
		t.Errorf("an application that is not known has the rooms %v", open)
	}
}

// After a recount without rooms, the number of known rooms is 0 and valid.
func TestRecountOfNoRooms(t *testing.T) {
	s := New(Options{})
	s.Configure([]App{{ID: "1"}})
	if s.Snapshot()[0].Rooms.Newest != 0 {
		t.Error("rooms are known before the first recount")
	}
	s.Recounted("1", 1_700_000_000_000)
	s.Recounted("1", 1_600_000_000_000)
	if got := s.Snapshot()[0].Rooms; got.Newest != 1_700_000_000_000 || got.Open != 0 {
		t.Errorf("rooms are %+v", got)
	}
}
