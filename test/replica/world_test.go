//go:build linux

package replica

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// world is the applications as they are at Tencent, and the callbacks that were acknowledged.
type world struct {
	t        *testing.T
	apps     []string
	client   *http.Client
	mu       sync.Mutex
	newest   map[string]threshold
	events   map[string]int             // threshold events acknowledged
	rooms    map[string]map[string]room // by application and RoomId
	lastTime int64
}

type threshold struct{ time, current, max int64 }

type room struct {
	time   int64
	closed bool
}

func newWorld(t *testing.T, apps ...string) *world {
	w := &world{
		t: t, apps: apps, client: &http.Client{Timeout: patience, Transport: &http.Transport{}},
		newest: map[string]threshold{}, events: map[string]int{}, rooms: map[string]map[string]room{},
	}
	for _, app := range apps {
		w.rooms[app] = map[string]room{}
	}
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

// send sends a callback, which must be acknowledged. If the machine is too slow for that, it is sent again.
func (w *world) send(p *exporter.Process, app, command, body string) {
	w.t.Helper()
	var text []byte
	status, err := exporter.Patiently(func() (int, error) {
		resp, err := w.client.Post("http://"+p.Webhook+"/callback?SdkAppid="+app+"&CallbackCommand="+command, "application/json", bytes.NewBufferString(body))
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		text, _ = io.ReadAll(resp.Body)
		return resp.StatusCode, nil
	})
	if err != nil || status != http.StatusOK {
		w.t.Errorf("%s: %d, %v: %s", command, status, err, text)
	}
}

// happen changes an application, and sends the callback to one of the replicas.
func (w *world) happen(replicas []*exporter.Process) {
	app, p := w.apps[rand.IntN(len(w.apps))], replicas[rand.IntN(len(replicas))]
	w.mu.Lock()
	w.lastTime = max(w.lastTime+1, time.Now().UnixMilli()) // no two at the same time: their order would not be defined
	now := w.lastTime
	switch rooms := w.rooms[app]; rand.IntN(4) {
	case 0:
		e := threshold{now - rand.Int64N(2000), 300 + rand.Int64N(200), 500}
		w.events[app]++
		if was := w.newest[app]; cmp.Or(cmp.Compare(e.time, was.time), cmp.Compare(e.current, was.current)) > 0 {
			w.newest[app] = e
		}
		w.mu.Unlock()
		w.send(p, app, "Live.CallbackAfterCreateRoomReachingThreshold", fmt.Sprintf(
			`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"host-%d","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":%d}`, now, e.time, e.current, e.max))
	case 1:
		for id, r := range rooms {
			if r.closed {
				continue
			}
			rooms[id] = room{now, true}
			w.mu.Unlock()
			w.send(p, app, "Live.CallbackAfterDestroyRoom", fmt.Sprintf(
				`{"CallbackCommand":"Live.CallbackAfterDestroyRoom","RoomId":%q,"EventType":"DestroyByUser","EventTime":%d}`, id, now))
			return
		}
		w.mu.Unlock()
	default:
		id := fmt.Sprintf("room-%d", now)
		rooms[id] = room{now, false}
		w.mu.Unlock()
		w.send(p, app, "Live.CallbackAfterCreateRoom", fmt.Sprintf(
			`{"CallbackCommand":"Live.CallbackAfterCreateRoom","Operator_Account":"host-%d","EventTime":%d,"RoomInfo":{"RoomId":%q}}`, now, now, id))
	}
}

// turmoil changes applications, with several senders at once, until stop is called.
func (w *world) turmoil(replicas []*exporter.Process) (stop func()) {
	done := make(chan struct{})
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
					w.happen(replicas)
				}
			}
		})
	}
	return func() { close(done); senders.Wait() }
}

// agree returns an error that says how a replica differs from the world, or from another replica.
func (w *world) agree(replicas []*exporter.Process) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	estimates := map[string]float64{}
	for i, p := range replicas {
		m, err := p.Scrape(w.client)
		if err != nil {
			return err
		}
		for _, app := range w.apps {
			open := 0
			for _, r := range w.rooms[app] {
				if !r.closed {
					open++
				}
			}
			newest := w.newest[app]
			want := map[string]float64{}
			if len(w.rooms[app]) > 0 {
				want["tuilivekit_known_rooms"] = float64(open)
			}
			if newest.time > 0 {
				want["tuilivekit_current_rooms"], want["tuilivekit_max_rooms"] = float64(newest.current), float64(newest.max)
				want["tuilivekit_last_event_timestamp_seconds"] = float64(newest.time) / 1e3
			}
			for name, value := range want {
				if got, ok := m.Of(name, app); !ok || got != value {
					return fmt.Errorf("%s of %s of replica %d: got %v (%v), want %v", name, app, i, got, ok, value)
				}
			}
			estimate, _ := m.Of("tuilivekit_estimated_rooms", app)
			if first, ok := estimates[app]; ok && first != estimate {
				return fmt.Errorf("tuilivekit_estimated_rooms of %s: %v of one replica, %v of another", app, first, estimate)
			}
			estimates[app] = estimate
		}
	}
	return nil
}

// counted fails the test unless each threshold event is counted by exactly one replica.
func (w *world) counted(replicas []*exporter.Process) {
	w.t.Helper()
	for _, app := range w.apps {
		sum := 0.0
		for _, p := range replicas {
			m, err := p.Scrape(w.client)
			if err != nil {
				w.t.Fatal(err)
			}
			n, _ := m.Of("tuilivekit_threshold_events_total", app)
			sum += n
		}
		if sum != float64(w.events[app]) {
			w.t.Errorf("threshold events of %s: %v counted by all replicas, %d acknowledged", app, sum, w.events[app])
		}
	}
}

// sample returns a sample, whose name has all labels, of a replica.
func (w *world) sample(p *exporter.Process, name string) float64 {
	w.t.Helper()
	m, err := p.Scrape(w.client)
	if err != nil {
		w.t.Fatal(err)
	}
	return m[name]
}
