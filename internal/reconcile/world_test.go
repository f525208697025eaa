package reconcile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/leaks"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }

const app = "1400000001"

// certified is a certificate that any server of a test shows: it is made outside of a bubble.
var certified = sync.OnceValue(func() tls.Certificate {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
})

// pipes is a listener within the process, so that synctest knows what waits for what.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// connect returns a client of the stand-in, over TLS. Call it in the bubble, and close after.
func connect(t *testing.T, api http.Handler, skew time.Duration) (client *restapi.Client, closeAll func()) {
	t.Helper()
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(certified().Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(leaf)
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{
		ErrorLog:  log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certified()}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			api.ServeHTTP(w, r)
		}),
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.ServeTLS(p, "", "") }()
	client = restapi.New(restapi.Options{
		AppID: app, Host: "example.com", Identifier: "administrator", SecretKey: "key", TLS: &tls.Config{RootCAs: roots}, Dial: p.dial,
	})
	return client, func() { client.Close(); server.Close(); <-served }
}

// world is an application with rooms, as it is (truth, with the stand-in), and as it is known.
type world struct {
	t     *testing.T
	api   *restapitest.API
	rooms *state.Store
	r     *Reconciler
	log   *logBuffer
	skew  time.Duration // Tencent's clock minus ours

	mu    sync.Mutex
	rand  *rand.Rand
	truth []string // open rooms
	stay  []string // open rooms too, which closeAny leaves open
	n     int      // rooms that were ever opened
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, api: restapitest.New(), rooms: state.New(state.Options{}), log: &logBuffer{}, rand: rand.New(rand.NewPCG(1, 2))}
	w.api.Add(&restapitest.App{ID: app, SecretKey: "key", Admins: []string{"administrator"}})
	l := logrus.New()
	l.SetOutput(w.log)
	l.SetLevel(logrus.DebugLevel)
	var err error
	if w.r, err = New(Options{Rooms: w.rooms, Log: l}); err != nil {
		t.Fatal(err)
	}
	w.r.Configure([]App{{ID: app, Interval: time.Hour, Rate: 1}}) // for what is heard before the start
	return w
}

// How a room becomes known, or does not.
type how uint8

const (
	heard  how = iota // by its callback
	lost              // not: its callback was lost
	before            // by its callback, to the process before this one: its id is not known
)

func (w *world) tencentNow() int64 { return time.Now().Add(w.skew).UnixMilli() }

// event lets a callback arrive.
func (w *world) event(room string, kind state.Kind) {
	w.rooms.Count(state.Event{AppID: app, Kind: kind, Time: w.tencentNow(), Received: w.tencentNow(), RoomID: []byte(room), Subject: []byte(room)})
}

func (w *world) open(h how, private bool) {
	w.mu.Lock()
	w.n++
	id := fmt.Sprintf("room-%d", w.n)
	w.truth = append(w.truth, id)
	w.mu.Unlock()
	w.api.Open(app, restapitest.Room{ID: id, Private: private, Created: time.UnixMilli(w.tencentNow())})
	if h == lost {
		return
	}
	w.event(id, state.Created)
	if h == heard {
		w.r.Heard(app, []byte(id))
	}
}

// keepAll lets closeAny leave all rooms open that are open now.
func (w *world) keepAll() { w.truth, w.stay = nil, append(w.stay, w.truth...) }

// closeAny closes a room, and its callback arrives unless it is lost.
func (w *world) closeAny(h how) {
	w.mu.Lock()
	i := w.rand.IntN(len(w.truth))
	id := w.truth[i]
	w.truth[i] = w.truth[len(w.truth)-1]
	w.truth = w.truth[:len(w.truth)-1]
	w.mu.Unlock()
	w.api.Close(app, id)
	if h == heard {
		w.event(id, state.Destroyed)
	}
}

// enter lets somebody enter any room: it moves up the list.
func (w *world) enter() {
	w.mu.Lock()
	i, entries := w.rand.IntN(len(w.truth)+len(w.stay)), w.rand.Int64N(5)+1
	rooms := w.truth
	if i >= len(rooms) {
		rooms, i = w.stay, i-len(rooms)
	}
	id := rooms[i]
	w.mu.Unlock()
	w.api.Enter(app, id, entries)
}

// wrong returns how many open rooms are not known, and how many known ones are not open.
func (w *world) wrong() (missing, extra int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.rooms.OpenRooms(app)
	for _, id := range append(w.truth[:len(w.truth):len(w.truth)], w.stay...) {
		hash := state.RoomOf(app, id)
		if _, ok := known[hash]; !ok {
			missing++
		}
		delete(known, hash)
	}
	return missing, len(known)
}

// start configures the application and runs the Reconciler until stop is called.
func (w *world) start(client API, interval time.Duration, rate float64) (stop func()) {
	w.r.Configure([]App{{ID: app, API: client, Interval: interval, Rate: rate}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run returned %v", err)
		}
	}
}

// counts returns the metrics of the application.
func (w *world) counts() *appMetrics { return (*w.r.byID.Load())[app].metrics }

// health returns how the recounts of the application go.
func (w *world) health() Health {
	h, _ := w.r.Health(app)
	return h
}

type logBuffer struct {
	mu   sync.Mutex
	text []byte
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// reopening opens room-1 again as soon as Tencent has answered that it is gone.
type reopening struct {
	API
	w *world
}

func (r reopening) Room(ctx context.Context, id string) (restapi.Room, error) {
	room, err := r.API.Room(ctx, id)
	if id == "room-1" && err != nil {
		r.w.mu.Lock()
		r.w.truth = append(r.w.truth, id)
		r.w.mu.Unlock()
		r.w.api.Open(app, restapitest.Room{ID: id, Created: time.Now()})
		r.w.event(id, state.Created)
	}
	return room, err
}
