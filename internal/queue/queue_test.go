package queue

import (
	"fmt"
	"slices"
	"testing"
)

// add queues a request of n bytes.
func add(q *Queues, app string, n int) {
	q.Add(q.Number(Request{AppID: app, Received: 5, Data: make([]byte, n)}))
}

// drain removes all requests of an application and returns their lengths.
func drain(q *Queues, app string) (lengths []int) {
	for {
		r, ok := q.First(app)
		if !ok {
			return lengths
		}
		q.Remove(r)
		lengths = append(lengths, len(r.Data))
	}
}

func TestQueuesKeepTheirOrder(t *testing.T) {
	q := New()
	var want []int
	for i := range 1000 {
		add(q, "1", i)
		add(q, "2", 1)
		want = append(want, i)
		if i%3 == 0 { // the front moves while the back grows
			r, _ := q.First("2")
			if !q.Remove(r) || q.Remove(r) {
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
	if got := q.Size("1"); got != (Size{}) {
		t.Errorf("got %+v of an empty queue", got)
	}
	if got := q.Size("3"); got != (Size{}) {
		t.Errorf("got %+v of a queue that is not there", got)
	}
}

// A queue whose front moves as fast as its back grows takes no more memory than what it
// holds.
func TestAQueueDoesNotKeepWhatIsRemoved(t *testing.T) {
	q := New()
	for range 10 {
		add(q, "1", 1)
	}
	largest := 0
	for range 10_000 {
		add(q, "1", 1)
		r, _ := q.First("1")
		q.Remove(r)
		largest = max(largest, cap(q.apps["1"].list))
	}
	if largest > 100 {
		t.Errorf("room for %d requests, with 10 that are queued", largest)
	}
	if drain(q, "1"); q.apps["1"].list != nil {
		t.Error("an empty queue keeps its array")
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
			early, late := New(), New()
			early.Limit("1", tc.requests, tc.bytes)
			for n := 10; n < 15; n++ {
				add(early, "1", n)
				add(late, "1", n)
			}
			late.Limit("1", tc.requests, tc.bytes)
			for _, q := range []*Queues{early, late} {
				dropped := q.Size("1").Dropped
				if got := fmt.Sprint(drain(q, "1"), dropped); got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
			}
		})
	}
}

func TestRemovalsAreHandedOverOnce(t *testing.T) {
	q := New()
	add(q, "1", 1)
	drain(q, "1")
	if q.HasRemoved() {
		t.Error("removals are kept although nobody takes them")
	}
	removal := q.TrackRemovals()
	q.Limit("1", 1, 0)
	add(q, "1", 1)
	add(q, "1", 2) // drops the one before
	drain(q, "1")
	select {
	case <-removal:
	default:
		t.Error("the channel is silent")
	}
	if got := fmt.Sprint(q.TakeRemoved()); got != "[{1 2} {1 3}]" {
		t.Errorf("got %s", got)
	}
	if q.HasRemoved() || len(q.TakeRemoved()) != 0 {
		t.Error("handed over twice")
	}
}

// What Number has given is never given again, also after a restart.
func TestNumbersGoOn(t *testing.T) {
	q := New()
	add(q, "1", 1)
	add(q, "2", 1)
	again := New()
	again.Add(q.All()...)
	if r := again.Number(Request{AppID: "1"}); r.Seq != 3 {
		t.Errorf("got %d", r.Seq)
	}
}
