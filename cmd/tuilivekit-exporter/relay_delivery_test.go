package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/late"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// waitSeries returns when a series has a value.
func (i *instance) waitSeries(t *testing.T, name string, want float64) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		got := i.scrape()[name]
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is %v, want %v\n%s", name, got, want, i.log)
		}
	}
}

func TestCallbacksAreDeliveredUnchanged(t *testing.T) {
	b := newBackend(t, nil)
	i := startApp(t, relayTo(t, "url: '"+b.URL+"/hook/of%2Fold'"))
	all := samples(t)
	all["Live.CallbackUnknown"] = [][]byte{[]byte(`{"CallbackCommand":"Live.CallbackUnknown"}`)}
	all[""] = [][]byte{[]byte(`{}`), []byte("{\"odd\":\"\u00e9\\u0000 \"}\r\n\t ")}
	n := 0
	ids := map[string]bool{}
	for command, bodies := range all {
		if tuilivekit.IsDecision(command) {
			continue
		}
		for _, body := range bodies {
			for _, contentType := range []string{"application/json", "", "text/x-odd;a=b"} {
				query := "?" + signedQuery(demoApp, demoToken, command, time.Now().Unix()) + "&odd=%41+%2f;x&&=&Z"
				a := sendAsTencent(t, i.addr, "/callback"+query, body, contentType)
				if a.status != http.StatusOK || a.body != okBody {
					t.Errorf("%s: answered %d %s", command, a.status, a.body)
				}
				n++
				got := b.wait(t, n)[n-1]
				checkRelayed(t, got, "/hook/of%2Fold"+query, string(body), contentType)
				if got.host != b.Listener.Addr().String() || got.header.Get("X-Forwarded-Host") != "callbacks.example" || got.header.Get("X-Tuilivekit-Attempt") != "1" {
					t.Errorf("host %s, header %v", got.host, got.header)
				}
				ids[got.header.Get("X-Tuilivekit-Delivery")] = true
			}
		}
	}
	if n < 60 || len(ids) != n {
		t.Fatalf("%d requests of %d names", n, len(ids))
	}
	i.waitSeries(t, series("relay_deliveries_total"), float64(n))
	expect(t, i.scrape(), map[string]float64{series("relay_queue_requests"): 0, series("relay_queue_bytes"): 0, series("relay_set_aside_requests"): 0, series("relay_queue_oldest_timestamp_seconds"): 0})
}

const okBody = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`

// numbered returns the body of the n-th event.
func numbered(n int) string {
	return fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":1000}`, 1739966441121+n, n)
}

func bodiesOf(requests []relayed) (bodies []string) {
	seen := map[string]bool{}
	for _, r := range requests {
		if id := r.header.Get("X-Tuilivekit-Delivery"); !seen[id] {
			seen[id] = true
			bodies = append(bodies, string(r.body))
		}
	}
	return bodies
}

