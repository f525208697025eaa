package storage

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Of most events of rooms the journal has no repeat: it follows from the register of the room. After any
// events and news of few rooms, in batches, a restart recognizes each event that was counted, and no other.
func TestRepeatsFollowFromTheRooms(t *testing.T) {
	now := time.Now().UnixMilli() // as the commits: older repeats are forgotten
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, store, _ := openIdle(t, t.TempDir(), 0)
		events := map[string]state.Event{} // all that may come
		for room := range 3 {
			for at := range int64(4) {
				for _, kind := range []state.Kind{state.Created, state.Destroyed} {
					id := fmt.Append(nil, "room-", room)
					name := fmt.Sprint(room, at, kind)
					events[name] = state.Event{AppID: []string{"1", "2"}[room%2], Kind: kind, Time: now + at, Received: now, Subject: id, RoomID: id}
				}
			}
		}
		counted := map[string]bool{}
		for range 1 + r.IntN(5) {
			batch := store.Begin()
			for name, e := range events {
				switch r.IntN(6) {
				case 0:
					if o := batch.Count(e); (o.Verdict == state.Duplicate) != counted[name] {
						t.Fatalf("seed %d: %s is %v, counted before: %v", seed, name, o.Verdict, counted[name])
					}
					counted[name] = true
				case 1:
					news := state.RoomEvent{Time: e.Time, Closed: e.Kind == state.Destroyed}
					batch.LearnRoom(state.RoomNews{AppID: e.AppID, Room: state.RoomOf(e.AppID, string(e.RoomID)), RoomEvent: news, Received: now})
				}
			}
			if err := commit(s.journal, payload.Changes{Changes: batch.Changes()}); err != nil {
				t.Fatal(err)
			}
			batch.Publish()
		}
		content, err := Read(s.path)
		if err != nil || len(content.Damage) > 0 {
			t.Fatalf("seed %d: %v, %v", seed, err, content.Damage)
		}
		again := state.New(state.Options{})
		again.Restore(content.Changes.Changes)
		for name, e := range events {
			if o := again.Count(e); (o.Verdict == state.Duplicate) != counted[name] {
				t.Fatalf("seed %d, after a restart: %s is %v, counted before: %v", seed, name, o.Verdict, counted[name])
			}
		}
		s.Close()
	}
}
