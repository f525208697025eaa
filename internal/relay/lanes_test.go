package relay

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// If max_concurrent is the number of rooms, one callback of each room is in delivery.
func TestRoomsAreDeliveredAtTheSameTime(t *testing.T) {
	const places, each = 8, 5
	var b rooms
	var mu sync.Mutex
	inside := map[string]bool{}
	all := make(chan struct{})
	queues, r := newCouriers(t, Settings{AppID: "1", MaxConcurrent: places, URL: serve(t, func(_ http.ResponseWriter, r *http.Request) {
		m := readMessage(r)
		mu.Lock()
		if inside[m.RoomId] {
			t.Errorf("two callbacks of room %s at the same time", m.RoomId)
		}
		inside[m.RoomId] = true
		if m.N == 0 && len(inside) == places {
			close(all)
		}
		mu.Unlock()
		if m.N == 0 {
			<-all // all rooms have begun, or the test ends here
		}
		b.take(m)
		mu.Lock()
		defer mu.Unlock()
		delete(inside, m.RoomId)
	})})
	for n := range each {
		for room := range places {
			record(t, queues, r, "1", "", message{"x", fmt.Sprint(room), n}.String())
		}
	}
	waitFor(t, "delivered", func() bool { return b.count() == places*each })
	for room := range places {
		if got := b.of(fmt.Sprint(room)); !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Errorf("room %d got %v", room, got)
		}
	}
}

// There are never more than max_concurrent deliveries in progress.
func TestMaxConcurrentIsKept(t *testing.T) {
	const places = 3
	var b rooms
	var mu sync.Mutex
	now, most := 0, 0
	queues, r := newCouriers(t, Settings{AppID: "1", MaxConcurrent: places, URL: serve(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		b.take(readMessage(r))
		mu.Lock()
		defer mu.Unlock()
		now--
	})})
	for n := range 300 {
		record(t, queues, r, "1", "", message{"x", fmt.Sprint(n), n}.String())
	}
	waitFor(t, "delivered", func() bool { return b.count() == 300 })
	if most > places {
		t.Errorf("%d at a time", most)
	}
}

// A callback that the backend does not accept delays its room for a while, and no other room.
func TestACallbackThatFailsIsSetAside(t *testing.T) {
	b := trouble(t, 20*time.Minute, func(m message, _ time.Duration) bool { return m.N == 42 },
		func(queues *queue.Queues, r *Relay, b *rooms) {
			if size := queues.Size("1"); size.SetAside != 1 || size.Requests != 1 || size.Oldest != 0 {
				t.Errorf("%+v", size)
			}
			if got := b.of("room2"); len(got) != 119 || !slices.IsSorted(got) {
				t.Errorf("its room got %v", got)
			}
			if h := r.Backend("1").Health(); h.LastFailure == nil || !strings.Contains(h.LastFailure.Text, "status 500") && !strings.Contains(h.LastFailure.Text, "set aside") {
				t.Errorf("%+v", h.LastFailure)
			}
		})
	b.wantOrder(t, "room2")
	if got := b.of("room2"); got[len(got)-1] != 42 {
		t.Errorf("room2 got %v", got)
	}
}

func TestABackendThatFailsForOneCommand(t *testing.T) {
	trouble(t, 20*time.Minute, func(m message, _ time.Duration) bool { return m.CallbackCommand == "command1" && m.N < 30 },
		func(queues *queue.Queues, _ *Relay, b *rooms) {
			if size := queues.Size("1"); size.SetAside != 10 || size.Requests != 10 {
				t.Errorf("%+v", size)
			}
		})
}

