package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

const patience = 10 * time.Second

func TestABackendThatFailsDecidesNothing(t *testing.T) {
	bad := map[string]struct {
		url    *url.URL
		status int
		reason failure
	}{
		"slow":     {serve(t, hang(t)), 504, failedTimeout},
		"refusing": {refusing(t), 502, failedConnection},
		"resetting": {serve(t, hijack(func(c net.Conn) {
			c.(*net.TCPConn).SetLinger(0)
		})), 502, failedConnection},
		"half-answering": {serve(t, hijack(func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"ActionStatus\":")
		})), 502, failedAnswer},
		"stalling in the answer": {serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "50")
			io.WriteString(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), 504, failedTimeout},
		"huge": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			for chunk := strings.Repeat("x", 1<<16); ; {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}), 502, failedAnswer},
		"no HTTP":      {serve(t, hijack(func(c net.Conn) { io.WriteString(c, "hello\r\n\r\n") })), 502, failedConnection},
		"of no status": {serve(t, hijack(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}") })), 502, failedAnswer},
		"of another protocol": {serve(t, hijack(func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		})), 502, failedAnswer},
		"of a high status": {serve(t, hijack(func(c net.Conn) { io.WriteString(c, "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\n{}") })), 502, failedAnswer},
		"502 of a gateway": {serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }), 502, failedStatus},
		"503 of a gateway": {serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }), 502, failedStatus},
		"504 of a gateway": {serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(504) }), 504, failedStatus},
		"a huge header": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<17))
		}), 502, failedConnection},
	}
	for name, tc := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for onFailure, want := range map[string]struct {
				status int
				body   string
			}{
				Fail:  {tc.status, `"ActionStatus":"FAIL"`},
				Allow: {200, tuilivekit.OK},
				Deny:  {200, tuilivekit.Deny},
			} {
				r := newRelay(t, Settings{AppID: "1", URL: tc.url, Timeout: 200 * time.Millisecond, OnFailure: onFailure})
				begin := time.Now()
				w := ask(r)
				if w.Code != want.status || !strings.Contains(w.Body.String(), want.body) || w.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%s: answered %d %s", onFailure, w.Code, w.Body)
				}
				if took := time.Since(begin); took > 2*time.Second {
					t.Errorf("%s: it took %s", onFailure, took)
				}
				if n := r.Backend("1").stats.decisionFailures[tc.reason].Load(); n != 1 {
					t.Errorf("%s: not counted as %s", onFailure, failureNames[tc.reason])
				}
			}
		})
	}
}

// Without an answer, net/http would send 200.
func TestASenderThatIsGoneIsNotAnsweredOK(t *testing.T) {
	r := newRelay(t, Settings{AppID: "1", URL: serve(t, hang(t)), OnFailure: Allow})
	for _, gone := range []bool{true, false} { // or its deadline is over
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if gone {
			cancel()
		}
		w := httptest.NewRecorder()
		decide(w, r.Backend("1"), httptest.NewRequestWithContext(ctx, http.MethodPost, "/callback?SdkAppid=1", nil), nil)
		cancel()
		want := map[bool]int{true: http.StatusBadGateway, false: http.StatusOK}[gone] // which is on_failure
		if timeouts := r.Backend("1").stats.decisionFailures[failedTimeout].Load(); w.Code != want || w.Body.Len() == 0 || (timeouts > 0) == gone {
			t.Errorf("gone: %t: answered %d %q, %d timeouts", gone, w.Code, w.Body, timeouts)
		}
	}
}

// After Decide has returned, the caller may use the body again. A backend may answer before it
// has read the body: net/http then still sends it.
func TestABodyIsNotReadAfterTheAnswer(t *testing.T) {
	r := newRelay(t, Settings{AppID: "1", URL: parse(t, "http://192.0.2.1")})
	target := r.Backend("1").current.Load()
	var sent io.Reader
	target.transport.RegisterProtocol("fake", roundTripper(func(req *http.Request) (*http.Response, error) {
		sent = req.Body
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
	}))
	target.URL = parse(t, "fake://backend")
	body := []byte("mine")
	decide(httptest.NewRecorder(), r.Backend("1"), httptest.NewRequest(http.MethodPost, "/callback?SdkAppid=1", nil), body)
	copy(body, "his!")
	if got, err := io.ReadAll(sent); err != nil || string(got) != "mine" {
		t.Errorf("sent %q, %v", got, err)
	}
}

