package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/late"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// backend is an application's own server. It keeps what it gets.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	requests []relayed
	answer   http.HandlerFunc // after it has kept the request
	got      chan struct{}    // has one for each request
}

// relayed is a request as the backend sees it.
type relayed struct {
	method, target, host string
	header               http.Header
	body                 []byte
}

func newBackend(t *testing.T, answer http.HandlerFunc) *backend {
	t.Helper()
	b := &backend{answer: answer, got: make(chan struct{}, 10_000)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("backend: %v", err)
		}
		b.mu.Lock()
		b.requests = append(b.requests, relayed{r.Method, r.RequestURI, r.Host, r.Header.Clone(), body})
		b.mu.Unlock()
		if b.answer != nil {
			b.answer(w, r)
		}
		b.got <- struct{}{}
	}))
	t.Cleanup(func() { b.CloseClientConnections(); b.Close() })
	return b
}

// wait returns the requests as soon as there are n.
func (b *backend) wait(t *testing.T, n int) []relayed {
	t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		requests := append([]relayed(nil), b.requests...)
		b.mu.Unlock()
		if len(requests) >= n {
			return requests
		}
		select {
		case <-b.got:
		case <-late:
			t.Fatalf("the backend got %d requests, want %d", len(requests), n)
		}
	}
}

// relayTo returns the flag of a configuration in which demoApp has a relay.
func relayTo(t testing.TB, settings string) string {
	t.Helper()
	return "--config.file=" + writeFile(t, "c.yaml", fmt.Sprintf("apps: [{sdk_app_id: %s, name: demo, token_files: [%s], relay: {%s}}]\n",
		demoApp, writeFile(t, "token", demoToken), settings))
}

// samples returns the documented bodies by command; some commands have several.
func samples(t *testing.T) map[string][][]byte {
	t.Helper()
	all := map[string][][]byte{}
	for _, pattern := range []string{"*.json", "variants/*.json"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "callbacks", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := strings.SplitN(filepath.Base(file), ".", 3)
			all[part[0]+"."+part[1]] = append(all[part[0]+"."+part[1]], body)
		}
	}
	return all
}

// checkRelayed compares what the backend got with what was sent.
func checkRelayed(t *testing.T, got relayed, target, body, contentType string) {
	t.Helper()
	if got.method != http.MethodPost || got.target != target || string(got.body) != body {
		t.Errorf("the backend got %s %s\n%s\nwant %s\n%s", got.method, got.target, got.body, target, body)
	}
	if got.header.Get("Content-Type") != contentType || got.header.Get("X-Forwarded-For") != "127.0.0.1" || got.header.Get("User-Agent") != "" {
		t.Errorf("the backend got the header %v", got.header)
	}
	for _, name := range []string{"Connection", "Keep-Alive", "X-Hop", "Te", "Accept-Encoding"} {
		if got.header.Get(name) != "" {
			t.Errorf("%s was passed on: %v", name, got.header)
		}
	}
	if got.header.Get("X-Own") != "kept" {
		t.Errorf("X-Own was not passed on: %v", got.header)
	}
}

// sendAsTencent posts a callback with header fields of a connection and some of its own.
func sendAsTencent(t *testing.T, addr, target string, body []byte, contentType string) answer {
	t.Helper()
	if contentType != "" {
		contentType = "Content-Type: " + contentType + "\r\n"
	}
	return rawRequest(t, addr, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: callbacks.example\r\nContent-Length: %d\r\n%sConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nX-Own: kept\r\n\r\n%s",
		target, len(body), contentType, body), false)
}

