package relay

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The server closes each connection at its second request, as if its idle timeout ended then.
// The request is sent once more, and no decision fails.
func TestAKeptConnectionThatIsClosedFailsNothing(t *testing.T) {
	const decisions = 60
	var asked, refused atomic.Int64
	var used sync.Map // by the address of the client
	r := newRelay(t, Settings{AppID: "1", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, ok := used.LoadOrStore(r.RemoteAddr, true); ok {
			refused.Add(1)
			panic(http.ErrAbortHandler) // closes the connection without an answer
		}
		asked.Add(1)
		w.Write(body)
	})})
	for i := range decisions {
		if w := ask(r); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "CallbackBeforeSendGift") {
			t.Fatalf("decision %d: %d %s", i, w.Code, w.Body)
		}
	}
	if asked.Load() != decisions || refused.Load() == 0 {
		t.Errorf("%d decided, %d connections ended", asked.Load(), refused.Load())
	}
}

// If a kept connection ends without an answer, the request is repeated once. It is not repeated
// on a new connection, or after the first byte of an answer.
func TestAnAttemptIsRepeatedOnceAtMost(t *testing.T) {
	for _, tc := range []struct {
		name  string
		first string // what the connection says to its first request
		then  string // to its second one
		want  int64  // requests that come after the first
	}{
		{"kept", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 2},
		{"kept, with a part of an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 2", 1},
		{"new", "", "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var requests, conns atomic.Int64
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					answers := []string{tc.first, tc.then}
					if conns.Add(1) > 1 {
						answers = []string{""} // later ones end at once
					}
					go func() {
						defer c.Close()
						buf := make([]byte, 4096)
						for _, answer := range answers {
							if _, err := c.Read(buf); err != nil {
								return
							}
							requests.Add(1)
							io.WriteString(c, answer)
							if !strings.HasSuffix(answer, "\r\n\r\n") {
								return
							}
						}
					}()
				}
			}()
			r := newRelay(t, Settings{AppID: "1", URL: parse(t, "http://"+l.Addr().String()), IdleTimeout: patience})
			if tc.first != "" {
				if w := ask(r); w.Code != http.StatusOK {
					t.Fatalf("answered %d", w.Code)
				}
				requests.Store(0)
			}
			if w := ask(r); w.Code != http.StatusBadGateway {
				t.Errorf("answered %d", w.Code)
			}
			if got := requests.Load(); got != tc.want {
				t.Errorf("%d requests, want %d", got, tc.want)
			}
		})
	}
}

// The state of a server is dropped if its URL changes. It is kept by a reload that changes
// neither the URL nor the connection settings.
func TestTheStateOfAServerIsOfItsURL(t *testing.T) {
	good := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })
	r := newRelay(t, Settings{AppID: "1", URL: refusing(t)})
	for range breakAfter {
		ask(r)
	}
	b := r.Backend("1")
	if h := b.Health(); !h.CircuitOpen || h.LastFailure == nil {
		t.Fatalf("%+v", h)
	}
	same := b.current.Load().Settings
	same.Timeout, same.Tokens, same.MaxAge = time.Second, []string{"new"}, time.Hour
	if err := r.Configure([]Settings{same}); err != nil {
		t.Fatal(err)
	}
	if h := b.Health(); !h.CircuitOpen || h.LastFailure == nil {
		t.Errorf("after a reload: %+v", h)
	}
	if err := r.Configure(withDefaults(Settings{AppID: "1", URL: good})); err != nil {
		t.Fatal(err)
	}
	if h := b.Health(); h.CircuitOpen || h.LastFailure != nil {
		t.Errorf("after a new URL: %+v", h)
	}
	if w := ask(r); w.Code != http.StatusOK || w.Body.String() != "fine" {
		t.Errorf("answered %d %s: %+v", w.Code, w.Body, b.Health().LastFailure)
	}
	before := b.current.Load().peer
	for name, change := range map[string]func(*Settings){
		"a header":        func(s *Settings) { s.Header = http.Header{"X-Key": {"1"}} },
		"the concurrency": func(s *Settings) { s.MaxConcurrent = 3 },
		"a proxy":         func(s *Settings) { s.ProxyFromEnvironment = true },
	} {
		s := Settings{AppID: "1", URL: good}
		change(&s)
		if err := r.Configure(withDefaults(s)); err != nil {
			t.Fatal(err)
		}
		if b.current.Load().peer == before {
			t.Errorf("%s: the connections are kept", name)
		}
		before = b.current.Load().peer
	}
}

func TestTheURLsQueryAndHeader(t *testing.T) {
	for _, tc := range []struct{ path, query, want string }{
		{"/index.php?route=live/callback", "SdkAppid=1&x=%41+%2f;x&&=&Z", "/index.php?route=live/callback&SdkAppid=1&x=%41+%2f;x&&=&Z"},
		{"/index.php?route=live/callback", "", "/index.php?route=live/callback"},
		{"/index.php?", "SdkAppid=1", "/index.php?SdkAppid=1"},
		{"?a=%2F", "SdkAppid=1", "/callback?a=%2F&SdkAppid=1"},
		{"/x", "", "/x"},
	} {
		var got, key, user string
		u := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			got, key, user = r.RequestURI, r.Header.Get("X-Key"), r.Header.Get("Authorization")
		})
		r := newRelay(t, Settings{AppID: "1", URL: parse(t, u.String()+tc.path), Header: http.Header{"X-Key": {"s3cret"}, "Authorization": {"Basic eA=="}}})
		req := httptest.NewRequest(http.MethodPost, "/callback?"+tc.query, nil)
		req.URL.RawQuery = tc.query
		req.Header.Set("X-Key", "of the request")
		if _, err := r.Backend("1").Configured().Decide(t.Context(), req, nil); err != nil {
			t.Fatal(err)
		}
		if got != tc.want || key != "s3cret" || user != "Basic eA==" {
			t.Errorf("%s with %q: got %s, %s, %s", tc.path, tc.query, got, key, user)
		}
	}
}
