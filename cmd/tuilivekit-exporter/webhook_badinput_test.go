package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// badRow is one request that is wrong, or odd, in one way. Where it says nothing the
// request is a good one, whose event would move the gauges.
type badRow struct {
	name string

	method string                 // POST
	path   string                 // /callback
	proto  string                 // HTTP/1.1
	query  func(now int64) string // that of demoApp, signed now
	header string                 // lines, in place of Content-Length
	body   string                 // newerEvent
	raw    string                 // all of the request, with {query} in it
	end    bool                   // nothing follows the request, and the sender says so

	// What should come of it. Without a reason it is accepted, or bare.
	status int
	reason string // the label that goes up by one
	text   string // ErrorInfo of the answer
	bare   bool   // net/http refuses it before any code of ours, in words of its own
	events float64
	// sameSecond means that request and answer must fall into one second.
	sameSecond bool
}

// The other application of the table, and the events that it is about.
const (
	otherApp   = "1400000002"
	otherToken = "other-token-that-must-never-be-printed"

	thresholdCommand = "Live.CallbackAfterCreateRoomReachingThreshold"
	knownEvent       = `{"CallbackCommand":"` + thresholdCommand + `","Operator_Account":"brennanli","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`
	newerEvent       = `{"CallbackCommand":"` + thresholdCommand + `","Operator_Account":"` + marker + `","EventTime":1739966999999,"CurRoomCount":444,"MaxRoomCount":555}`
	// harmless is a body that is accepted and moves no gauge.
	harmless = `{"CallbackCommand":"Live.CallbackAfterSomethingNew","Operator_Account":"` + marker + `"}`
)

func badInput() []badRow {
	return slices.Concat(badMethods, badPaths, badSizes(), badFraming, badEncodings, badApplications, badSignatures,
		badRequestTimes, badQueries, badJSON(), badNames, badCounts(), oddButAccepted)
}

func TestBadInputTableIsLongAndHasNoRowTwice(t *testing.T) {
	rows, names := badInput(), map[string]bool{}
	for _, row := range rows {
		if names[row.name] {
			t.Errorf("two rows are named %q", row.name)
		}
		names[row.name] = true
	}
	t.Logf("%d rows", len(rows))
	if len(rows) < 120 {
		t.Errorf("%d rows, want 120 or more", len(rows))
	}
}

func TestBadInputMovesNoGauge(t *testing.T) {
	for _, row := range badInput() {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for range 5 {
				i := startTwoApps(t)
				if a := i.post(i.signed(thresholdCommand), knownEvent); a.body != tuilivekit.OK {
					t.Fatalf("the known event is answered %d %s", a.status, a.body)
				}
				before := i.scrape()
				now := time.Now().Unix()
				a := rawRequest(t, i.addr, row.request(now), row.end)
				if row.sameSecond && time.Now().Unix() != now {
					continue
				}
				row.checkAnswer(t, a)
				metrics := i.get("/metrics").body
				after := parseSeries(t, metrics)
				row.checkMetrics(t, after)
				row.checkStorage(t, before, after)
				checkSecrecy(t, a, i.log.String(), metrics, now)
				return
			}
			t.Error("no answer within the second of its request")
		})
	}
}

// startTwoApps runs an exporter of demoApp and otherApp.
func startTwoApps(t *testing.T) *instance {
	t.Helper()
	return startApp(t, "--config.file="+writeFile(t, "config.yml", fmt.Sprintf(
		"apps:\n  - {sdk_app_id: %s, token_files: [%q]}\n  - {sdk_app_id: %s, token_files: [%q]}\n",
		demoApp, writeFile(t, "token", demoToken), otherApp, writeFile(t, "token", otherToken))))
}

// request returns the bytes to send.
func (row badRow) request(now int64) string {
	query := signedQuery(demoApp, demoToken, thresholdCommand, now)
	if row.query != nil {
		query = row.query(now)
	}
	if row.raw != "" {
		return strings.ReplaceAll(row.raw, "{query}", query)
	}
	body := cmp.Or(row.body, newerEvent)
	header := cmp.Or(row.header, "Content-Length: "+strconv.Itoa(len(body))+"\r\n")
	return cmp.Or(row.method, http.MethodPost) + " " + cmp.Or(row.path, "/callback") + "?" + query + " " + cmp.Or(row.proto, "HTTP/1.1") +
		"\r\nHost: exporter.example\r\nUser-Agent: " + marker + "\r\n" + header + "\r\n" + body
}