func TestDecisionsAreTheBackends(t *testing.T) {
	const says = `{"ActionStatus":"OK","ErrorInfo":"not today","ErrorCode":102150}`
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, says)
	})
	i := startApp(t, relayTo(t, "url: '"+b.URL+"/hook/of%2Fold'"))
	n := 0
	for command, bodies := range samples(t) {
		if !tuilivekit.IsDecision(command) {
			continue
		}
		for _, body := range bodies {
			for _, contentType := range []string{"application/json", "", "text/x-odd;a=b"} {
				query := "?" + signedQuery(demoApp, demoToken, command, time.Now().Unix()) + "&odd=%41+%2f;x&&=&Z"
				a := sendAsTencent(t, i.addr, "/callback"+query, body, contentType)
				if a.status != http.StatusAccepted || a.body != says || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
					t.Errorf("%s: answered %d %v %s", command, a.status, a.header, a.body)
				}
				n++
				got := b.wait(t, n)[n-1]
				checkRelayed(t, got, "/hook/of%2Fold"+query, string(body), contentType)
				if got.host != b.Listener.Addr().String() || got.header.Get("X-Forwarded-Host") != "callbacks.example" {
					t.Errorf("host %s, header %v", got.host, got.header)
				}
			}
		}
	}
	if n < 6 {
		t.Fatalf("%d requests", n)
	}
	expect(t, i.scrape(), map[string]float64{
		series("relay_decisions_total"): float64(n), callbacksOf("Live.CallbackBeforeSendGift"): 3, series("relay_circuit_open"): 0,
	})
	if bytes.Contains([]byte(i.log.String()), []byte("always answered OK")) {
		t.Error("the log warns of a command without relay")
	}
}

func TestABackendWithoutPathGetsThatOfTheRequest(t *testing.T) {
	b := newBackend(t, nil)
	i := startApp(t, relayTo(t, "url: '"+b.URL+"'"), "--webhook.path=/a/b.c")
	i.post(i.signed("Live.CallbackBeforeSendGift"), `{}`) // the body names no command: the query does
	if got := b.wait(t, 1)[0].target; !strings.HasPrefix(got, "/a/b.c?SdkAppid=") {
		t.Errorf("got %s", got)
	}
}

func TestStrangersAreNotRelayed(t *testing.T) {
	b := newBackend(t, nil)
	i := startApp(t, relayTo(t, "url: '"+b.URL+"'"))
	for _, query := range []string{signedQuery(demoApp, "wrong", "Live.CallbackBeforeSendGift", time.Now().Unix()),
		signedQuery("1400000009", demoToken, "Live.CallbackBeforeSendGift", time.Now().Unix()), "SdkAppid=" + demoApp} {
		if a := i.post(i.callback+"?"+query, fixture(t, "Live.CallbackBeforeSendGift")); a.status/100 != 4 {
			t.Errorf("answered %d", a.status)
		}
	}
	if n := len(b.wait(t, 0)); n != 0 {
		t.Errorf("%d requests got through", n)
	}
}

func TestARelayToOurselvesIsRefused(t *testing.T) {
	addr := freeAddr(t)
	config := strings.TrimPrefix(relayTo(t, "url: 'http://"+addr+"/callback'"), "--config.file=")
	var stderr bytes.Buffer
	err := run(t.Context(), []string{"serve", "--config.file=" + config, "--storage.path=", "--webhook.listen-address=" + addr, "--web.listen-address=127.0.0.1:0"}, io.Discard, &stderr)
	if err == nil || !strings.Contains(err.Error(), "relay of application "+demoApp) || !strings.Contains(err.Error(), "the webhook listener of this exporter") {
		t.Errorf("got %v\n%s", err, &stderr)
	}

	// And at a reload, which leaves the last configuration.
	b := newBackend(t, nil)
	file := strings.TrimPrefix(relayTo(t, "url: '"+b.URL+"'"), "--config.file=")
	i := startApp(t, "--config.file="+file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte(b.URL), []byte(i.callback)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.app.reload(); err == nil {
		t.Error("reloaded")
	}
	if a := i.post(i.signed("Live.CallbackBeforeSendGift"), fixture(t, "Live.CallbackBeforeSendGift")); a.status != 200 || len(b.wait(t, 1)) != 1 {
		t.Errorf("answered %d", a.status)
	}
}

// The sender of a body has a second for that; the backend may take longer. A busy machine
// may take the rest of the time: one success in several tries is enough.
func TestABackendMayTakeLongerThanTheBody(t *testing.T) {
	t.Parallel()
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(1300 * time.Millisecond):
		case <-r.Context().Done():
		}
		io.WriteString(w, "late")
	})
	i := startApp(t, relayTo(t, "timeout: 1900ms, url: '"+b.URL+"'"))
	var a answer
	for range 10 {
		a = i.post(i.signed("Live.CallbackBeforeSendGift"), fixture(t, "Live.CallbackBeforeSendGift"))
		if a.status == 200 && a.body == "late" {
			return
		}
	}
	t.Errorf("answered %d %s", a.status, a.body)
}

