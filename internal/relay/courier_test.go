package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// After any failures, the backend has all callbacks, once and in order. Repeats have the
// delivery id of the first delivery.
func TestAllIsDeliveredInOrder(t *testing.T) {
	for name, trouble := range map[string]http.HandlerFunc{
		"resetting": hijack(func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }),
		"half-answering": hijack(func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
		}),
		"no HTTP":      hijack(func(c net.Conn) { io.WriteString(c, "hello\r\n\r\n") }),
		"500":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"307":          func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/"); w.WriteHeader(307) },
		"408":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(408) },
		"425":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(425) },
		"429":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"huge 503":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503); endless(w) },
		"huge header":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<17)) },
		"lost answers": hijack(func(net.Conn) {}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lostAnswers := name == "lost answers"
			var b taken
			var requests atomic.Int64
			u := serve(t, func(w http.ResponseWriter, r *http.Request) {
				n := requests.Add(1)
				if n%4 != 0 && n < 12 && !lostAnswers {
					trouble(w, r)
					return
				}
				b.take(r)
				if n%4 == 0 && n < 12 && lostAnswers {
					trouble(w, r)
				}
			})
			queues, r := newCouriers(t, Settings{AppID: "1", URL: u})
			for _, body := range numbers(30) {
				record(t, queues, r, "1", "SdkAppid=1", body)
			}
			s := r.Backend("1").stats
			waitFor(t, "delivered", func() bool { return s.delivered.Load() == 30 })
			if got := b.all(); !slices.Equal(got, numbers(30)) {
				t.Errorf("the backend got %v", got)
			}
			var failures uint64
			for _, why := range deliveryReasons {
				failures += s.deliveryFailures[why].Load()
			}
			if failures == 0 && !lostAnswers || s.deliveryFailures[failedAnswer].Load() > 0 {
				t.Errorf("%d failed attempts", failures)
			}
			if lostAnswers && (b.repeats == 0 || b.repeats < int(failures)) { // the attempt is repeated on a new connection
				t.Errorf("%d repeats, %d failed attempts", b.repeats, failures)
			}
		})
	}
}

// The connections are real, so the time is real too. Retry-After is obeyed.
func TestRetryAfterInRealTime(t *testing.T) {
	t.Parallel()
	const retryAfter = time.Second
	var b taken
	var mu sync.Mutex
	var at []time.Time
	queues, r := newCouriers(t, Settings{AppID: "1", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		at = append(at, time.Now())
		first := len(at) == 1
		mu.Unlock()
		if first {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		b.take(r)
	})})
	for _, body := range numbers(3) {
		record(t, queues, r, "1", "", body)
	}
	waitFor(t, "delivered", func() bool { return r.Backend("1").stats.delivered.Load() == 3 })
	mu.Lock()
	defer mu.Unlock()
	if len(at) != 4 || at[1].Sub(at[0]) < retryAfter {
		t.Errorf("asked at %v", at)
	}
	if s := r.Backend("1").stats; !slices.Equal(b.all(), numbers(3)) || s.deliveryFailures[failedStatus].Load() != 1 {
		t.Errorf("got %v, %d failed attempts", b.all(), s.deliveryFailures[failedStatus].Load())
	}
}

// The connections are real, so the backend fails for seconds only. TestBackoffGrowsAndHasAMaximum
// has an hour, in synctest. The pauses are random and grow to seconds: most runs take less than
// 5 s.
func TestABackendThatFailsForSecondsGetsAll(t *testing.T) {
	t.Parallel()
	const bad = 2 * time.Second
	var b taken
	var failed atomic.Int64
	begin := time.Now()
	queues, r := newCouriers(t, Settings{AppID: "1", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if time.Since(begin) < bad {
			failed.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		b.take(r)
	})})
	for _, body := range numbers(30) {
		record(t, queues, r, "1", "", body)
	}
	// The longest pause may have begun just before the backend worked again.
	for late := begin.Add(bad + maxBackoff + patience); queues.Size("1").Requests > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d wait still", queues.Size("1").Requests)
		}
	}
	s := r.Backend("1").stats
	waitFor(t, "counted", func() bool { return s.delivered.Load() == 30 }) // soon after it has left the queue
	if got := b.all(); !slices.Equal(got, numbers(30)) || b.repeats > 0 {
		t.Errorf("got %v, %d repeats", got, b.repeats)
	}
	if n := failed.Load(); n < 2 || uint64(n) != s.deliveryFailures[failedStatus].Load() {
		t.Errorf("asked %d times while it failed, %d failures are counted", n, s.deliveryFailures[failedStatus].Load())
	}
}

