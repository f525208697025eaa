package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// threshold is a threshold event of now.
func threshold(current, limit int) string {
	return fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":%d}`,
		time.Now().UnixMilli(), current, limit)
}

// post sends a callback of app that token signs as of then, and returns the status.
func post(c *handler.Callback, app, token string, then time.Time, body string) int {
	at := strconv.FormatInt(then.Unix(), 10)
	r := httptest.NewRequest(http.MethodPost, "/callback?SdkAppid="+app+"&Sign="+tuilivekit.Sign(token, at)+"&RequestTime="+at, strings.NewReader(body))
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w.Code
}

func newTestStatus(t *testing.T, apps ...handler.App) (*handler.Callback, *Status) {
	t.Helper()
	for i := range apps {
		apps[i].Tokens = []string{"token"}
	}
	c, err := handler.New(handler.Options{Apps: apps})
	if err != nil {
		t.Fatal(err)
	}
	return c, NewStatus(StatusOptions{Webhook: c.Report})
}

func getPage(s *Status, target string) (http.Header, string) {
	w := httptest.NewRecorder()
	s.ServePage(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Header(), w.Body.String()
}

func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestStatus(t, handler.App{ID: "1", Name: "quiet"}, handler.App{ID: "2", Name: "old"}, handler.App{ID: "3", Name: "busy"})
		post(c, "2", "token", time.Now(), threshold(450, 500))
		time.Sleep(time.Hour)
		post(c, "3", "token", time.Now(), threshold(400, 500))
		time.Sleep(time.Second)
		post(c, "3", "token", time.Now(), `{"CallbackCommand":"Live.CallbackAfterCreateRoom","RoomInfo":{"RoomId":"r"}}`)
		post(c, "3", "wrong", time.Now(), threshold(401, 500))
		post(c, "3", "token", time.Now().Add(-90*time.Second), threshold(402, 500))
		post(c, "77", "token", time.Now(), threshold(402, 500))
		time.Sleep(2 * time.Second)

		r := s.Report()
		var order []string
		for _, a := range r.Applications {
			order = append(order, a.Name+" "+a.Verdict+" "+a.UsageLevel)
		}
		if got, want := strings.Join(order, ", "), "old stale critical, busy fresh near_limit, quiet never "; got != want {
			t.Errorf("applications: got %q, want %q", got, want)
		}
		busy := r.Applications[1]
		if *busy.Current != 400 || *busy.Max != 500 || *busy.Estimate != 401 || *busy.UsageRatio != 0.8 || *busy.EventAgeSeconds != 3 || busy.Events != 1 || busy.Created != 1 {
			t.Errorf("counts: got %d of %d, about %d, %v, %v s: %+v", *busy.Current, *busy.Max, *busy.Estimate, *busy.UsageRatio, *busy.EventAgeSeconds, busy)
		}
		if len(busy.Callbacks) != 2 || busy.Callbacks[0].Command != "Live.CallbackAfterCreateRoom" || busy.Callbacks[0].Total != 1 || busy.Callbacks[0].LastAgeSeconds != 2 {
			t.Errorf("callbacks: got %+v", busy.Callbacks)
		}
		if busy.LastRefusal == nil || busy.LastRefusal.Reason != "time" || busy.LastRefusal.Detail != "our clock minus RequestTime is 90 s: check both clocks (NTP)" {
			t.Errorf("last refusal: got %+v", busy.LastRefusal)
		}
		if *r.ClockSkewSeconds != 90 || r.UptimeSeconds != 3603 || r.Storage.Mode != StorageMemory || !r.Ready || !r.Configuration.OK {
			t.Errorf("the rest: got %+v", r)
		}
		seen := map[string]string{}
		for _, f := range r.Refusals {
			seen[f.Reason] = fmt.Sprintf("%d %s %v", f.Total, f.AppID, f.LastAgeSeconds)
		}
		if got, want := fmt.Sprint(seen), "map[sign:1 3 2 time:1 3 2 unknown_app:1 77 2]"; got != want {
			t.Errorf("refusals: got %s, want %s", got, want)
		}
	})
}

func TestVerdictBecomesStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestStatus(t, handler.App{ID: "1"})
		post(c, "1", "token", time.Now(), threshold(400, 500))
		for _, tt := range []struct {
			wait time.Duration
			want string
		}{{0, VerdictFresh}, {time.Hour, VerdictFresh}, {time.Millisecond, VerdictStale}} {
			time.Sleep(tt.wait)
			if got := s.Report().Applications[0].Verdict; got != tt.want {
				t.Errorf("after %s more: got %s, want %s", tt.wait, got, tt.want)
			}
		}
	})
}

