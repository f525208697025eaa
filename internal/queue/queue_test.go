package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var now = time.Unix(1_800_000_000, 0)

func TestALaneKeepsItsOrder(t *testing.T) {
	q := New()
	var want []int
	for i := range 1000 {
		add(q, "1", 7, i)
		add(q, "2", 7, 1)
		want = append(want, i)
		if i%3 == 0 { // requests are removed while others are added
			it := q.Take("2", Fresh, now)
			if !q.Done(it) {
				t.Fatal("not removed")
			}
		}
	}
	wantSize(t, q, "2", Size{Requests: 666, Bytes: 666, Lanes: 1, Oldest: 5})
	if got := drain(q, "1"); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	wantSize(t, q, "1", Size{})
	wantSize(t, q, "3", Size{})
}

func TestLanesAreTakenAtTheSameTime(t *testing.T) {
	q := New()
	for i := range 9 {
		add(q, "1", uint64(1+i%3), 10+i)
	}
	items, got := take(q, "1", Fresh, now)
	if !slices.Equal(got, []int{10, 11, 12}) {
		t.Errorf("took %v, want one of each lane", got)
	}
	q.Done(items[1])
	if _, got := take(q, "1", Fresh, now); !slices.Equal(got, []int{14}) {
		t.Errorf("took %v, want the next of the lane that is free", got)
	}
	wantSize(t, q, "1", Size{Requests: 8, Bytes: 8*10 + 36 - 1, Lanes: 3, Taken: 3, Oldest: 5})
}

// Lanes take turns, even if one lane has many requests.
func TestLanesTakeTurns(t *testing.T) {
	q := New()
	for i := range 4 {
		add(q, "1", 1, 10+i)
	}
	add(q, "1", 2, 20)
	add(q, "1", 3, 30)
	if got := drain(q, "1"); !slices.Equal(got, []int{10, 20, 30, 11, 12, 13}) {
		t.Errorf("got %v", got)
	}
}

func TestALaneWaitsForItsRetry(t *testing.T) {
	q := New()
	add(q, "1", 1, 10)
	add(q, "1", 1, 11)
	it := q.Take("1", Fresh, now)
	it.Attempts = 3
	q.Retry(it, now.Add(time.Second))
	if got := drain(q, "1"); got != nil {
		t.Errorf("took %v while their lane waits", got)
	}
	if at, ok := q.Due("1", Retry); !ok || !at.Equal(now.Add(time.Second)) {
		t.Errorf("due at %s, %t", at, ok)
	}
	if q.Take("1", Retry, now.Add(time.Second-1)) != nil {
		t.Error("taken too early")
	}
	if it := q.Take("1", Retry, now.Add(time.Second)); it == nil || len(it.Data) != 10 || it.Attempts != 3 {
		t.Fatalf("got %+v", it)
	}
	q.Done(it)
	if got := drain(q, "1"); !slices.Equal(got, []int{11}) {
		t.Errorf("then %v", got)
	}
}

func TestAReleasedRequestIsFirstAgain(t *testing.T) {
	q := New()
	add(q, "1", 1, 10)
	add(q, "1", 1, 11)
	q.Release(q.Take("1", Fresh, now))
	if got := drain(q, "1"); !slices.Equal(got, []int{10, 11}) {
		t.Errorf("got %v", got)
	}
}