// What is acknowledged while the backend is away gets there after restarts, in order,
// with a signature of then.
func TestWhatWaitsSurvivesARestart(t *testing.T) {
	var healthy atomic.Bool
	b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	path, config := t.TempDir(), relayTo(t, "url: '"+b.URL+"'")
	var want []string
	for range 3 {
		i := startApp(t, config, "--storage.path="+path)
		for range 10 {
			want = append(want, numbered(len(want)))
			query := signedQuery(demoApp, demoToken, "", time.Now().Unix()-40) // half gone already
			if a := i.post(i.callback+"?"+query, want[len(want)-1]); a.status != http.StatusOK {
				t.Fatalf("answered %d", a.status)
			}
		}
		i.waitSeries(t, series("relay_queue_requests"), float64(len(want)))
		if err := i.stop(); err != nil {
			t.Fatal(err)
		}
	}
	first := b.wait(t, 1)[0]
	healthy.Store(true)
	b.mu.Lock()
	b.requests = nil
	b.mu.Unlock()
	i := startApp(t, config, "--storage.path="+path)
	i.waitSeries(t, series("relay_deliveries_total"), 30)
	got := b.wait(t, 30)
	if bodies := bodiesOf(got); !slices.Equal(bodies, want) {
		t.Errorf("got %q", bodies)
	}
	if id := got[0].header.Get("X-Tuilivekit-Delivery"); id == "" || id != first.header.Get("X-Tuilivekit-Delivery") {
		t.Errorf("the name of the first is %q, was %q", id, first.header.Get("X-Tuilivekit-Delivery"))
	}
	_, query, _ := strings.Cut(got[0].target, "?")
	now := strconv.FormatInt(time.Now().Unix()/100, 10)
	if renewed := "RequestTime=" + now; !strings.Contains(query, renewed) || !strings.HasPrefix(query, "SdkAppid="+demoApp+"&CallbackCommand=&contenttype=json&ClientIP=") {
		t.Errorf("got the query %s", query)
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	i = startApp(t, config, "--storage.path="+path)
	expect(t, i.scrape(), map[string]float64{series("relay_queue_requests"): 0})
}

// A stop delivers the queued callbacks that the backend accepts in time.
func TestStoppingDrains(t *testing.T) {
	t.Parallel()
	b := newBackend(t, func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Millisecond) })
	i := startApp(t, relayTo(t, "url: '"+b.URL+"'"))
	for n := range 50 {
		i.post(i.signed(""), numbered(n))
	}
	if err := i.stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(b.wait(t, 0)); n != 50 {
		t.Errorf("%d are delivered", n)
	}
	// One that hangs has no more time than there is.
	end := make(chan struct{})
	defer close(end)
	hanging := newBackend(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-end:
		case <-r.Context().Done():
		}
	})
	i = startApp(t, relayTo(t, "timeout: 500ms, url: '"+hanging.URL+"'"), "--shutdown.timeout=1s")
	i.post(i.signed(""), numbered(1))
	hanging.waitHeld(t)
	watch, begin := late.NewWatch(t), time.Now()
	if err := i.stop(); err != nil || time.Since(begin) > watch.Limit(3*time.Second) {
		t.Errorf("stopped with %v after %s", err, time.Since(begin))
	}
}

// waitHeld returns when a request has come that is not answered.
func (b *backend) waitHeld(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b.mu.Lock()
		n := len(b.requests)
		b.mu.Unlock()
		if n > 0 {
			return
		}
	}
	t.Fatal("no request")
}

func TestARelayThatIsRemovedKeepsWhatWaits(t *testing.T) {
	bad := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	good := newBackend(t, nil)
	with := relayTo(t, "url: '"+bad.URL+"'")
	file := strings.TrimPrefix(with, "--config.file=")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	i := startApp(t, with)
	reload := func(relay string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), "relay: {url: '"+bad.URL+"'}", relay, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := i.app.reload(); err != nil {
			t.Fatal(err)
		}
	}
	i.post(i.signed(""), numbered(0))
	bad.wait(t, 1)
	reload("relay: {disabled: true}")
	if _, ok := i.scrape()[series("relay_queue_requests")]; ok {
		t.Error("a relay that is gone has metrics")
	}
	i.post(i.signed(""), numbered(1)) // nobody to pass it on to
	reload("relay: {url: '" + good.URL + "'}")
	i.post(i.signed(""), numbered(2))
	if got := bodiesOf(good.wait(t, 2)); !slices.Equal(got, []string{numbered(0), numbered(2)}) {
		t.Errorf("got %q", got)
	}
}

// A callback that comes back from its backend is neither recorded again nor passed on.
func TestALoopOfDeliveriesIsCut(t *testing.T) {
	var target atomic.Pointer[string]
	statuses := make(chan int, 100)
	b := newBackend(t, nil)
	b.answer = func(w http.ResponseWriter, r *http.Request) {
		got := b.wait(t, 1)[0]
		req, err := http.NewRequest(http.MethodPost, *target.Load()+"?"+r.URL.RawQuery, strings.NewReader(string(got.body)))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header.Clone()
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		statuses <- resp.StatusCode
		w.WriteHeader(resp.StatusCode)
	}
	i := startApp(t, relayTo(t, "url: '"+b.URL+"'"))
	target.Store(&i.callback)
	i.post(i.signed(""), numbered(1))
	if got := <-statuses; got != http.StatusMisdirectedRequest {
		t.Errorf("answered %d", got)
	}
	i.waitSeries(t, series("relay_loops_total"), 1)
	i.waitSeries(t, `tuilivekit_webhook_rejections_total{reason="loop"}`, 1)
	i.log.wait(t, `msg="callback refused" reason=loop sdk_app_id=`+demoApp+` status=421`)
	i.waitSeries(t, `tuilivekit_relay_dropped_total{reason="refused",sdk_app_id="`+demoApp+`"}`, 1)
	expect(t, i.scrape(), map[string]float64{`tuilivekit_threshold_events_total{sdk_app_id="` + demoApp + `"}`: 1})
}
