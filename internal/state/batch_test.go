package state

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
)

func TestABatchIsVisibleWhenItIsPublished(t *testing.T) {
	s := newStore("1")
	b := s.Begin()
	if !b.Changes().Empty() {
		t.Errorf("an empty batch has %+v", b.Changes())
	}
	b.Count(threshold(day0, 400, 500))
	b.Count(created(day0+1, `"r"`))
	if o := b.Count(created(day0+1, `"r"`)); o.Verdict != Duplicate {
		t.Errorf("a repeat within the batch: %+v", o)
	}
	c := b.Changes()
	if len(c.Records) != 1 || c.Records[0].Events != 1 || c.Records[0].Created != 1 || len(c.Repeats) != 2 {
		t.Errorf("changes are %+v", c)
	}
	if got := fmt.Sprint(b.Changes()); got != fmt.Sprint(c) {
		t.Errorf("the second call of Changes returns %s", got)
	}
	if r := rooms(t, s); r.Known() {
		t.Errorf("visible before it is published: %+v", r)
	}
	b.Publish()
	if r := rooms(t, s); r != c.Records[0].Counts {
		t.Errorf("published %+v, want %+v", r, c.Records[0].Counts)
	}

	again := New(Options{})
	again.Restore(s.All())
	again.Configure([]App{{ID: "1"}})
	if r := rooms(t, again); r != rooms(t, s) {
		t.Errorf("restored %+v, want %+v", r, rooms(t, s))
	}
	if o := again.Count(created(day0+1, `"r"`)); o.Verdict != Duplicate {
		t.Errorf("a repeat after the restart: %+v", o)
	}
}

// Two stores get the same events. Those of one are in forgotten batches.
func TestAForgottenBatchLeavesNothing(t *testing.T) {
	kept, forgotten := newStore("1", "2"), newStore("1", "2")
	random := rand.New(rand.NewPCG(1, 2))
	for i := range int64(300) {
		batch, forgetful := kept.Begin(), forgotten.Begin()
		for range random.IntN(20) {
			at := day0 + i*1000 + random.Int64N(1000)
			e := threshold(at, 400+random.Int64N(100), 500)
			if random.IntN(2) == 0 {
				e = created(at, fmt.Sprintf(`"room %d"`, random.IntN(50)))
			}
			e.AppID = fmt.Sprint(1 + random.IntN(4)) // some are not configured
			batch.Count(e)
			forgetful.Count(e)
		}
		got, want := forgetful.Changes(), batch.Changes()
		if len(got.Records) != len(want.Records) || fmt.Sprint(got.Rooms, got.Repeats) != fmt.Sprint(want.Rooms, want.Repeats) {
			t.Fatalf("changes are %+v, want %+v", got, want)
		}
		if random.IntN(4) > 0 {
			forgetful.Forget()
		}
		batch.Publish()
		forgetful.Publish()
		for i, got := range forgotten.Snapshot() {
			want := kept.Snapshot()[i]
			if want.Since = got.Since; got != want { // they were configured at different times
				t.Fatalf("published %+v, want %+v", got, want)
			}
		}
	}
	e := threshold(day0+1e9, 400, 500)
	if n := testing.AllocsPerRun(100, func() {
		e.Time++
		b := forgotten.Begin()
		b.Count(e)
		b.Forget()
		b.Publish()
	}); n > 1 { // the Batch itself
		t.Errorf("%v allocations", n)
	}
}

// While there is a Batch, nothing else changes the Store. So Publish overwrites no change.
func TestNothingChangesTheStoreDuringABatch(t *testing.T) {
	s := newStore("1")
	b := s.Begin()
	b.Count(threshold(day0, 400, 500))
	var started, done sync.WaitGroup
	for _, change := range []func(){
		func() { s.Count(created(day0+1, `"r"`)) },
		func() { s.Learn(News{AppID: "1", Current: 450, Max: 500, EventTime: day0 + 2, Received: day0 + 2}) },
		func() {
			b := s.Begin()
			defer b.Publish()
			b.Count(created(day0+3, `"r"`))
		},
	} {
		started.Add(1)
		done.Go(func() { started.Done(); change() })
	}
	started.Wait()
	for range 1000 { // time for calls that do not block
		runtime.Gosched()
		if r := rooms(t, s); r.Created != 0 || r.Known() { // and Snapshot does not wait
			t.Fatalf("changed during the batch: %+v", r)
		}
	}
	b.Publish()
	done.Wait()
	if r := rooms(t, s); r.Events != 1 || r.Created != 2 || r.Current != 450 {
		t.Errorf("got %+v", r)
	}
}

func TestAPublishedBatchCannotBeUsed(t *testing.T) {
	b := newStore("1").Begin()
	b.Publish()
	defer func() {
		if recover() == nil {
			t.Error("Publish succeeds twice")
		}
	}()
	b.Count(threshold(day0, 400, 500))
}

// News set the gauges and change no counter, in any order.
func TestNewsAreNotCounted(t *testing.T) {
	news := func(at, current int64) News {
		return News{AppID: "1", Current: current, Max: 500, EventTime: at, Received: at + 5}
	}
	for _, tc := range []struct {
		name string
		news News
		want bool
	}{
		{"older", news(day0-1, 450), false},
		{"the same", news(day0, 400), false},
		{"of one time, fewer rooms", news(day0, 399), false},
		{"of one time, more rooms", news(day0, 401), true},
		{"newer", news(day0+1, 300), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			direct, batched := newStore("1"), newStore("1")
			for _, s := range []*Store{direct, batched} {
				s.Count(threshold(day0, 400, 500))
				s.Count(created(day0+1, `"r"`))
			}
			want := rooms(t, direct)
			if tc.want {
				want.Current, want.EventTime, want.Received, want.Operator = tc.news.Current, tc.news.EventTime, tc.news.Received, 0
			}
			if got := direct.Learn(tc.news); got != tc.want {
				t.Errorf("got %v", got)
			}
			b := batched.Begin()
			if got := b.Learn(tc.news); got != tc.want || b.Changes().Empty() == tc.want {
				t.Errorf("in a batch: got %v and %+v", got, b.Changes())
			}
			b.Publish()
			for _, s := range []*Store{direct, batched} {
				got := rooms(t, s)
				got.Since = want.Since
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
			}
		})
	}
}

func TestNewsOfAnUnknownApplication(t *testing.T) {
	s := newStore()
	if !s.Learn(News{AppID: "1", Current: 400, Max: 500, EventTime: day0, Received: day0 + 5}) {
		t.Fatal("the news of an unknown application are not applied")
	}
	s.Configure([]App{{ID: "1"}})
	if r := rooms(t, s); r.Current != 400 || r.Events != 0 || r.Since != day0+5 {
		t.Errorf("got %+v", r)
	}
}

func created(at int64, room string) Event {
	return Event{AppID: "1", Kind: Created, Time: at, Received: at, Subject: []byte(room)}
}