func TestStatusOfARelay(t *testing.T) {
	b := newBackend(t, nil)
	i := startApp(t, relayTo(t, "url: '"+b.URL+"/secret-path'"))
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	b.wait(t, 1)
	i.waitSeries(t, series("relay_deliveries_total"), 1)
	if got := i.status().Applications[0].Relay; got == nil || got.Mode != web.RelayOK || got.Backend != b.URL || got.Delivered != 1 || got.QueueRequests != 0 || got.LastFailureTime != nil {
		t.Errorf("got %+v", got)
	}
	b.CloseClientConnections()
	b.Close()
	acknowledged(t, i.post(i.signed(thresholdCommand), strings.Replace(knownEvent, "400", "401", 1)))
	i.waitSeries(t, series("relay_queue_requests"), 1)
	for range 6 { // the circuit opens
		i.post(i.signed("Live.CallbackBeforeSendGift"), fixture(t, "Live.CallbackBeforeSendGift"))
	}
	got, metrics := i.status().Applications[0].Relay, i.scrape()
	if got.Mode != web.RelayCircuitOpen || got.QueueOldest == nil || !strings.Contains(got.LastFailure, ": ") || got.LastFailureTime == nil {
		t.Errorf("got %+v", got)
	}
	expect(t, metrics, map[string]float64{
		series("relay_circuit_open"): 1, series("relay_queue_requests"): float64(got.QueueRequests), series("relay_queue_bytes"): float64(got.QueueBytes),
		series("relay_deliveries_total"): float64(got.Delivered), series("relay_decisions_total"): float64(got.Decisions),
	})
	if got.DecisionFailures != 6 || got.Decisions != 6 {
		t.Errorf("got %+v", got)
	}
	for _, page := range []string{i.get("/").body, i.get("/api/v1/status").body} {
		if !strings.Contains(page, b.URL) || strings.Contains(page, "secret-path") {
			t.Errorf("the page has no backend, or too much of its URL:\n%s", page)
		}
	}
}

// signedRequest is a whole request that asks for a decision, or says something of rooms.
func signedRequest(app, command, fields, header string) string {
	body := `{"CallbackCommand":"` + command + `"` + fields + `}`
	return fmt.Sprintf("POST /callback?%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s",
		signedQuery(app, demoToken, command, time.Now().Unix()), header, len(body), body)
}

const sendGift = "Live.CallbackBeforeSendGift"

