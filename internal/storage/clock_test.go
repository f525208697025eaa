package storage

import (
	"math/rand/v2"
	"testing"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/payload"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

func TestARestartAfterOurClockIsSetBack(t *testing.T) {
	const step, hour = int64(30_000), int64(3_600_000)
	path := t.TempDir()
	r := start(t, path, nil)
	var events []callback
	for i := range int64(20) {
		e := event("1", i)
		e.Received += i * step
		if i >= 10 {
			e.Received -= hour
		}
		r.record(t, e)
		events = append(events, e)
	}
	now := events[19].Received
	want := r.store.Snapshot()[0]
	for range 2 {
		r.stop()
		if content, err := Read(r.path); err != nil || len(content.Damage) > 0 || len(content.Repeats) != len(events) {
			t.Fatalf("got %v, %+v", err, content)
		}
		r = start(t, path, nil)
		for i, e := range events {
			e.Received = now
			if o := r.record(t, e); o.Verdict != state.Duplicate {
				t.Errorf("a repeat of event %d is %+v", i, o)
			}
		}
		if got := r.store.Snapshot()[0]; got != want || got.Events != uint64(len(events)) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}

	// When our clock has caught up, and the window is over, the journal lets go of them.
	r.record(t, event("1", events[9].Received-day0+state.RepeatWindow.Milliseconds()+1))
	r.stop()
	start(t, path, nil).stop() // begins a segment
	if content, err := Read(r.path); err != nil || len(content.Damage) > 0 || len(content.Repeats) != 1 {
		t.Fatalf("got %v, %+v", err, content)
	}
}

// Commits of several events and restarts, while our clock is set back once, perhaps in
// the middle of a commit. After each restart all is as before, and a repeat is recognized
// for as long as the window really is. It may be for longer, but not by more than our
// clock was set back.
func TestRepeatsWhileOurClockIsSetBack(t *testing.T) {
	window, minute := state.RepeatWindow.Milliseconds(), time.Minute.Milliseconds()
	recognized, countedAgain := 0, 0
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		path := t.TempDir()
		back, from := 1+rnd.Int64N([]int64{20 * minute, 2 * 60 * minute}[seed%2]), rnd.Int64N(60)
		s, store, _ := openIdle(t, path, 0)
		batch := store.Begin()
		first := map[int64]int64{} // when an event was counted, by a clock that is right
		now, counted := day0, uint64(0)
		for i := range int64(60) {
			now += rnd.Int64N(minute)
			n := i
			if rnd.IntN(3) == 0 {
				n = rnd.Int64N(i + 1) // again
			}
			e := event("1", n)
			e.Received = now
			if i >= from {
				e.Received -= back
			}
			at, again := first[n]
			switch o := batch.Count(e.Event); {
			case o.Verdict == state.Duplicate && (!again || now-at > window+back):
				t.Fatalf("seed %d: event %d is lost", seed, i)
			case o.Verdict != state.Duplicate && again && now-at <= window:
				t.Fatalf("seed %d: event %d is counted twice", seed, i)
			case o.Verdict == state.Duplicate:
				recognized++
			default:
				if again {
					countedAgain++
				}
				first[n] = now
				counted++
			}
			if rnd.IntN(3) > 0 && i < 59 {
				continue // the next one shares the commit
			}
			if err := commit(s.journal, payload.Changes{Changes: batch.Changes()}); err != nil {
				t.Fatal(err)
			}
			batch.Publish()
			want := store.Snapshot()
			if want[0].Events != counted {
				t.Fatalf("seed %d: %d events are counted, want %d", seed, want[0].Events, counted)
			}
			s.Close()
			if content, err := Read(s.path); err != nil || len(content.Damage) > 0 {
				t.Fatalf("seed %d: %v, damage %v", seed, err, content.Damage)
			}
			s, store, _ = openIdle(t, path, 0)
			batch = store.Begin()
			if got := store.Snapshot(); got[0] != want[0] {
				t.Fatalf("seed %d: after a restart\ngot  %+v\nwant %+v", seed, got[0], want[0])
			}
		}
		s.Close()
	}
	if recognized < 100 || countedAgain < 20 {
		t.Errorf("the events are too tame: %d repeats were recognized, %d came after the window", recognized, countedAgain)
	}
}

// openIdle opens a storage that does not run, so that the test makes the commits.
func openIdle(t *testing.T, path string, minSegment int64) (*Storage, *state.Store, *queue.Queues) {
	t.Helper()
	log, _ := logtest.NewNullLogger()
	store := state.New(state.Options{FutureTolerance: time.Minute})
	store.Configure([]state.App{{ID: "1"}})
	queues := queue.New()
	s, err := Open(Options{Path: path, Store: store, Queues: queues, Timeout: time.Minute, Log: log, fs: &scripted{}, minSegment: minSegment})
	if err != nil {
		t.Fatal(err)
	}
	return s, store, queues
}