func TestALaneContinuesAfterARequestIsSetAside(t *testing.T) {
	q := New()
	changes := q.TrackRemovals()
	for i := range 3 {
		add(q, "1", 1, 10+i)
	}
	bad := q.Take("1", Fresh, now)
	q.SetAside(bad, now.Add(time.Minute))
	<-changes
	if moved := q.TakeMoved(); len(moved) != 1 || moved[0].Seq != bad.Seq || moved[0].Lane != NoLane || q.HasRemoved() {
		t.Errorf("moved %+v", moved)
	}
	wantSize(t, q, "1", Size{Requests: 3, Bytes: 33, Lanes: 1, SetAside: 1, Oldest: 5})
	if got := drain(q, "1"); !slices.Equal(got, []int{11, 12}) {
		t.Errorf("got %v", got)
	}
	wantSize(t, q, "1", Size{Requests: 1, Bytes: 10, SetAside: 1})
	if _, got := take(q, "1", Aside, now); got != nil {
		t.Errorf("took %v too early", got)
	}
	q.Retry(q.Take("1", Aside, now.Add(time.Minute)), now.Add(2*time.Minute)) // and fails again
	if q.Take("1", Aside, now.Add(time.Minute)) != nil || q.Take("1", Retry, now.Add(time.Hour)) != nil {
		t.Error("a request that is set aside is taken as one of a lane")
	}
	q.Done(q.Take("1", Aside, now.Add(2*time.Minute)))
	wantSize(t, q, "1", Size{})
	if removed := q.TakeRemoved(); len(removed) != 3 || removed[2] != bad.Key() {
		t.Errorf("removed %v", removed)
	}
}

func TestAnOvertakenRequestIsSetAside(t *testing.T) {
	q := New()
	for i := range 4 {
		add(q, "1", 1, 10+i)
	}
	bad := q.Take("1", Fresh, now)
	behind := q.Behind(bad, 2)
	if len(behind) != 2 || len(behind[0].Data) != 11 || len(behind[1].Data) != 12 || q.Take("1", Fresh, now) != nil {
		t.Fatalf("the requests behind it are %v", behind)
	}
	if !q.Overtake(bad, behind[1], now.Add(time.Minute)) {
		t.Error("not removed")
	}
	wantSize(t, q, "1", Size{Requests: 3, Bytes: 10 + 11 + 13, Lanes: 1, SetAside: 1, Oldest: 5})
	if got := drain(q, "1"); !slices.Equal(got, []int{11, 13}) {
		t.Errorf("then %v", got)
	}
}

// After a restart the lanes are as before, and requests that were set aside are in no lane.
func TestRestoredLanes(t *testing.T) {
	q := New()
	q.Add(Request{AppID: "1", Seq: 1, Lane: NoLane}, Request{AppID: "1", Seq: 2, Lane: 1}, Request{AppID: "1", Seq: 5, Lane: NoLane}, Request{AppID: "1", Seq: 7, Lane: 1})
	if items, _ := take(q, "1", Fresh, now); len(items) != 1 || items[0].Seq != 2 {
		t.Errorf("took %v", items)
	}
	if items, _ := take(q, "1", Aside, now); len(items) != 2 {
		t.Errorf("the requests that are set aside are %v", items)
	}
	if got := q.Number(Request{}).Seq; got != 8 {
		t.Errorf("the next has the number %d", got)
	}
}

func TestAgainMakesAllDue(t *testing.T) {
	q := New()
	add(q, "1", 1, 10)
	add(q, "1", 2, 20)
	retried, aside := q.Take("1", Fresh, now), q.Take("1", Fresh, now)
	retried.Attempts, aside.Failing = 5, time.Hour
	q.Retry(retried, now.Add(time.Hour))
	q.SetAside(aside, now.Add(time.Hour))
	q.Again("1")
	for _, kind := range []Kind{Retry, Aside} {
		if it := q.Take("1", kind, now); it == nil || it.Trials != (Trials{}) {
			t.Errorf("kind %d: got %+v", kind, it)
		}
	}
}