// A status of 2xx means delivered, even if the body of the answer fails.
func TestTheBodyOfAnAnswerDoesNotMatter(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"huge": func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"stalling": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusCreated)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"cut":  hijack(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{") }),
		"none": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			queues, r := newCouriers(t, Settings{AppID: "1", URL: serve(t, func(w http.ResponseWriter, req *http.Request) {
				asked.Add(1)
				h(w, req)
			})})
			record(t, queues, r, "1", "", "x")
			waitFor(t, "delivered", func() bool { return r.Backend("1").stats.delivered.Load() == 1 })
			if asked.Load() != 1 {
				t.Errorf("asked %d times", asked.Load())
			}
		})
	}
}

// A backend that hangs or is down does not delay the callbacks of others.
func TestABadBackendDelaysNoOther(t *testing.T) {
	var b taken
	queues, r := newCouriers(t,
		Settings{AppID: "1", URL: serve(t, hang(t))},
		Settings{AppID: "2", URL: refusing(t)},
		Settings{AppID: "3", URL: serve(t, func(_ http.ResponseWriter, r *http.Request) { b.take(r) })})
	for _, body := range numbers(100) {
		for _, app := range []string{"1", "2", "3"} {
			record(t, queues, r, app, "", body)
		}
	}
	waitFor(t, "delivered", func() bool { return len(b.all()) == 100 })
	if got := b.all(); !slices.Equal(got, numbers(100)) {
		t.Errorf("got %v", got)
	}
	for _, app := range []string{"1", "2"} {
		if n := queues.Size(app).Requests; n != 100 {
			t.Errorf("%d wait for %s", n, app)
		}
	}
	waitFor(t, "refused", func() bool { return r.Backend("2").stats.deliveryFailures[failedConnection].Load() > 0 })
}

func endless(w io.Writer) {
	for chunk := strings.Repeat("x", 1<<16); ; {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

func TestARefusedCallbackIsDroppedAndTheNextIsDelivered(t *testing.T) {
	var b taken
	queues, r := newCouriers(t, Settings{AppID: "1", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		b.take(r)
		if n := len(b.all()); n <= 3 {
			w.WriteHeader([]int{400, 401, 404}[n-1])
		}
	})})
	for _, body := range numbers(5) {
		record(t, queues, r, "1", "", body)
	}
	s := r.Backend("1").stats
	waitFor(t, "delivered", func() bool { return s.delivered.Load() == 2 })
	if got := b.all(); !slices.Equal(got, numbers(5)) || b.repeats > 0 || s.dropped[droppedRefused].Load() != 3 {
		t.Errorf("got %v, %d dropped", got, s.dropped[droppedRefused].Load())
	}
}

func TestBackoffGrowsAndHasAMaximum(t *testing.T) {
	var at []time.Time
	fakeTime(t, Settings{AppID: "1"}, func(*http.Request) *http.Response {
		at = append(at, time.Now())
		if time.Since(at[0]) < time.Hour {
			return status(500)
		}
		return status(200)
	}, func(queues *queue.Queues, r *Relay) {
		record(t, queues, r, "1", "", "x")
		time.Sleep(2 * time.Hour)
		if r.Backend("1").stats.delivered.Load() != 1 {
			t.Error("not delivered")
		}
	})
	longest := time.Duration(0)
	for i, limit := 1, minBackoff; i < len(at); i, limit = i+1, min(2*limit, maxBackoff) {
		wait := at[i].Sub(at[i-1])
		longest = max(longest, wait)
		if wait > limit {
			t.Errorf("wait %d is %s, more than %s", i, wait, limit)
		}
	}
	if len(at) < 100 || len(at) > 1000 || longest < maxBackoff/2 {
		t.Errorf("%d attempts in an hour, the longest wait is %s", len(at), longest)
	}
}