func TestPageAllowsItsOwnStyleAndNothingElse(t *testing.T) {
	_, s := newTestStatus(t, handler.App{ID: "1"})
	header, body := getPage(s, "/")
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(body)
	if style == nil {
		t.Fatal("the page has no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	policy := header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; ") {
		t.Errorf("the policy is not of this style: %s", policy)
	}
	for _, bad := range []string{"unsafe", "http:", "https:", "*"} {
		if strings.Contains(policy, bad) {
			t.Errorf("the policy has %s: %s", bad, policy)
		}
	}
	for _, bad := range []string{"<script", "style=", " on", "src=", "http://", "https://", "url("} {
		clean := strings.ReplaceAll(body, "http://www.w3.org/2000/svg", "")
		clean = strings.ReplaceAll(clean, `<a href="`+documents, `<a href="`) // links for people
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(clean, -1) {
			if strings.Contains(tag, bad) {
				t.Errorf("%s in %s", bad, tag)
			}
		}
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestPageEscapesEveryValue(t *testing.T) {
	const hostile = `"><script>alert(1)</script>'&{{.}}`
	now := time.Now()
	s := NewStatus(StatusOptions{
		Webhook: func() handler.Report {
			refusal := handler.Refusal{Reason: hostile, Title: hostile, Check: hostile, Total: 1, Time: now, AppID: `<b>"'`, Detail: hostile}
			app := handler.AppReport{Counted: handler.Counted{ID: "1", Name: hostile}, LastRefusal: &refusal}
			return handler.Report{Apps: []handler.AppReport{app}, Refusals: []handler.Refusal{refusal}}
		},
		Storage: func() StorageStatus { return StorageStatus{StorageDegraded, hostile, &now, hostile} },
		Config:  func() ConfigStatus { return ConfigStatus{File: hostile, Error: hostile} },
		Relay: func(string) *RelayStatus {
			return &RelayStatus{Backend: hostile, LastFailureTime: &now, LastFailure: hostile}
		},
		Build: BuildStatus{hostile, hostile, hostile, hostile},
		Links: []Link{{hostile, hostile}, {"javascript:alert(1)", "x"}},
	})
	_, body := getPage(s, "/")
	for _, bad := range []string{"<script", "<b>\"", `href="javascript`} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if n := strings.Count(body, "&lt;script&gt;"); n < 10 {
		t.Errorf("the page shows %d of the values", n)
	}
}

func TestPageShowsTheRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := handler.New(handler.Options{Apps: []handler.App{{ID: "1", AllowUnsigned: true}, {ID: "2", AllowUnsigned: true}, {ID: "3", AllowUnsigned: true}}})
		if err != nil {
			t.Fatal(err)
		}
		ago := func(d time.Duration) *time.Time { then := time.Now().Add(-d); return &then }
		all := map[string]*RelayStatus{}
		s := NewStatus(StatusOptions{Webhook: c.Report, Relay: func(id string) *RelayStatus { return all[id] }})
		// want looks into the card, and into the row of an application.
		want := func(app, card string, parts ...string) {
			t.Helper()
			_, body := getPage(s, "/")
			if !strings.Contains(body, card) {
				t.Errorf("the page lacks %q", card)
			}
			_, row, _ := strings.Cut(body, `data-relay="`+app+`"`)
			row, _, _ = strings.Cut(row, "</tr>")
			for _, part := range parts {
				if !strings.Contains(row, part) {
					t.Errorf("the row of %s lacks %q:\n%s", app, part, row)
				}
			}
		}
		if _, body := getPage(s, "/"); strings.Contains(body, `id="relays"`) || strings.Contains(body, "<dt>Relay") {
			t.Error("the page speaks of a relay, and there is none")
		}
		all["1"] = &RelayStatus{Backend: "https://one", Delivered: 1234, Decisions: 5, DecisionFailures: 2}
		want("1", "<dd>Delivering</dd>", "<bdi>https://one</bdi>", `<span class="pill good">Delivering</span>`, ">empty<", ">closed<", ">1\u202f234<", `>3 <span class="muted">of</span> 5<`, ">none<")
		want("1", "To 1 backend, 0 callbacks queued")
		if r := s.Report().Applications[0].Relay; r.QueueOldestAgeSeconds != nil || r.LastFailureAgeSeconds != nil {
			t.Errorf("ages of nothing are not null: %+v", r)
		}
		all["2"] = &RelayStatus{Backend: "http://two", QueueRequests: 1, QueueLanes: 1, QueueBytes: 2048, QueueOldest: ago(time.Minute), Dropped: 7}
		want("2", "<dd>Delivering</dd>", "1 callback, 2.0\u202fKiB", "oldest: 1 minute ago", ">7<", `<span class="pill good">`)
		want("2", "To 2 backends, 1 callback queued")
		all["2"].QueueOldest = ago(61 * time.Second)
		want("2", "<dd>Callbacks delayed</dd>", `<span class="pill warn">Callbacks delayed</span>`)
		all["2"] = &RelayStatus{Backend: "http://two", QueueRequests: 3, QueueLanes: 2, InDelivery: 1, SetAside: 1}
		want("2", "<dd>Callbacks set aside</dd>", `<span class="pill warn">`, ">3 callbacks, ", ">2 <", "(1 in delivery)", ">1<")
		all["2"].LastDropTime = ago(5 * time.Minute)
		want("2", "<dd>Callbacks set aside</dd>")
		all["2"].LastDropTime = ago(5*time.Minute - time.Second)
		want("2", "<dd>Callbacks dropped</dd>", `<span class="pill bad">Callbacks dropped</span>`)
		all["2"] = &RelayStatus{Backend: "http://two", DeliveryCircuitOpen: true}
		want("2", "<dd>1 backend failing</dd>", "open: one delivery at a time is tried")
		all["2"] = &RelayStatus{Backend: "http://two"}
		all["3"] = &RelayStatus{Backend: "http://three", CircuitOpen: true, LastFailureTime: ago(5 * time.Second), LastFailure: "connection refused"}
		want("3", "<dd>1 backend failing</dd>", `<span class="pill bad">Backend failing</span>`, "open: no decisions are asked for<", "5 seconds ago</time>", "<bdi>connection refused</bdi>")
		want("3", "To 3 backends")
		if _, body := getPage(s, "/"); strings.Index(body, `data-relay="3"`) > strings.Index(body, `data-relay="1"`) {
			t.Error("the worst backend is not the first")
		}
	})
}

func TestPageShowsRecounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := handler.New(handler.Options{Apps: []handler.App{{ID: "1", AllowUnsigned: true}}})
		if err != nil {
			t.Fatal(err)
		}
		ago := func(d time.Duration) *time.Time { then := time.Now().Add(-d); return &then }
		var recount *RecountStatus
		s := NewStatus(StatusOptions{Webhook: c.Report, Recount: func(string) *RecountStatus { return recount }})
		if _, body := getPage(s, "/"); strings.Contains(body, `id="recounts"`) {
			t.Error("the page speaks of recounts, and there are none")
		}
		for _, tt := range []struct {
			mode, words string
			recount     RecountStatus
		}{
			{RecountWaiting, `<span class="pill calm">Before the first recount`, RecountStatus{}},
			{RecountOK, `<span class="pill good">Recounting`, RecountStatus{LastSuccess: ago(time.Minute), Listed: 1500, Opened: 3, Closed: 4, Recounts: 9, Failures: 2, Calls: 80, LastFailureTime: ago(time.Hour), LastFailure: "60007"}},
			{RecountOK, "1\u202f500", RecountStatus{LastSuccess: ago(30 * time.Minute), Listed: 1500}},
			{RecountLate, `<span class="pill warn">Recounts late`, RecountStatus{LastSuccess: ago(30*time.Minute + 1)}},
			{RecountStandby, `<span class="pill calm">Another replica recounts`, RecountStatus{Standby: true, LastSuccess: ago(time.Hour)}},
			{RecountFailing, "1 minute ago</time>", RecountStatus{LastSuccess: ago(time.Hour), LastFailureTime: ago(time.Minute), LastFailure: "timeout"}},
			{RecountFailing, "<bdi>60010</bdi>", RecountStatus{LastFailureTime: ago(time.Minute), LastFailure: "60010", Advice: "make it an administrator"}},
			{RecountStopped, `<span class="pill bad">Recounts stopped`, RecountStatus{Stopped: true, LastFailureTime: ago(time.Minute)}},
		} {
			recount = &tt.recount
			recount.IntervalSeconds = 600
			if got := s.Report().Applications[0].Reconcile.Mode; got != tt.mode {
				t.Errorf("%s: got %s", tt.mode, got)
			}
			if _, body := getPage(s, "/"); !strings.Contains(body, tt.words) || !strings.Contains(body, tt.recount.Advice) || !strings.Contains(body, "every 10 minutes") {
				t.Errorf("%s: the page lacks %q", tt.mode, tt.words)
			}
		}
		recount = &RecountStatus{IntervalSeconds: 600}
		time.Sleep(31 * time.Minute)
		if got := s.Report().Applications[0].Reconcile.Mode; got != RecountLate {
			t.Errorf("never, for three intervals: got %s", got)
		}
	})
}