func (row badRow) checkAnswer(t *testing.T, a answer) {
	t.Helper()
	if a.status != row.status {
		t.Errorf("status: got %d, want %d: %s", a.status, row.status, a.body)
	}
	if a.status >= http.StatusInternalServerError {
		t.Errorf("status %d says that it is our fault", a.status)
	}
	if row.bare {
		return
	}
	head := row.method == http.MethodHead
	if got, want := a.header.Get("Content-Length"), strconv.Itoa(len(a.body)); got != want && !head {
		t.Errorf("Content-Length: got %q, want %s", got, want)
	}
	if got := a.header.Get("Allow"); (got == http.MethodPost) != (row.status == http.StatusMethodNotAllowed) {
		t.Errorf("Allow: got %q", got)
	}
	if row.status == http.StatusNotFound || head {
		if a.body != "" {
			t.Errorf("body: got %q, want none", a.body)
		}
		return
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q", got)
	}
	want := tuilivekit.Answer{ActionStatus: "FAIL", ErrorInfo: row.text, ErrorCode: row.status}
	if row.status == http.StatusOK {
		want = tuilivekit.Answer{ActionStatus: "OK"}
	}
	var got tuilivekit.Answer
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Errorf("body %q: %v", a.body, err)
	}
	if got != want {
		t.Errorf("body: got %+v, want %+v", got, want)
	}
}

func (row badRow) checkMetrics(t *testing.T, series map[string]float64) {
	t.Helper()
	expect(t, series, map[string]float64{
		`tuilivekit_current_rooms{sdk_app_id="` + demoApp + `"}`:                           400,
		`tuilivekit_max_rooms{sdk_app_id="` + demoApp + `"}`:                               500,
		`tuilivekit_last_event_timestamp_seconds{sdk_app_id="` + demoApp + `"}`:            1739966441.121,
		`tuilivekit_threshold_events_total{sdk_app_id="` + demoApp + `"}`:                  1 + row.events,
		`tuilivekit_threshold_events_total{sdk_app_id="` + otherApp + `"}`:                 0,
		`tuilivekit_webhook_rejections_total{reason="` + cmp.Or(row.reason, "sign") + `"}`: float64(min(len(row.reason), 1)),
		`tuilivekit_webhook_panics_total`:                                                  0,
		`tuilivekit_webhook_requests_in_flight`:                                            0,
	})
	var refused, accepted float64
	for name, value := range series {
		if strings.HasPrefix(name, "tuilivekit_webhook_rejections_total") {
			refused += value
		}
		if strings.HasPrefix(name, "tuilivekit_webhook_callbacks_total") {
			accepted += value
		}
		if strings.Contains(name, otherApp) && strings.HasPrefix(name, "tuilivekit_current_rooms") {
			t.Errorf("%s has a value", name)
		}
	}
	if want := float64(min(len(row.reason), 1)); refused != want {
		t.Errorf("%v requests refused, want %v", refused, want)
	}
	want := 1.0
	if row.reason == "" && !row.bare {
		want = 2
	}
	if accepted != want {
		t.Errorf("%v callbacks accepted, want %v", accepted, want)
	}
}

// checkStorage wants that nothing was committed for what is refused: it must not reach the
// disk, not even to be recognized if it comes again.
func (row badRow) checkStorage(t *testing.T, before, after map[string]float64) {
	t.Helper()
	const commits = "tuilivekit_exporter_storage_commits_total"
	if before[commits] == 0 {
		t.Error("not even the known event is on disk")
	}
	if refused := row.reason != "" || row.bare; refused && after[commits] != before[commits] {
		t.Errorf("%s: got %v, want %v as before", commits, after[commits], before[commits])
	}
}

// checkSecrecy looks for secrets and for text of the request where none may be.
func checkSecrecy(t *testing.T, a answer, log, metrics string, now int64) {
	t.Helper()
	for _, secret := range []string{demoToken, otherToken, marker, tuilivekit.Sign(demoToken, strconv.FormatInt(now, 10))} {
		for where, text := range map[string]string{"answer": a.body + fmt.Sprint(a.header), "log": log, "exposition": metrics} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s has %q:\n%s", where, secret, text)
			}
		}
	}
	if strings.Contains(log, "panic") {
		t.Error(log)
	}
}
