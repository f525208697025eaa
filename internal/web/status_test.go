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
			t.Errorf("the other fields: got %+v", r)
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

func TestPageRefreshesItself(t *testing.T) {
	_, s := newTestStatus(t, handler.App{ID: "1"})
	const refresh = `<meta http-equiv="refresh" content="10">`
	if _, body := getPage(s, "/"); !strings.Contains(body, refresh) {
		t.Error("the page does not refresh itself")
	}
	if _, body := getPage(s, "/?refresh=off"); strings.Contains(body, "http-equiv") || !strings.Contains(body, `<a href="?">resume</a>`) {
		t.Error("the page refreshes itself with ?refresh=off, or has no link to resume")
	}
}

func TestPageTellsANewcomerWhatToTry(t *testing.T) {
	c, s := newTestStatus(t, handler.App{ID: "1400000001"})
	const nothing, noEvent = "No callback yet", "no threshold event yet"
	for _, tt := range []struct{ name, body, want, not string }{
		{"before the first callback", "", "send --app 1400000001 --token-file", noEvent},
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

// TestPageAndJSONAgree compares the numbers of the page with those of the JSON.
func TestPageAndJSONAgree(t *testing.T) {
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

// threshold returns the body of a threshold event with the current time.
func threshold(current, limit int) string {
	return fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":%d}`,
		time.Now().UnixMilli(), current, limit)
}

// post sends a callback of app, signed with token at the time then, and returns the status.
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