func TestPageRefreshesItself(t *testing.T) {
	_, s := newTestStatus(t, handler.App{ID: "1"})
	const refresh = `<meta http-equiv="refresh" content="10">`
	if _, body := getPage(s, "/"); !strings.Contains(body, refresh) {
		t.Error("it does not")
	}
	if _, body := getPage(s, "/?refresh=off"); strings.Contains(body, "http-equiv") || !strings.Contains(body, `<a href="?">resume</a>`) {
		t.Error("it does when it should not, or cannot be made to again")
	}
}

func TestPageTellsANewcomerWhatToTry(t *testing.T) {
	c, s := newTestStatus(t, handler.App{ID: "1400000001"})
	const nothing, noEvent = "Nothing has come yet", "no threshold event yet"
	for _, tt := range []struct{ name, body, want, not string }{
		{"at first", "", "send --app 1400000001 --token-file", noEvent},
		{"after another callback", `{"CallbackCommand":"Live.CallbackAfterCreateRoom"}`, noEvent, nothing},
		{"after an event", threshold(400, 500), "near limit", noEvent},
	} {
		if tt.body != "" {
			post(c, "1400000001", "token", time.Now(), tt.body)
		}
		if _, body := getPage(s, "/"); !strings.Contains(body, tt.want) || strings.Contains(body, tt.not) {
			t.Errorf("%s: want %q and not %q in\n%s", tt.name, tt.want, tt.not, body)
		}
	}
}

// TestPageAndJSONSayTheSame compares the numbers of both.
func TestPageAndJSONSayTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestStatus(t, handler.App{ID: "1", Name: "one"}, handler.App{ID: "2", Name: "two"}, handler.App{ID: "3", Name: "three"})
		post(c, "1", "token", time.Now(), threshold(400, 500))
		post(c, "2", "token", time.Now(), threshold(99, 100))
		for range 3 {
			post(c, "2", "wrong", time.Now(), threshold(99, 100))
		}
		time.Sleep(90 * time.Second)
		w := httptest.NewRecorder()
		s.ServeJSON(w, httptest.NewRequest(http.MethodGet, "/api/v1/status", nil))
		var report Report
		if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil {
			t.Fatal(err)
		}
		_, body := getPage(s, "/")
		rows := regexp.MustCompile(`(?s)<tr role="row" data-app="(\d+)".*?</tr>`).FindAllStringSubmatch(body, -1)
		if len(rows) != len(report.Applications) {
			t.Fatalf("the page has %d rows, the report %d applications", len(rows), len(report.Applications))
		}
		for i, a := range report.Applications {
			want := []string{`data-app="` + a.ID + `"`, ">" + a.Verdict + "<", fmt.Sprintf(`events">%d<`, a.Events)}
			if a.Current != nil {
				want = append(want, fmt.Sprintf(`current">%d<`, *a.Current), fmt.Sprintf(`max">%d<`, *a.Max), fmt.Sprintf(`estimate">%d<`, *a.Estimate),
					percent(*a.UsageRatio), english.ago(*a.EventAgeSeconds), a.EventTime.Format(time.RFC3339Nano))
			}
			for _, part := range want {
				if !strings.Contains(rows[i][0], part) {
					t.Errorf("row %d has no %q:\n%s", i, part, rows[i][0])
				}
			}
		}
		for _, f := range report.Refusals {
			if want := fmt.Sprintf(`total">%d<`, f.Total); !strings.Contains(body, want) || !strings.Contains(body, `data-reason="`+f.Reason+`"`) {
				t.Errorf("the page has no %s of %s", want, f.Reason)
			}
		}
	})
}
