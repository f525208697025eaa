package state

import (
	"slices"
	"testing"
)

func TestAppendNewest(t *testing.T) {
	s := New(Options{})
	s.Configure([]App{{ID: "2"}, {ID: "1"}})
	event := News{AppID: "1", Current: 3, Max: 4, EventTime: 1000, Received: 1001, Operator: 7}
	s.Learn(event)
	s.Learn(News{AppID: "3", Current: 3, Max: 4, EventTime: 1000, Received: 1001}) // not configured
	s.LearnRoom(RoomNews{AppID: "2", Room: 5, RoomEvent: RoomEvent{Time: 1000}, Received: 2000})
	s.LearnRoom(RoomNews{AppID: "2", Room: 6, RoomEvent: RoomEvent{Time: 1000}, Received: 1500})
	want := []Newest{{News: News{AppID: "0"}}, {News: event}, {News: News{AppID: "2"}, RoomsChanged: 2000}}
	if got := s.AppendNewest(want[:1:1]); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if rooms := s.Rooms("2", 2001); len(rooms) != 0 {
		t.Errorf("%d rooms have changed since the last change", len(rooms))
	}
}
