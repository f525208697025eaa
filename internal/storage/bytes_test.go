package storage

import (
	"fmt"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// The bytes of the journal for a callback do not grow unnoticed, and a callback of a room takes at most a
// quarter more than a threshold event: that of its opening, and the mean of its opening and its closing.
// docs/storage.md has the figures. A batch has the callbacks of as many senders, a millisecond apart.
func TestBytesOfACallback(t *testing.T) {
	rooms := func(kind state.Kind, since int64, operator string) func(int64) state.Event {
		return func(i int64) state.Event {
			id, at := fmt.Append(nil, "room-", i), day0+since+i
			e := state.Event{AppID: "1600012345", Kind: kind, Time: at, Received: at, Subject: id, RoomID: id}
			if operator != "" {
				e.Operator = fmt.Append(nil, operator, i)
			}
			if kind == state.Destroyed {
				e.Statistic = &state.Statistic{Viewers: 10, Gifts: 3, Coins: 100, Likes: 1000}
			}
			return e
		}
	}
	opened := rooms(state.Created, 0, "user-")
	for senders, most := range map[int]map[string]float64{
		1:  {"threshold event": 91, "room opened": 81, "room opened, operator not known": 77, "room closed": 117},
		16: {"threshold event": 14.5, "room opened": 15.5, "room opened, operator not known": 13.5, "room closed": 20.5},
	} {
		each := map[string]float64{}
		for name, of := range map[string]func(int64) state.Event{
			"threshold event":                 func(i int64) state.Event { return event("1600012345", i).Event },
			"room opened":                     opened,
			"room opened, operator not known": rooms(state.Created, 0, ""),
			"room closed":                     rooms(state.Destroyed, 3_600_000, ""),
		} {
			before := opened // of the rooms that are closed
			if name != "room closed" {
				before = nil
			}
			each[name] = bytesOf(t, senders, before, of)
			t.Logf("%s, %d senders: %.1f bytes a callback", name, senders, each[name])
			if each[name] > most[name] {
				t.Errorf("%s, %d senders: %.1f bytes a callback, want %.1f at most", name, senders, each[name], most[name])
			}
		}
		more := 1.25 * each["threshold event"]
		if room := (each["room opened"] + each["room closed"]) / 2; each["room opened"] > more || room > more {
			t.Errorf("%d senders: %.1f bytes for an opening, %.1f on average, want %.1f at most", senders, each["room opened"], room, more)
		}
	}
}

// bytesOf returns the bytes of the journal for a callback. The callbacks of before are in it already.
func bytesOf(t *testing.T, senders int, before, of func(i int64) state.Event) float64 {
	s, store, _ := openIdle(t, t.TempDir(), 0)
	defer s.Close()
	n := int64(0)
	write := func(of func(i int64) state.Event, batches int) {
		for range batches {
			batch := store.Begin()
			for range senders {
				batch.Count(of(n))
				n++
			}
			if err := commit(s.journal, payload.Changes{Changes: batch.Changes()}); err != nil {
				t.Fatal(err)
			}
			batch.Publish()
		}
	}
	const warm, measured = 960, 10 // until the counters have their length
	if before != nil {
		write(before, warm/senders+measured)
		n = 0
	}
	write(of, warm/senders)
	start, first := s.journal.Size(), n
	write(of, measured)
	return float64(s.journal.Size()-start) / float64(n-first)
}
