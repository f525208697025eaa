package state

import (
	"fmt"
	"slices"
	"testing"
)

// forwarded records a callback of n bytes that is to be passed on, and says nothing else.
func forwarded(t *testing.T, s *Store, app string, n int) {
	t.Helper()
	if _, err := s.Record(Event{AppID: app, Received: 5, Forward: make([]byte, n)}); err != nil {
		t.Fatal(err)
	}
}

// drain takes what waits and returns the lengths.
func drain(q *Queues, app string) (lengths []int) {
	for {
		f, ok := q.First(app)
		if !ok {
			return lengths
		}
		q.Remove(f)
		lengths = append(lengths, len(f.Data))
	}
}

func TestQueuesKeepTheirOrder(t *testing.T) {
	s := New(Options{})
	q := s.Queues()
	var want []int
	for i := range 1000 {
		forwarded(t, s, "1", i)
		forwarded(t, s, "2", 1)
		want = append(want, i)
		if i%3 == 0 { // the front moves while the back grows
			f, _ := q.First("2")
			if !q.Remove(f) || q.Remove(f) {
				t.Fatal("not removed exactly once")
			}
		}
	}
	if got := q.Size("2"); got.Requests != 666 || got.Bytes != 666 || got.Oldest != 5 {
		t.Errorf("got %+v", got)
	}
	if got := drain(q, "1"); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if got := q.Size("1"); got != (QueueSize{}) {
		t.Errorf("got %+v of an empty queue", got)
	}
	if got := q.Size("3"); got != (QueueSize{}) {
		t.Errorf("got %+v of a queue that is not there", got)
	}
}

func TestAFullQueueDropsTheOldest(t *testing.T) {
	for _, tc := range []struct {
		name     string
		requests int
		bytes    int64
		want     string
	}{
		{"no bound", 0, 0, "[10 11 12 13 14] 0"},
		{"requests", 2, 0, "[13 14] 3"},
		{"bytes", 0, 40, "[12 13 14] 2"},
		{"less than one", 0, 13, "[] 5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			early, late := New(Options{}), New(Options{})
			early.Queues().Limit("1", tc.requests, tc.bytes)
			for n := 10; n < 15; n++ {
				forwarded(t, early, "1", n)
				forwarded(t, late, "1", n)
			}
			late.Queues().Limit("1", tc.requests, tc.bytes)
			for _, s := range []*Store{early, late} {
				dropped := s.Queues().Size("1").Dropped
				if got := fmt.Sprint(drain(s.Queues(), "1"), dropped); got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
			}
		})
	}
}

func TestABatchHasWhatComesAndGoes(t *testing.T) {
	s := New(Options{})
	q, b := s.Queues(), s.Begin()
	b.Apply(Event{AppID: "1", Forward: []byte("a")})
	b.Apply(Event{AppID: "1", Kind: Created, Time: 1e12, Received: 1e12, Forward: []byte("b")})
	b.Apply(Event{AppID: "1", Kind: Created, Time: 1e12, Received: 1e12, Forward: []byte("b")}) // a repeat is passed on too
	c := b.Changes()
	if len(c.Forwards) != 3 || len(c.Records) != 1 || len(c.Repeats) != 1 || len(c.Removed) != 0 || c.Empty() {
		t.Errorf("changes are %+v", c)
	}
	if _, ok := q.First("1"); ok {
		t.Error("to be passed on before the commit")
	}
	b.Publish()
	f, _ := q.First("1")
	q.Remove(f)
	if c := b.Changes(); len(c.Removed) != 1 || c.Removed[0] != (ForwardKey{"1", f.Seq}) {
		t.Errorf("changes are %+v", c)
	}
	b.Publish()
	if !b.Changes().Empty() || len(s.All().Forwards) != 2 {
		t.Errorf("changes are %+v of %+v", b.Changes(), s.All())
	}

	again := New(Options{})
	again.Restore(s.All())
	b = again.Begin()
	b.Apply(Event{AppID: "1", Forward: []byte("c")})
	b.Publish()
	if all := again.All().Forwards; len(all) != 3 || string(all[2].Data) != "c" || all[2].Seq <= all[1].Seq {
		t.Errorf("after a restart: %+v", all)
	}
}