func TestRetryAfterIsHonouredWithinBounds(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"60": time.Minute, "86400": maxRetryAfter, "date": 2 * time.Minute, "soon": 0, "-5": 0, "": 0,
	} {
		var waits []time.Duration
		var last time.Time
		fakeTime(t, Settings{AppID: "1"}, func(*http.Request) *http.Response {
			if !last.IsZero() {
				waits = append(waits, time.Since(last))
			}
			last = time.Now()
			if len(waits) > 0 {
				return status(200)
			}
			value := header
			if value == "date" {
				value = time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat)
			}
			return status(429, "Retry-After", value)
		}, func(queues *queue.Queues, r *Relay) {
			record(t, queues, r, "1", "", "x")
			time.Sleep(time.Hour)
		})
		if len(waits) != 1 || waits[0] < want-time.Second || waits[0] > want+time.Second {
			t.Errorf("Retry-After: %s: waits %v, want %s", header, waits, want)
		}
	}
}

// fakeTime runs work in synctest with a backend that is a function. If the function returns nil,
// the request fails when its context ends.
func fakeTime(t *testing.T, s Settings, answer func(*http.Request) *http.Response, do func(*queue.Queues, *Relay)) {
	synctest.Test(t, func(t *testing.T) {
		queues := queue.New()
		s.URL = parse(t, "http://192.0.2.1")
		r := newRelayOf(t, queues, s)
		target := r.Backend("1").current.Load()
		target.transport.RegisterProtocol("fake", roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := answer(req)
			if resp == nil {
				return nil, req.Context().Err()
			}
			return resp, nil
		}))
		target.URL = parse(t, "fake://backend")
		done := make(chan struct{})
		go func() { _ = r.Run(t.Context()); close(done) }()
		do(queues, r)
		r.Drain(t.Context())
		<-done
	})
}

func status(code int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: http.NoBody}
}

func TestOldCallbacksAreDropped(t *testing.T) {
	n := 0
	fakeTime(t, Settings{AppID: "1", MaxAge: time.Hour}, func(*http.Request) *http.Response { n++; return status(503) },
		func(queues *queue.Queues, r *Relay) {
			record(t, queues, r, "1", "", "x")
			time.Sleep(30 * time.Minute)
			record(t, queues, r, "1", "", "y")
			time.Sleep(30*time.Minute + time.Second)
			s := r.Backend("1").stats
			if s.dropped[droppedExpired].Load() != 1 || queues.Size("1").Requests != 1 {
				t.Errorf("%d dropped, %d wait", s.dropped[droppedExpired].Load(), queues.Size("1").Requests)
			}
			time.Sleep(30 * time.Minute)
			if s.dropped[droppedExpired].Load() != 2 || s.delivered.Load() != 0 {
				t.Errorf("%d dropped", s.dropped[droppedExpired].Load())
			}
			n = 0
			time.Sleep(time.Hour)
			if n > 0 {
				t.Error("still asked")
			}
		})
}

func TestAFullQueueDeliversTheNewest(t *testing.T) {
	var b taken
	queues := queue.New()
	r := newRelayOf(t, queues, Settings{AppID: "1", MaxQueueRequests: 3, URL: serve(t, func(_ http.ResponseWriter, r *http.Request) { b.take(r) })})
	for _, body := range numbers(10) {
		record(t, queues, r, "1", "", body)
	}
	go func() { _ = r.Run(t.Context()) }() // not before: a delivery in progress may still arrive after its drop
	waitFor(t, "empty", func() bool { return queues.Size("1").Requests == 0 })
	if got := b.all(); !slices.Equal(got, []string{"7", "8", "9"}) || queues.Size("1").Dropped != 7 {
		t.Errorf("got %v", got)
	}
}

