//go:build linux

package crash

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

const (
	queueRequests = "tuilivekit_relay_queue_requests"
	deliveryName  = "X-Tuilivekit-Delivery"
)

// backend is the backend of one application. It keeps the deliveries, without repeats, and checks their order
// for each room and user.
type backend struct {
	*httptest.Server
	t   *testing.T
	app string
	// How many of a hundred requests are answered 500, and how many are kept but not answered.
	failing, losing atomic.Int64
	hanging         atomic.Bool // keeps and answers nothing

	mu      sync.Mutex
	names   map[string]int64 // events by the name of their delivery
	events  map[int64]string // the other way round
	last    map[string]int64 // the newest event of each room or user
	repeats int
}

func newBackend(t *testing.T, app string) *backend {
	b := &backend{t: t, app: app, names: map[string]int64{}, events: map[int64]string{}, last: map[string]int64{}}
	b.Server = httptest.NewServer(b)
	t.Cleanup(func() { b.CloseClientConnections(); b.Close() })
	return b
}

// eventOf returns the time of an event, which is its number, and its room or user.
var eventOf = regexp.MustCompile(`"EventTime":(\d+).*("Operator_Account":"name-\d+"|"RoomId":"name-\d+")`)

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the exporter was killed
	}
	if b.hanging.Load() {
		<-r.Context().Done()
		return
	}
	chance := rand.Int64N(100)
	if chance < b.failing.Load() {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	m := eventOf.FindSubmatch(body)
	if m == nil {
		b.t.Errorf("%s: got %q", b.app, body)
		return
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	b.take(n, string(m[2]), r.Header.Get(deliveryName))
	if chance >= 100-b.losing.Load() {
		panic(http.ErrAbortHandler)
	}
}

func (b *backend) take(n int64, lane, name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.names[name]; ok {
		b.repeats++
		if old != n {
			b.t.Errorf("%s: events %d and %d have one name", b.app, old, n)
		}
		return
	}
	if old, ok := b.events[n]; ok {
		b.t.Errorf("%s: event %d has two names, %s and %s", b.app, n, old, name)
	}
	if n <= b.last[lane] || name == "" {
		b.t.Errorf("%s: event %d of %s comes behind event %d under the name %q", b.app, n, lane, b.last[lane], name)
	}
	b.names[name], b.events[n], b.last[lane] = n, name, n
}

// missing returns how many events of acked the backend did not get.
func (b *backend) missing(acked []int64) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, event := range acked {
		if b.events[event] == "" {
			n++
		}
	}
	return n
}

// relays returns the flags of applications with backends, with queues large enough for all callbacks.
func relays(t *testing.T, backends ...*backend) []string {
	t.Helper()
	config := "apps:\n"
	for _, b := range backends {
		config += fmt.Sprintf("  - {sdk_app_id: %s, token_files: [%s], relay: {url: '%s', max_queue_requests: 10000000, max_queue_bytes: 10000000000}}\n", b.app, tokenFile, b.URL)
	}
	file := filepath.Join(t.TempDir(), "relays.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--config.file=" + file}
}

// sender sends the events of one application, one after the other.
type sender struct {
	app   string
	epoch int64
	next  int64
	acked []int64
	cut   int
}

// run sends until the exporter has ended.
func (s *sender) run(t *testing.T, p *exporter.Process) {
	conn, err := exporter.Dial(p.Webhook)
	if err != nil {
		return // the exporter has ended
	}
	defer conn.Close()
	for {
		s.next++
		a, err := conn.Post(s.event(), token)
		if err != nil {
			s.cut++
			return
		}
		switch {
		case a.Status == http.StatusOK:
			s.acked = append(s.acked, s.number())
		case !a.Late():
			t.Errorf("%s: event %d is answered %d after %s", s.app, s.next, a.Status, a.Took)
			return
		}
	}
}

// rooms is the number of rooms, and of users, of an application.
const rooms = 7

// event returns the next event, with one of three commands and one of the rooms.
func (s *sender) event() exporter.Event {
	return exporter.Event{App: s.app, Command: commands[s.next%3], Time: s.number(), Current: 500, Max: 1000, Name: fmt.Sprint("name-", s.next%rooms)}
}

// number returns the number of the next event, which is its time.
func (s *sender) number() int64 { return s.epoch + s.next }

// waitTaken returns when all queues for the backends are empty.
func waitTaken(t *testing.T, p *exporter.Process, backends ...*backend) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		m, left := scrape(t, p), 0.0
		for _, b := range backends {
			n, ok := m.Of(queueRequests, b.app)
			if !ok {
				t.Fatalf("no %s", queueRequests)
			}
			left += n
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%g callbacks still wait\n%s", left, p.LogText())
		}
	}
}