// trouble runs a backend in synctest that fails where fails returns true. Each second one
// callback of one of ten rooms is recorded. Afterwards the backend accepts all callbacks.
func trouble(t *testing.T, span time.Duration, fails func(message, time.Duration) bool, during func(*queue.Queues, *Relay, *rooms)) *rooms {
	var b rooms
	var begin time.Time
	var healthy atomic.Bool
	fakeTime(t, Settings{AppID: "1", MaxQueueRequests: 1_000_000, MaxConcurrent: 4}, func(r *http.Request) *http.Response {
		m := readMessage(r)
		if !healthy.Load() && fails(m, time.Since(begin)) {
			return status(500)
		}
		b.take(m)
		return status(200)
	}, func(queues *queue.Queues, r *Relay) {
		begin = time.Now()
		n := 0
		for ; time.Since(begin) < span; n++ {
			command := fmt.Sprint("command", n%3)
			record(t, queues, r, "1", "CallbackCommand="+command, message{command, fmt.Sprint("room", n%10), n}.String())
			time.Sleep(time.Second)
		}
		time.Sleep(maxBackoff)
		during(queues, r, &b)
		healthy.Store(true)
		time.Sleep(2 * maxAsideBackoff)
		s, size := r.Backend("1").stats, queues.Size("1")
		if size.Requests != 0 || b.count() != n || s.delivered.Load() != uint64(n) {
			t.Errorf("%d of %d delivered, %+v", b.count(), n, size)
		}
	})
	return &b
}

// wantOrder checks that each room, except those in except, got its callbacks in their order.
func (b *rooms) wantOrder(t *testing.T, except ...string) {
	t.Helper()
	for room, got := range b.got {
		if !slices.IsSorted(got) && !slices.Contains(except, room) {
			t.Errorf("%s got %v", room, got)
		}
	}
}

// All callbacks of one room fail. The other rooms are not affected.
func TestABackendThatFailsForOneRoom(t *testing.T) {
	b := trouble(t, 10*time.Minute, func(m message, _ time.Duration) bool { return m.RoomId == "room3" },
		func(queues *queue.Queues, _ *Relay, b *rooms) {
			if got := b.count(); got != 540 {
				t.Errorf("%d delivered of 540 of other rooms", got)
			}
		})
	b.wantOrder(t, "room3")
}

func TestABackendThatFailsATenth(t *testing.T) {
	b := trouble(t, 20*time.Minute, func(message, time.Duration) bool { return rand.IntN(10) == 0 },
		func(queues *queue.Queues, _ *Relay, _ *rooms) {
			if size := queues.Size("1"); size.SetAside != 0 {
				t.Errorf("%+v", size)
			}
		})
	b.wantOrder(t)
}

// While a backend is down, nothing is set aside, even if it works for moments in between: only
// the time counts in which it accepts other callbacks.
func TestWhileABackendIsDownNothingIsSetAside(t *testing.T) {
	for name, away := range map[string]func(time.Duration) bool{
		"for two hours":              func(d time.Duration) bool { return d > time.Minute },
		"but for a minute each hour": func(d time.Duration) bool { return d%time.Hour > time.Minute },
	} {
		b := trouble(t, 150*time.Minute, func(_ message, d time.Duration) bool { return away(d) },
			func(queues *queue.Queues, r *Relay, _ *rooms) {
				if size := queues.Size("1"); size.SetAside != 0 || size.Lanes != 10 {
					t.Errorf("%s: %+v", name, size)
				}
				if !r.Backend("1").Health().DeliveryCircuitOpen {
					t.Errorf("%s: the circuit is closed", name)
				}
			})
		b.wantOrder(t)
	}
}

// A backend that is down gets one request at a time, with growing pauses, for any number of
// rooms. Soon after it works again it has all callbacks.
func TestABackendThatIsDownGetsFewRequests(t *testing.T) {
	const count = 1000
	var asked atomic.Int64
	var healthy atomic.Bool
	var b rooms
	fakeTime(t, Settings{AppID: "1"}, func(r *http.Request) *http.Response {
		asked.Add(1)
		if !healthy.Load() {
			return status(503)
		}
		time.Sleep(50 * time.Millisecond)
		b.take(readMessage(r))
		return status(200)
	}, func(queues *queue.Queues, r *Relay) {
		for n := range count {
			record(t, queues, r, "1", "", message{"x", fmt.Sprint(n), n}.String())
		}
		time.Sleep(time.Hour)
		if n := asked.Load(); n > 64+5+130 { // the first attempts, the first probes, one in 30 s
			t.Errorf("asked %d times in an hour", n)
		}
		healthy.Store(true)
		time.Sleep(maxOpen + 5*time.Second)
		if b.count() != count {
			t.Errorf("%d delivered", b.count())
		}
	})
}

