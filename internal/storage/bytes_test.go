package storage

import (
	"fmt"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// The bytes of the journal for a callback do not grow unnoticed. docs/storage.md has the
// figures. A batch has the callbacks of as many senders, a millisecond apart.
func TestBytesOfACallback(t *testing.T) {
	for _, tc := range []struct {
		name string
		of   func(i int64) state.Event
		most map[int]float64 // bytes of a callback, by senders
	}{
		{"threshold event", func(i int64) state.Event { return event("1600012345", i).Event }, map[int]float64{1: 91, 16: 14.5}},
		{"room opened", func(i int64) state.Event {
			room := fmt.Append(nil, "room-", i)
			return state.Event{AppID: "1600012345", Kind: state.Created, Time: day0 + i, Received: day0 + i, Subject: room, RoomID: room, Operator: fmt.Append(nil, "user-", i)}
		}, map[int]float64{1: 122, 16: 28.5}},
		{"room opened, operator not known", func(i int64) state.Event {
			room := fmt.Append(nil, "room-", i)
			return state.Event{AppID: "1600012345", Kind: state.Created, Time: day0 + i, Received: day0 + i, Subject: room, RoomID: room}
		}, map[int]float64{1: 116, 16: 24.5}},
	} {
		for senders, most := range tc.most {
			s, store, _ := openIdle(t, t.TempDir(), 0)
			n := int64(0)
			commitBatch := func() {
				batch := store.Begin()
				for range senders {
					batch.Count(tc.of(n))
					n++
				}
				if err := commit(s.journal, Changes{Changes: batch.Changes()}); err != nil {
					t.Fatal(err)
				}
				batch.Publish()
			}
			for n < 960 { // until the counters have their length
				commitBatch()
			}
			before, first := s.journal.Size(), n
			for range 10 {
				commitBatch()
			}
			each := float64(s.journal.Size()-before) / float64(n-first)
			t.Logf("%s, %d senders: %.1f bytes a callback", tc.name, senders, each)
			if each > most {
				t.Errorf("%s, %d senders: %.1f bytes a callback, want %.1f at most", tc.name, senders, each, most)
			}
			s.Close()
		}
	}
}