// A connection is kept after a refused request, a stranger's too if it is that of a
// balancer. What comes over it next is answered by the backend as ever.
func TestARefusalLeavesTheConnectionAsItWas(t *testing.T) {
	t.Parallel()
	const decision = `{"ActionStatus":"OK","ErrorInfo":"mine","ErrorCode":0}`
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, decision) })
	i := startApp(t, relayTo(t, "url: "+b.URL), "--webhook.trusted-proxies=127.0.0.1/32")
	i.mayFail = true
	const balancer = "X-Forwarded-For: 203.0.113.9\r\n"
	for name, refused := range map[string]string{
		"no body":       "GET /robots.txt HTTP/1.1\r\nHost: x\r\n" + balancer + "\r\n",
		"a body read":   signedRequest(demoApp, thresholdCommand, `,"CurRoomCount":-1,"MaxRoomCount":500`, balancer),
		"a body unread": strings.Replace(signedRequest(demoApp, thresholdCommand, "", balancer), "&Sign=", "&Sign=0", 1),
	} {
		conn := dial(t, i.addr)
		for n := range 300 {
			exchange(t, conn, refused)
			if a := exchange(t, conn, signedRequest(demoApp, sendGift, "", balancer)); a.body != decision {
				t.Errorf("%s, %d times: then a decision is %d %q", name, n+1, a.status, a.body)
				break
			}
		}
	}
}

// Backends that are slow, and in time, take no place of other applications.
func TestSlowBackendsTakeNoPlaceOfOthers(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(8)
	release := make(chan struct{})
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Done()
		<-release
		io.WriteString(w, "{}")
	})
	token := writeFile(t, "token", demoToken)
	i := startApp(t, "--config.file="+writeFile(t, "c.yaml", fmt.Sprintf(
		"apps: [{sdk_app_id: 1, token_files: [%s]}, {sdk_app_id: 2, token_files: [%[1]s], relay: {url: %s}}]", token, b.URL)), "--webhook.max-requests=2")
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			if a := i.post(signedURL(i.callback, "2", demoToken, sendGift), `{"CallbackCommand":"`+sendGift+`"}`); a.status != http.StatusOK {
				t.Errorf("a decision: got %d %s", a.status, a.body)
			}
		})
	}
	asked.Wait()
	if a := i.post(signedURL(i.callback, "1", demoToken, thresholdCommand), knownEvent); a.status != http.StatusOK {
		t.Errorf("an event of another application: got %d %s", a.status, a.body)
	}
	close(release)
	senders.Wait()
}

// A request that has begun is passed on as the configuration said then.
func TestADecisionSeesOneConfiguration(t *testing.T) {
	answer := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	first, second := newBackend(t, answer("first")), newBackend(t, answer("second"))
	flag := relayTo(t, "url: "+first.URL)
	i := startApp(t, flag)
	request := signedRequest(demoApp, sendGift, "", "Expect: 100-continue\r\n")
	half := len(request) - 5
	conn := dial(t, i.addr)
	if _, err := io.WriteString(conn, request[:half]); err != nil {
		t.Fatal(err)
	}
	want := "HTTP/1.1 100 Continue\r\n\r\n" // it reads the body now
	if got := make([]byte, len(want)); true {
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	file := strings.TrimPrefix(flag, "--config.file=")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), first.URL, second.URL, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.app.reload(); err != nil {
		t.Fatal(err)
	}
	if a := exchange(t, conn, request[half:]); a.body != "first" {
		t.Errorf("one that began before: got %q", a.body)
	}
	if a := exchange(t, conn, signedRequest(demoApp, sendGift, "", "")); a.body != "second" {
		t.Errorf("one that began after: got %q", a.body)
	}
}

// However slowly a body comes and a backend decides, Tencent has an answer in two seconds.
func TestADecisionIsInTime(t *testing.T) {
	t.Parallel()
	b := newBackend(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	i := startApp(t, relayTo(t, "url: "+b.URL+", timeout: 1900ms"))
	request := signedRequest(demoApp, sendGift, "", "")
	conn := dial(t, i.addr)
	watch, start := late.NewWatch(t), time.Now()
	if _, err := io.WriteString(conn, request[:len(request)-1]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(800 * time.Millisecond)
	a := exchange(t, conn, request[len(request)-1:])
	if took := time.Since(start); a.status != http.StatusGatewayTimeout || took < 1800*time.Millisecond || took > watch.Limit(2200*time.Millisecond) {
		t.Errorf("got %d after %s, want 504 after 1.9 s", a.status, took)
	}
}