// Callbacks that are set aside are retried with growing pauses, and use few of max_concurrent.
func TestCallbacksSetAsideAreRetriedSlowly(t *testing.T) {
	var attempts atomic.Int64
	var b rooms
	fakeTime(t, Settings{AppID: "1", MaxAge: 10 * time.Hour}, func(r *http.Request) *http.Response {
		if m := readMessage(r); m.N != 7 {
			b.take(m)
			return status(200)
		}
		attempts.Add(1)
		return status(500)
	}, func(queues *queue.Queues, r *Relay) {
		for n := range 3600 {
			record(t, queues, r, "1", "", message{"x", fmt.Sprint(n % 10), n}.String())
			time.Sleep(time.Second)
		}
		if size := queues.Size("1"); size.SetAside != 1 {
			t.Errorf("%+v", size)
		}
		attempts.Store(0)
		time.Sleep(9*time.Hour - time.Minute)
		if n := attempts.Load(); n < 15 || n > 40 { // every 15 to 30 minutes
			t.Errorf("tried %d times in nine hours", n)
		}
		time.Sleep(2 * time.Minute)
		if s := r.Backend("1").stats; queues.Size("1").Requests != 0 || s.dropped[droppedExpired].Load() != 1 || b.count() != 3599 {
			t.Errorf("%+v, %d expired", queues.Size("1"), s.dropped[droppedExpired].Load())
		}
	})
}

// The backend never answers one command, whose callback is the oldest of every room. For a while
// it accepts nothing, although it is not down.
func TestABackendThatHangsForOneCommandInAllRooms(t *testing.T) {
	const lanes = 20
	var b rooms
	var healthy atomic.Bool
	fakeTime(t, Settings{AppID: "1", MaxQueueRequests: 1_000, MaxConcurrent: 4}, func(r *http.Request) *http.Response {
		m := readMessage(r)
		if m.CallbackCommand == "hangs" && !healthy.Load() {
			<-r.Context().Done()
			return nil
		}
		b.take(m)
		return status(200)
	}, func(queues *queue.Queues, r *Relay) {
		for n, command := range []string{"hangs", "works"} {
			for room := range lanes {
				record(t, queues, r, "1", "CallbackCommand="+command, message{command, fmt.Sprint("room", room), n}.String())
			}
		}
		time.Sleep(2 * time.Hour)
		if size := queues.Size("1"); b.count() != lanes || size.SetAside != lanes || size.Requests != lanes {
			t.Errorf("%d of %d delivered of the command that works, %+v", b.count(), lanes, size)
		}
		healthy.Store(true)
		time.Sleep(2 * maxAsideBackoff)
		if size := queues.Size("1"); size.Requests != 0 || b.count() != 2*lanes {
			t.Errorf("%d of %d delivered, %+v", b.count(), 2*lanes, size)
		}
	})
}

// message is a numbered callback of a room. Its body has the fields that the backend checks.
type message struct {
	CallbackCommand, RoomId string
	N                       int
}

func (m message) String() string {
	b, _ := json.Marshal(m)
	return string(b)
}

func readMessage(r *http.Request) (m message) {
	b, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(b, &m)
	return m
}

// rooms is a backend that keeps the messages of each room and checks their order.
type rooms struct {
	mu    sync.Mutex
	got   map[string][]int
	total int
}

func (b *rooms) take(m message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.got == nil {
		b.got = map[string][]int{}
	}
	b.got[m.RoomId] = append(b.got[m.RoomId], m.N)
	b.total++
}

func (b *rooms) of(room string) []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got[room])
}

func (b *rooms) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}