// A callback that is dropped while it is tried delays no other.
func TestAFullQueueDropsACallbackThatIsTried(t *testing.T) {
	var healthy atomic.Bool
	var b taken
	queues, r := newCouriers(t, Settings{AppID: "1", MaxQueueRequests: 1, URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !healthy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		b.take(r)
	})})
	record(t, queues, r, "1", "", "old")
	waitFor(t, "tried", func() bool { return r.Backend("1").stats.deliveryFailures[failedStatus].Load() > 0 })
	record(t, queues, r, "1", "", "new")
	healthy.Store(true)
	waitFor(t, "empty", func() bool { return queues.Size("1").Requests == 0 })
	if got := b.all(); len(got) == 0 || got[len(got)-1] != "new" {
		t.Errorf("got %v", got)
	}
}

func TestAReloadSendsQueuedCallbacksToTheNewURL(t *testing.T) {
	var b taken
	queues, r := newCouriers(t, Settings{AppID: "1", URL: refusing(t)})
	for _, body := range numbers(5) {
		record(t, queues, r, "1", "", body)
	}
	waitFor(t, "failed", func() bool { return r.Backend("1").stats.deliveryFailures[failedConnection].Load() > 3 })
	if err := r.Configure(nil); err != nil {
		t.Fatal(err)
	}
	if queues.Size("1").Requests != 5 {
		t.Error("the queued callbacks of a removed relay are not kept")
	}
	begin := time.Now()
	good := serve(t, func(_ http.ResponseWriter, r *http.Request) { b.take(r) })
	for _, u := range []*url.URL{refusing(t), good} {
		if err := r.Configure(withDefaults([]Settings{{AppID: "1", URL: u}}...)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "delivered", func() bool { return len(b.all()) == 5 })
	if got := b.all(); !slices.Equal(got, numbers(5)) || time.Since(begin) > patience/2 {
		t.Errorf("got %v after %s", got, time.Since(begin))
	}
}

func TestDrain(t *testing.T) {
	for _, tc := range []struct {
		name string
		url  func(*taken) *url.URL
		want int
	}{
		{"a working backend gets all", func(b *taken) *url.URL {
			return serve(t, func(_ http.ResponseWriter, r *http.Request) { time.Sleep(time.Millisecond); b.take(r) })
		}, 50},
		{"a failing backend is not waited for", func(*taken) *url.URL { return refusing(t) }, 0},
		{"a backend that hangs has until the end of the context", func(*taken) *url.URL { return serve(t, hang(t)) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b taken
			queues, r := newCouriers(t, Settings{AppID: "1", URL: tc.url(&b)}, Settings{AppID: "2", URL: refusing(t)})
			for _, body := range numbers(50) {
				record(t, queues, r, "1", "", body)
			}
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			r.Drain(ctx)
			if got := len(b.all()); got != tc.want || queues.Size("1").Requests != 50-tc.want {
				t.Errorf("%d are delivered, %d wait", got, queues.Size("1").Requests)
			}
			if took := time.Since(begin); took > patience/2 {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestDeliveriesByHTTP2(t *testing.T) {
	var b taken
	var proto atomic.Value
	conns := make(map[string]bool)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		b.mu.Lock()
		conns[r.RemoteAddr] = true
		b.mu.Unlock()
		b.take(r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	queues, r := newCouriers(t, Settings{AppID: "1", URL: parse(t, s.URL), TLS: &tls.Config{RootCAs: pool}})
	for _, body := range numbers(20) {
		record(t, queues, r, "1", "", body)
	}
	waitFor(t, "delivered", func() bool { return len(b.all()) == 20 })
	if proto.Load() != "HTTP/2.0" || len(conns) != 1 || !slices.Equal(b.all(), numbers(20)) {
		t.Errorf("%v by %d connections: %v", proto.Load(), len(conns), b.all())
	}
}

func TestPackIsUndoneByUnpack(t *testing.T) {
	r := newRelay(t)
	req := httptest.NewRequest(http.MethodPost, "/a%2Fb/c?SdkAppid=1&x=%41;&&y", nil)
	req.Header = http.Header{"Content-Type": {"text/odd"}, "X-Two": {"1", "", "2"}, "X-Odd": {"\x80\xff"}}
	body := []byte("\x00\xff{}")
	p, ok := r.newParcel(req, body)
	if !ok {
		t.Fatal("refused")
	}
	packed := p.pack("id")
	got, id, err := unpack(packed)
	if err != nil || id != "id" || got.path != p.path || got.query != p.query || !bytes.Equal(got.body, body) || fmt.Sprint(got.header) != fmt.Sprint(p.header) {
		t.Errorf("got %+v %s %v\nwant %+v", got, id, err, p)
	}
	for n := range len(packed) - len(body) {
		if _, _, err := unpack(packed[:n]); err == nil {
			t.Errorf("%d bytes of it are unpacked", n)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{packVersion, 1, 'a', 1, '/', 0, 1, 1, 'K', 1, 'v', 'b'})
	f.Add([]byte{packVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if p, _, err := unpack(b); err == nil {
			p.pack("")
		}
	})
}

func TestAnUnreadableCallbackIsDropped(t *testing.T) {
	var b taken
	queues, r := newCouriers(t, Settings{AppID: "1", URL: serve(t, func(_ http.ResponseWriter, r *http.Request) { b.take(r) })})
	for _, packed := range [][]byte{{}, {99, 1, 2}, {packVersion, 200}} {
		queues.Add(queues.Number(queue.Request{AppID: "1", Lane: 1, Received: time.Now().UnixMilli(), Data: packed}))
	}
	record(t, queues, r, "1", "", "0")
	waitFor(t, "delivered", func() bool { return len(b.all()) == 1 })
	// They are in another lane, so the delivery does not wait for them.
	waitFor(t, "dropped", func() bool { return r.Backend("1").stats.dropped[droppedUnreadable].Load() == 3 })
}

func TestRenew(t *testing.T) {
	now := time.Unix(1_700_000_100, 0)
	query := func(token string, at int64) string {
		s := strconv.FormatInt(at, 10)
		return "x=%41;&&SdkAppid=1&Sign=" + tuilivekit.Sign(token, s) + "&y&%52equestTime=" + s + "&z=%2f"
	}
	for _, tc := range []struct {
		name, raw, want string
		tokens          []string
	}{
		{"young", query("a", 1_700_000_080), query("a", 1_700_000_080), []string{"a"}},
		{"stale", query("a", 1_700_000_000), query("a", 1_700_000_100), []string{"a"}},
		{"of the future", query("a", 1_700_000_200), query("a", 1_700_000_100), []string{"a"}},
		{"by the token that made it", query("b", 1_700_000_000), query("b", 1_700_000_100), []string{"a", "b"}},
		{"by the first token if that token was removed", query("c", 1_700_000_000), query("a", 1_700_000_100), []string{"a", "b"}},
		{"no token is known", query("a", 1_700_000_000), query("a", 1_700_000_000), nil},
		{"not signed", "SdkAppid=1&x", "SdkAppid=1&x", []string{"a"}},
	} {
		if got := renew(tc.raw, tc.tokens, now); got != tc.want {
			t.Errorf("%s: got  %s\nwant %s", tc.name, got, tc.want)
		}
	}
}

func TestStaleSignaturesAreRenewedUnlessKept(t *testing.T) {
	for _, keep := range []bool{false, true} {
		var queries []string
		old := ""
		fakeTime(t, Settings{AppID: "1", Tokens: []string{"token"}, KeepSignature: keep}, func(r *http.Request) *http.Response {
			queries = append(queries, r.URL.RawQuery)
			return status([]int{503, 200}[len(queries)-1], "Retry-After", "120")
		}, func(queues *queue.Queues, r *Relay) {
			now := strconv.FormatInt(time.Now().Unix(), 10)
			old = "SdkAppid=1&Sign=" + tuilivekit.Sign("token", now) + "&RequestTime=" + now
			record(t, queues, r, "1", old, "x")
			time.Sleep(time.Hour)
		})
		if len(queries) != 2 || queries[0] != old || (queries[1] == old) != keep {
			t.Errorf("keep %t: got %q", keep, queries)
		}
		if q, err := tuilivekit.ParseQuery(queries[1]); err != nil || tuilivekit.Signer([]string{"token"}, q.RequestTime, q.Sign) != 0 {
			t.Errorf("keep %t: %q is not signed", keep, queries[1])
		}
	}
}

func TestAttemptsAreNumberedUnderOneDeliveryID(t *testing.T) {
	var seen []string
	fakeTime(t, Settings{AppID: "1"}, func(r *http.Request) *http.Response {
		seen = append(seen, r.Header.Get(attemptHeader)+" "+r.Header.Get(deliveryHeader))
		return status([]int{500, 500, 200, 200}[len(seen)-1])
	}, func(queues *queue.Queues, r *Relay) {
		record(t, queues, r, "1", "", "same")
		record(t, queues, r, "1", "", "same")
		time.Sleep(time.Hour)
	})
	if len(seen) != 4 {
		t.Fatalf("got %q", seen)
	}
	id := seen[0][2:]
	if len(id) < 20 || seen[1] != "2 "+id || seen[2] != "3 "+id || seen[3][:2] != "1 " || seen[3][2:] == id {
		t.Errorf("got %q", seen)
	}
}

// An attempt at a backend that never answers times out and is retried.
func TestAnAttemptTimesOut(t *testing.T) {
	var took []time.Duration
	fakeTime(t, Settings{AppID: "1"}, func(r *http.Request) *http.Response {
		if len(took) == 3 {
			return status(200)
		}
		start := time.Now()
		<-r.Context().Done()
		took = append(took, time.Since(start))
		return nil
	}, func(queues *queue.Queues, r *Relay) {
		record(t, queues, r, "1", "", "x")
		time.Sleep(time.Hour)
		s := r.Backend("1").stats
		if s.deliveryFailures[failedTimeout].Load() != 3 || s.delivered.Load() != 1 {
			t.Errorf("%d timeouts, %d delivered", s.deliveryFailures[failedTimeout].Load(), s.delivered.Load())
		}
	})
	if !slices.Equal(took, []time.Duration{deliveryTimeout, deliveryTimeout, deliveryTimeout}) {
		t.Errorf("attempts took %v", took)
	}
}

// record queues a callback for the backend of an application.
func record(t testing.TB, queues *queue.Queues, r *Relay, appID, query, body string) {
	t.Helper()
	packed, err := r.Backend(appID).Pack(httptest.NewRequest(http.MethodPost, "/callback?"+query, strings.NewReader(body)), []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	queues.Add(queues.Number(queue.Request{AppID: appID, Lane: packed.Lane, Received: time.Now().UnixMilli(), Data: packed.Data}))
}

// newCouriers returns a Relay that delivers the callbacks in queues until the test ends.
func newCouriers(t testing.TB, list ...Settings) (*queue.Queues, *Relay) {
	t.Helper()
	queues := queue.New()
	r := newRelayOf(t, queues, list...)
	go func() { _ = r.Run(t.Context()) }()
	return queues, r
}

// waitFor returns when ok returns true.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never %s", what)
		}
	}
}

// taken has the callbacks that a backend received, without repeats.
type taken struct {
	mu      sync.Mutex
	ids     map[string]bool
	bodies  []string
	repeats int
}

func (b *taken) take(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.Header.Get(deliveryHeader)
	if b.ids[id] {
		b.repeats++
		return
	}
	if b.ids == nil {
		b.ids = map[string]bool{}
	}
	b.ids[id] = true
	b.bodies = append(b.bodies, string(body))
}

func (b *taken) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bodies)
}

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, strconv.Itoa(i))
	}
	return list
}