func TestTheAnswerOfABackendIsReturnedUnchanged(t *testing.T) {
	for _, tc := range []struct {
		name              string
		status            int
		contentType, body string
	}{
		{"a decision", 200, "application/json", `{"ActionStatus":"OK","ErrorInfo":"no","ErrorCode":102101}`},
		{"an error of its own", 500, "text/plain; charset=utf-8", "oops"},
		{"not implemented", 501, "text/html", "<html>"},
		{"another place, not followed", 307, "", ""},
		{"no content", 204, "", ""},
		{"bytes without a type", 200, "", "\x00\xff\x1f\x8b"},
		{"the largest", 200, "application/json", strings.Repeat("x", maxAnswer)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := 0
			r := newRelay(t, Settings{AppID: "1", URL: serve(t, func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header()["Content-Type"] = nil
				if tc.contentType != "" {
					w.Header().Set("Content-Type", tc.contentType)
				}
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("X-Internal", "1")
				w.WriteHeader(tc.status)
				io.WriteString(w, tc.body)
			})})
			w := ask(r)
			if w.Code != tc.status || w.Body.String() != tc.body || w.Header().Get("Content-Type") != tc.contentType {
				t.Errorf("got %d %q %.100q", w.Code, w.Header(), w.Body)
			}
			if w.Header().Get("X-Internal") != "" || w.Header().Get("Location") != "" {
				t.Errorf("header %v", w.Header())
			}
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

// A backend that hangs uses only its own max_concurrent. Above it, decisions fail at once.
func TestABackendThatHangsDelaysNoOther(t *testing.T) {
	const places = 4
	hanging, end := make(chan struct{}, places), make(chan struct{})
	r := newRelay(t,
		Settings{AppID: "1", URL: serve(t, func(http.ResponseWriter, *http.Request) { hanging <- struct{}{}; <-end }), Timeout: patience, MaxConcurrent: places},
		Settings{AppID: "2", URL: serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }), MaxConcurrent: places})
	var senders sync.WaitGroup
	defer func() { close(end); senders.Wait() }()
	for range places {
		senders.Go(func() { ask(r) })
	}
	for range places {
		<-hanging
	}
	begin := time.Now()
	if w := ask(r); w.Code != http.StatusBadGateway {
		t.Errorf("a decision above max_concurrent is answered %d", w.Code)
	}
	for range 100 {
		if w := askFor(r, "2"); w.Code != 200 || w.Body.String() != "fine" {
			t.Fatalf("the other application is answered %d %s", w.Code, w.Body)
		}
	}
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("it took %s", took)
	}
	if n := r.Backend("1").stats.decisionFailures[failedBusy].Load(); n != 1 {
		t.Errorf("%d times busy, want 1", n)
	}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		allow := func(want bool) (probe bool) {
			t.Helper()
			probe, ok := b.allow()
			if ok != want {
				t.Fatalf("allowed: %t, want %t", ok, want)
			}
			return probe
		}
		fail := func() { t.Helper(); b.done(allow(true), false) }
		for range breakAfter - 1 {
			fail()
		}
		b.done(allow(true), true) // only consecutive failures count
		early := allow(true)
		for range breakAfter {
			if b.open() {
				t.Fatal("open too early")
			}
			fail()
		}
		for wait := minOpen; wait < 2*maxOpen; wait *= 2 {
			if !b.open() {
				t.Fatal("not open")
			}
			allow(false)
			time.Sleep(min(wait, maxOpen) - time.Millisecond)
			allow(false)
			time.Sleep(time.Millisecond)
			probe := allow(true)
			allow(false)    // only one probe at a time
			b.forget(early) // an attempt that began before the circuit opened does not count
			b.done(early, false)
			b.done(early, true)
			allow(false)
			b.forget(probe) // the probe was canceled: the next callback is a probe
			fail()
		}
		time.Sleep(maxOpen)
		if !b.done(allow(true), true) || b.open() {
			t.Error("not closed by a successful probe")
		}
		allow(true)
	})
}

func TestACircuitOpensAndCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRelay(t, Settings{AppID: "1", URL: parse(t, "http://192.0.2.1")})
		b := r.Backend("1")
		asked, healthy := 0, false
		b.current.Load().transport.RegisterProtocol("fake", roundTripper(func(*http.Request) (*http.Response, error) {
			asked++
			if !healthy {
				return nil, errors.New("broken")
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("fine"))}, nil
		}))
		b.current.Load().URL = parse(t, "fake://backend")
		for range breakAfter + 10 {
			ask(r)
		}
		if asked != breakAfter || b.stats.decisionFailures[failedCircuit].Load() != 10 {
			t.Errorf("asked %d times", asked)
		}
		healthy = true
		if w := ask(r); w.Code != 502 {
			t.Errorf("answered %d while the circuit is open", w.Code)
		}
		time.Sleep(minOpen)
		for range 3 {
			if w := ask(r); w.Code != 200 {
				t.Errorf("answered %d after it", w.Code)
			}
		}
	})
}

func TestLoopsAreCut(t *testing.T) {
	var r *Relay
	asked := 0
	self := serve(t, func(w http.ResponseWriter, req *http.Request) {
		asked++
		b, _ := io.ReadAll(req.Body)
		decide(w, r.Backend("1"), req, b)
	})
	r = newRelay(t, Settings{AppID: "1", URL: self})
	if w := ask(r); w.Code != http.StatusMisdirectedRequest || asked != 1 {
		t.Errorf("answered %d after %d rounds", w.Code, asked)
	}
	if n := r.Backend("1").stats.loops.Load(); n != 1 {
		t.Errorf("%d loops are counted", n)
	}

	// A loop through many relays, none of which relays it twice.
	asked = 0
	many := serve(t, func(w http.ResponseWriter, req *http.Request) {
		asked++
		b, _ := io.ReadAll(req.Body)
		decide(w, newRelay(t, Settings{AppID: "1", URL: parse(t, "http://"+req.Host)}).Backend("1"), req, b)
	})
	if w := ask(newRelay(t, Settings{AppID: "1", URL: many})); w.Code != http.StatusMisdirectedRequest || asked != maxVia {
		t.Errorf("answered %d after %d rounds", w.Code, asked)
	}
}

func TestAddressesThatAreNeverDialed(t *testing.T) {
	r := newRelay(t)
	if err := r.SetSelf(netip.MustParseAddrPort("[::]:19781")); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"10.0.0.1:80": false, "192.168.1.1:443": false, "[fd12::1]:80": false, "127.0.0.1:80": false, "203.0.113.1:19781": false,
		"169.254.169.254:80": true, "[::ffff:169.254.169.254]:80": true, "[64:ff9b::a9fe:a9fe]:80": true, "[fe80::1]:80": true, "[fe80::1%lo]:80": true,
		"100.100.100.200:80": true, "168.63.129.16:80": true, "[fd00:ec2::254]:80": true, "224.0.0.1:80": true, "[ff02::1]:80": true,
		"127.0.0.1:19781": true, "127.0.0.2:19781": true, "[::1]:19781": true, "0.0.0.0:19781": true,
	} {
		if err := r.refused(netip.MustParseAddrPort(addr)); (err != nil) != want {
			t.Errorf("%s: got %v", addr, err)
		}
	}
	for _, target := range []string{"http://169.254.169.254/latest", "http://[fe80::1]", "http://localhost:19781/callback", "http://127.0.0.1:19781", "http://0.0.0.0:19781"} {
		err := r.Configure(withDefaults([]Settings{{AppID: "1", URL: parse(t, target)}}...))
		var check *CheckError
		if !errors.As(err, &check) || check.AppID != "1" || r.Backend("1") != nil {
			t.Errorf("%s: got %v", target, err)
		}
	}
	// A name that resolves to such an address only after the start is refused when it is dialed.
	r = newRelay(t, Settings{AppID: "1", URL: parse(t, "http://127.0.0.1:19781")})
	self := netip.MustParseAddrPort("127.0.0.1:19781")
	r.self.Store(&self)
	_, err := r.Backend("1").current.Load().transport.RoundTrip(httptest.NewRequest(http.MethodPost, "http://localhost:19781/", nil))
	var address *AddressError
	if !errors.As(err, &address) {
		t.Errorf("dialed: %v", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheEnvironmentNamesNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	u := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })
	if w := ask(newRelay(t, Settings{AppID: "1", URL: u})); w.Code != 200 {
		t.Errorf("answered %d", w.Code)
	}
	if newRelay(t).newTransport(Settings{ProxyFromEnvironment: true, URL: u}).Proxy == nil {
		t.Error("the proxy is not used with ProxyFromEnvironment")
	}
}