// A queue keeps no memory of removed requests.
func TestAQueueDoesNotKeepRemovedRequests(t *testing.T) {
	q := New()
	for i := range 10_000 {
		add(q, "1", uint64(1+i), 1)
		q.Done(q.Take("1", Fresh, now))
	}
	one := q.apps["1"]
	if one.first != nil || one.last != nil || len(one.lanes) != 0 || cap(one.waiting[Fresh]) > 100 {
		t.Errorf("an empty queue keeps %d lanes, and room for %d", len(one.lanes), cap(one.waiting[Fresh]))
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
				add(early, "1", 1, n)
				add(late, "1", 1, n)
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

func TestRemovalsAreReturnedOnce(t *testing.T) {
	q := New()
	add(q, "1", 1, 1)
	drain(q, "1")
	if q.HasRemoved() {
		t.Error("removals are recorded before TrackRemovals")
	}
	removal := q.TrackRemovals()
	q.Limit("1", 1, 0)
	add(q, "1", 1, 1)
	add(q, "1", 1, 2) // drops the previous request
	drain(q, "1")
	select {
	case <-removal:
	default:
		t.Error("the channel has no value")
	}
	if got := fmt.Sprint(q.TakeRemoved()); got != "[{1 2} {1 3}]" {
		t.Errorf("got %s", got)
	}
	if q.HasRemoved() || len(q.TakeRemoved()) != 0 {
		t.Error("removals are returned twice")
	}
}

// Number never assigns a Seq twice, also after a restart.
func TestNumbersAreUnique(t *testing.T) {
	q := New()
	add(q, "1", 1, 1)
	add(q, "2", 1, 1)
	again := New()
	again.Add(q.All()...)
	if r := again.Number(Request{AppID: "1"}); r.Seq != 3 {
		t.Errorf("got %d", r.Seq)
	}
}

// A taken request is dropped only if all other requests but the newest are taken.
func TestAFullQueueDropsTakenRequestsLast(t *testing.T) {
	q := New()
	q.Limit("1", 2, 0)
	add(q, "1", 1, 10)
	add(q, "1", 1, 11)
	taken := q.Take("1", Fresh, now)
	add(q, "1", 2, 12)
	if !q.Done(taken) {
		t.Error("a taken request is dropped, although an older request than the newest was not taken")
	}
	if got := drain(q, "1"); !slices.Equal(got, []int{12}) {
		t.Errorf("left %v", got)
	}

	q.Limit("1", 1, 0)
	add(q, "1", 1, 10)
	taken = q.Take("1", Fresh, now)
	add(q, "1", 1, 11)
	if _, got := take(q, "1", Fresh, now); got != nil {
		t.Errorf("took %v of a lane that is taken", got)
	}
	if q.Done(taken) {
		t.Error("the newest is dropped")
	}
	if got := drain(q, "1"); !slices.Equal(got, []int{11}) {
		t.Errorf("left %v", got)
	}
	wantSize(t, q, "1", Size{Dropped: 2})
}

func TestExpire(t *testing.T) {
	q := New()
	for i := range 5 {
		q.Add(q.Number(Request{AppID: "1", Lane: uint64(1 + i%2), Received: int64(i)}))
	}
	taken := q.Take("1", Fresh, now)
	q.SetAside(q.Take("1", Fresh, now), now)
	if at, ok := q.OldestReceived("1"); !ok || at != 1 {
		t.Errorf("the oldest is of %d", at)
	}
	if n := q.Expire("1", 3); n != 2 {
		t.Errorf("%d have expired", n)
	}
	q.Retry(taken, now)
	if n := q.Expire("1", 3); n != 1 {
		t.Errorf("then %d have expired", n)
	}
	wantSize(t, q, "1", Size{Requests: 2, Lanes: 2, Oldest: 3})
	q.Expire("1", 100)
	wantSize(t, q, "1", Size{})
	if _, ok := q.OldestReceived("1"); ok {
		t.Error("an empty queue has an oldest request")
	}
}

func TestWaiting(t *testing.T) {
	q := New()
	ch := q.Waiting("1")
	add(q, "2", 1, 1)
	select {
	case <-ch:
		t.Error("woken by another application")
	default:
	}
	add(q, "1", 1, 1)
	<-ch
}

// In any sequence of calls, a lane has at most one taken request and hands its requests out in
// their order.
func TestLanesAgainstAModel(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		q, m := New(), model{}
		q.Limit("1", 40, 0)
		at, dropped := now, uint64(0)
		var held []*Item
		find := func(seq uint64) int {
			return slices.IndexFunc(m.list, func(r Request) bool { return r.Seq == seq })
		}
		for range 2000 {
			at = at.Add(time.Second)
			switch n := random.IntN(10); {
			case n < 4:
				r := q.Number(Request{AppID: "1", Lane: 1 + random.Uint64N(5), Received: at.UnixMilli(), Data: []byte("x")})
				q.Add(r)
				m.list = append(m.list, r)
			case n < 7:
				it := q.Take("1", Kind(random.IntN(int(numKinds))), at)
				if it == nil {
					break
				}
				i := find(it.Seq)
				if i < 0 {
					t.Fatalf("seed %d: took %d, which is not there", seed, it.Seq)
				}
				for _, r := range m.list[:i] {
					if r.Lane == it.Lane && it.Lane != NoLane {
						t.Fatalf("seed %d: took %d before %d, of the same lane", seed, it.Seq, r.Seq)
					}
				}
				for _, other := range held {
					if other.Lane == it.Lane && it.Lane != NoLane {
						t.Fatalf("seed %d: took two of lane %d", seed, it.Lane)
					}
				}
				held = append(held, it)
			case len(held) > 0:
				i := random.IntN(len(held))
				it := held[i]
				held = slices.Delete(held, i, i+1)
				switch at, j := at.Add(time.Duration(random.IntN(20))*time.Second), find(it.Seq); random.IntN(4) {
				case 0:
					q.Retry(it, at)
				case 1:
					q.SetAside(it, at)
					if j >= 0 {
						m.list[j].Lane = NoLane
					}
				case 2:
					q.Release(it)
				default:
					if q.Done(it) != (j >= 0) {
						t.Fatalf("seed %d: %d was there: %t", seed, it.Seq, j >= 0)
					}
					if j >= 0 {
						m.list = slices.Delete(m.list, j, j+1)
					}
				}
			}
			all := q.All() // the model drops the oldest requests that are not taken too
			for i := 0; i < len(m.list) && len(m.list) > len(all); i++ {
				r := m.list[i]
				if !slices.ContainsFunc(all, func(have Request) bool { return have.Seq == r.Seq }) {
					m.list = slices.Delete(m.list, i, i+1)
					dropped++
					i--
				}
			}
			if !slices.EqualFunc(all, m.list, func(a, b Request) bool { return a.Seq == b.Seq && a.Lane == b.Lane }) {
				t.Fatalf("seed %d: has %v, want %v", seed, all, m.list)
			}
		}
		aside, lanes := 0, map[uint64]bool{}
		for _, r := range m.list {
			if lanes[r.Lane] = true; r.Lane == NoLane {
				aside++
			}
		}
		delete(lanes, NoLane)
		s := q.Size("1")
		if s.Requests != len(m.list) || s.SetAside != aside || s.Taken != len(held) || s.Dropped != dropped || s.Lanes < len(lanes) || s.Lanes > len(lanes)+len(held) {
			t.Fatalf("seed %d: size %+v, want %d, %d set aside, %d taken, %d lanes, %d dropped", seed, s, len(m.list), aside, len(held), len(lanes), dropped)
		}
	}
}

// model is a simple model of the queue.
type model struct {
	list []Request // oldest first
}

// add queues a request of n bytes in a lane.
func add(q *Queues, app string, lane uint64, n int) {
	q.Add(q.Number(Request{AppID: app, Lane: lane, Received: 5, Data: make([]byte, n)}))
}

// take takes all requests of a kind that can be taken, and returns their lengths.
func take(q *Queues, app string, kind Kind, at time.Time) (items []*Item, lengths []int) {
	for {
		it := q.Take(app, kind, at)
		if it == nil {
			return items, lengths
		}
		items, lengths = append(items, it), append(lengths, len(it.Data))
	}
}

// drain takes and removes all fresh requests of an application, and returns their lengths.
func drain(q *Queues, app string) (lengths []int) {
	for it := q.Take(app, Fresh, now); it != nil; it = q.Take(app, Fresh, now) {
		lengths = append(lengths, len(it.Data))
		q.Done(it)
	}
	return lengths
}

func wantSize(t *testing.T, q *Queues, app string, want Size) {
	t.Helper()
	if got := q.Size(app); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
