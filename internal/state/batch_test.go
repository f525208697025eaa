package state

import (
	"fmt"
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