func TestTLSIsVerifiedBothWays(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	client := s.TLS.Certificates[:1]
	for name, tc := range map[string]struct {
		config *tls.Config
		status int
	}{
		"nothing is trusted":       {nil, 502},
		"no certificate to show":   {&tls.Config{RootCAs: pool}, 502},
		"trusted, and known to it": {&tls.Config{RootCAs: pool, Certificates: client}, 200},
	} {
		w := ask(newRelay(t, Settings{AppID: "1", URL: parse(t, s.URL), TLS: tc.config}))
		if w.Code != tc.status || w.Code == 200 && w.Body.String() != "HTTP/2.0" {
			t.Errorf("%s: answered %d %s", name, w.Code, w.Body)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	conns := make(map[string]bool)
	r := newRelay(t, Settings{AppID: "1", URL: serve(t, func(_ http.ResponseWriter, r *http.Request) { conns[r.RemoteAddr] = true })})
	for range 20 {
		ask(r)
	}
	if len(conns) != 1 {
		t.Errorf("%d connections for 20 requests, one after the other", len(conns))
	}
}

func newRelay(t testing.TB, list ...Settings) *Relay {
	t.Helper()
	return newRelayOf(t, queue.New(), list...)
}

// newRelayOf returns a Relay that delivers the callbacks in queues.
func newRelayOf(t testing.TB, queues *queue.Queues, list ...Settings) *Relay {
	t.Helper()
	log, _ := logtest.NewNullLogger()
	r, err := New(Options{Queues: queues, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Configure(withDefaults(list...)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Configure(nil) })
	return r
}

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// serve runs a backend until the test ends.
func serve(t testing.TB, h http.HandlerFunc) *url.URL {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return parse(t, s.URL)
}

// ask asks the backend of application 1 for a decision.
func ask(r *Relay) *httptest.ResponseRecorder { return askFor(r, "1") }

func askFor(r *Relay, appID string) *httptest.ResponseRecorder {
	const body = `{"CallbackCommand":"Live.CallbackBeforeSendGift"}`
	req := httptest.NewRequest(http.MethodPost, "/callback?SdkAppid="+appID, strings.NewReader(body))
	w := httptest.NewRecorder()
	decide(w, r.Backend(appID), req, []byte(body))
	return w
}

// decide writes the answer of b, and 421 for a loop, as the webhook listener does.
func decide(w http.ResponseWriter, b *Backend, req *http.Request, body []byte) {
	a, err := b.Configured().Decide(req.Context(), req, body)
	if err != nil {
		a = fail(http.StatusMisdirectedRequest, err.Error())
	}
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}

// hang answers nothing until the test ends.
func hang(t testing.TB) http.HandlerFunc {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}
}

// hijack returns a backend that gives each connection to work.
func hijack(work func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		work(conn)
	}
}

// refusing returns a URL whose port refuses connections. A port that a test has closed could be
// given to another test.
func refusing(t testing.TB) *url.URL { return parse(t, "http://127.0.0.1:1") }
