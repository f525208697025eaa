package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// ofRoom returns the body of the n-th callback of a room.
func ofRoom(room string, n int) string {
	return fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterSetMetadata","RoomId":%q,"Metadata":[{"Key":"n","Value":"%d"}]}`, room, n)
}

// One callback that the backend cannot take holds up its own room, and no other.
func TestACallbackThatFailsHoldsUpItsRoomOnly(t *testing.T) {
	var b *backend
	b = newBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if strings.Contains(string(b.requests[len(b.requests)-1].body), `"bad"`) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	i := startApp(t, relayTo(t, "max_concurrent: 1, url: '"+b.URL+"'"))
	for n := range 20 {
		i.post(i.signed(""), ofRoom("bad", n))
		i.post(i.signed(""), ofRoom("good", n))
	}
	i.waitSeries(t, series("relay_deliveries_total"), 20)
	expect(t, i.scrape(), map[string]float64{series("relay_queue_requests"): 20, series("relay_set_aside_requests"): 0})
	good := 0
	for _, r := range b.wait(t, 21) {
		if strings.Contains(string(r.body), `"bad"`) {
			if string(r.body) != ofRoom("bad", 0) {
				t.Errorf("behind the one that fails came %s", r.body)
			}
			continue
		}
		if string(r.body) != ofRoom("good", good) {
			t.Errorf("got %s, want the one of number %d", r.body, good)
		}
		good++
	}
}

// What a gateway says before a dead backend is no decision.
func TestAGatewayDecidesNothing(t *testing.T) {
	for _, status := range []int{http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout} {
		b := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		i := startApp(t, relayTo(t, "on_failure: allow, url: '"+b.URL+"'"))
		if a := i.post(i.signed("Live.CallbackBeforeSendGift"), fixture(t, "Live.CallbackBeforeSendGift")); a.status != http.StatusOK || a.body != okBody {
			t.Errorf("%d of a gateway: answered %d %s", status, a.status, a.body)
		}
		i.waitSeries(t, `tuilivekit_relay_decision_failures_total{reason="status",sdk_app_id="`+demoApp+`"}`, 1)
	}
}

// What a full queue drops is in the log, and the status is not ok.
func TestAFullQueueIsSeen(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	b := newBackend(t, func(http.ResponseWriter, *http.Request) { <-end })
	i := startApp(t, relayTo(t, "max_queue_requests: 3, url: '"+b.URL+"'"))
	for n := range 10 {
		i.post(i.signed(""), ofRoom("r", n))
	}
	i.waitSeries(t, `tuilivekit_relay_dropped_total{reason="full",sdk_app_id="`+demoApp+`"}`, 7)
	i.log.wait(t, `callbacks dropped: (the backend does not get them)`)
	var status struct {
		Applications []struct {
			Relay struct {
				Mode          string `json:"mode"`
				QueueRequests int    `json:"queue_requests"`
				QueueLanes    int    `json:"queue_lanes"`
				LastFailure   string `json:"last_failure"`
			} `json:"relay"`
		} `json:"applications"`
	}
	if err := json.Unmarshal([]byte(i.get("/api/v1/status").body), &status); err != nil {
		t.Fatal(err)
	}
	if r := status.Applications[0].Relay; r.Mode != "dropping" || r.QueueRequests != 3 || r.QueueLanes != 1 || r.LastFailure == "" {
		t.Errorf("%+v", r)
	}
}

// After a change of relay.url the new backend decides at once, however the old one was.
func TestANewURLBeginsWithoutACircuit(t *testing.T) {
	bad := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	good := newBackend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	config := relayTo(t, "url: '"+bad.URL+"/hook'")
	i := startApp(t, config)
	decide := func() int { return i.post(i.signed("Live.CallbackBeforeSendGift"), `{}`).status }
	for range 6 {
		if got := decide(); got != http.StatusBadGateway {
			t.Fatalf("answered %d", got)
		}
	}
	expect(t, i.scrape(), map[string]float64{series("relay_circuit_open"): 1})
	file := strings.TrimPrefix(config, "--config.file=")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), bad.URL, good.URL, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := i.app.reload(); err != nil {
		t.Fatal(err)
	}
	if got := decide(); got != http.StatusAccepted {
		t.Errorf("answered %d by the new one", got)
	}
	expect(t, i.scrape(), map[string]float64{series("relay_circuit_open"): 0})
}

// A backend behind a PHP framework, which also wants a key and a password.
func TestABackendWithAQueryAndCredentials(t *testing.T) {
	b := newBackend(t, nil)
	i := startApp(t, relayTo(t, "url: '"+b.URL+"/index.php?route=live/callback', headers: {X-Api-Key: {value_file: "+writeFile(t, "key", "s3cret\n")+
		"}}, basic_auth: {username: Aladdin, password_file: "+writeFile(t, "password", "open sesame\n")+"}"))
	query := signedQueryOf(i.signed("Live.CallbackBeforeSendGift"))
	i.post(i.callback+"?"+query, `{}`)
	i.post(i.callback+"?"+query, ofRoom("r", 1))
	for _, r := range b.wait(t, 2) {
		if r.target != "/index.php?route=live/callback&"+query || r.header.Get("X-Api-Key") != "s3cret" || r.header.Get("Authorization") != "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" {
			t.Errorf("got %s %v", r.target, r.header)
		}
	}
	if log := i.log.String(); strings.Contains(log, "s3cret") || strings.Contains(log, "sesame") {
		t.Error("a secret is in the log")
	}
}

// signedQueryOf returns the query of a URL.
func signedQueryOf(url string) string {
	_, query, _ := strings.Cut(url, "?")
	return query
}