// TestKillRelay kills the exporter under load while backends fail, hang and lose answers. The backends must get
// every acknowledged event, and those of each room in their order.
func TestKillRelay(t *testing.T) {
	random, n := random(t), cycles(t, 20)
	var backends []*backend
	var senders []*sender
	for i := range 3 {
		app := strconv.Itoa(1400000001 + i)
		backends = append(backends, newBackend(t, app))
		senders = append(senders, &sender{app: app, epoch: time.Now().Add(-time.Hour).UnixMilli()})
	}
	backends[2].hanging.Store(true)
	args := append(relays(t, backends...), patient)
	storage := t.TempDir()
	for cycle := range n {
		for _, b := range backends[:2] {
			b.failing.Store(int64(random.IntN(2) * random.IntN(20)))
			b.losing.Store(int64(random.IntN(2) * random.IntN(20)))
		}
		slow := time.Duration(cycle%2*random.IntN(20)) * time.Millisecond
		p := startBehindGate(t, storage, func() syscall.Errno {
			time.Sleep(slow)
			return 0
		}, args...)
		var group sync.WaitGroup
		for _, s := range senders {
			group.Go(func() { s.run(t, p) })
		}
		time.Sleep(time.Duration(random.IntN(600)) * time.Millisecond)
		p.Kill()
		group.Wait()
		for random.IntN(4) == 0 { // and while it starts
			p, err := exporter.Launch(binary, append(args, "--storage.path="+storage)...)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond)
			p.Kill()
		}
		if t.Failed() {
			t.Fatalf("in cycle %d", cycle)
		}
	}
	for _, b := range backends {
		b.failing.Store(0)
		b.losing.Store(0)
		b.hanging.Store(false)
	}
	p := start(t, storage, args...)
	waitTaken(t, p, backends...)
	acked, cut, repeats, missing := 0, 0, 0, 0
	for i, s := range senders {
		acked, cut, repeats, missing = acked+len(s.acked), cut+s.cut, repeats+backends[i].repeats, missing+backends[i].missing(s.acked)
	}
	if missing > 0 || acked == 0 {
		t.Errorf("%d of %d acknowledged callbacks are missing", missing, acked)
	}
	stop(t, p)
	t.Logf("killed %d times: %d callbacks acknowledged, %d cut off, %d repeated, %d missing", n, acked, cut, repeats, missing)
}

// TestStopRelay stops the exporter as a service manager does. Deliveries that the backend accepts
// end before the exporter does, and are not repeated after the next start.
func TestStopRelay(t *testing.T) {
	b := newBackend(t, "1400000001")
	s := &sender{app: b.app, epoch: time.Now().Add(-time.Hour).UnixMilli()}
	args := append(relays(t, b), patient, patientStop)
	storage := t.TempDir()
	n := cycles(t, 20)
	for cycle := range n {
		p := start(t, storage, args...)
		done := make(chan struct{})
		go func() { defer close(done); s.run(t, p) }()
		time.Sleep(200 * time.Millisecond)
		stop(t, p)
		<-done
		if missing := b.missing(s.acked); missing > 0 || b.repeats > 0 {
			t.Fatalf("cycle %d: %d of %d missing, %d repeated", cycle, missing, len(s.acked), b.repeats)
		}
	}
	if len(s.acked) == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("stopped %d times: %d callbacks acknowledged, none missing, none repeated", n, len(s.acked))
}

// TestDiskFullRelay fills the disk while the backend is down. Callbacks that are answered 503 must still reach
// the backend, and acknowledged ones must not be lost.
func TestDiskFullRelay(t *testing.T) {
	if !withMounts(t) {
		return
	}
	disk := smallDisk(t)
	storage := filepath.Join(disk, "data")
	b := newBackend(t, troubled)
	b.failing.Store(100)
	args := relays(t, b)
	p := start(t, storage, args...)
	conn, err := exporter.Dial(p.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &sender{app: b.app, epoch: time.Now().Add(-time.Hour).UnixMilli()}
	var all []int64
	post := func() int {
		t.Helper()
		s.next++
		all = append(all, s.number())
		a, err := conn.Post(s.event(), token)
		if err != nil {
			t.Fatalf("event %d: %v\n%s", s.next, err, p.LogText())
		}
		if a.Status == http.StatusOK {
			s.acked = append(s.acked, s.number())
		} else if a.Status != http.StatusServiceUnavailable {
			t.Fatalf("event %d is answered %d", s.next, a.Status)
		}
		return a.Status
	}
	for range 30 {
		if post() != http.StatusOK {
			t.Fatal("not acknowledged before")
		}
	}
	over := fill(t, disk)
	for end := time.Now().Add(10 * time.Second); post() == http.StatusOK; {
		if time.Now().After(end) {
			t.Fatal("all is acknowledged: the disk has room")
		}
	}
	for range 30 {
		if post() == http.StatusOK {
			t.Fatal("acknowledged while the disk is full")
		}
	}
	b.failing.Store(0)
	waitTaken(t, p, b) // from memory
	if n := b.missing(all); n > 0 {
		t.Errorf("%d of %d are missing while the disk is full", n, len(all))
	}
	b.failing.Store(100)
	post()
	over()
	for end := time.Now().Add(patience); scrape(t, p)[degraded] != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still degraded\n%s", p.LogText())
		}
	}
	for range 10 {
		if post() != http.StatusOK {
			t.Fatal("not acknowledged after")
		}
	}
	p.Kill()
	b.failing.Store(0)
	p = start(t, storage, args...)
	waitTaken(t, p, b)
	if n := b.missing(all); n > 0 {
		t.Errorf("%d of %d are missing at the end", n, len(all))
	}
	if b.repeats > 0 {
		t.Errorf("%d repeats, of what was removed from the file long before the crash", b.repeats)
	}
	t.Logf("%d acknowledged, %d not: the backend has all", len(s.acked), len(all)-len(s.acked))
}
