package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

func TestPageOfOneApplication(t *testing.T) {
	c, err := handler.New(handler.Options{Apps: []handler.App{{ID: "1", Name: "one", Tokens: []string{"token"}}, {ID: "2", Name: "two", AllowUnsigned: true}}})
	if err != nil {
		t.Fatal(err)
	}
	s := NewStatus(StatusOptions{
		Webhook: c.Report, RecentEvents: c.RecentEvents, Settings: func(id string) string { return "settings of " + id },
		Relay: func(id string) *RelayStatus { return &RelayStatus{Backend: "https://backend-of-" + id} },
	})
	for i := range 25 {
		post(c, "1", "token", time.Now(), threshold(400+i, 500))
	}
	post(c, "1", "token", time.Now(), threshold(100, 500))
	post(c, "1", "token", time.Now(), `{"CallbackCommand":"Live.CallbackAfterCreateRoom","RoomInfo":{"RoomId":"secret-room"}}`)
	post(c, "2", "token", time.Now(), threshold(1, 2))

	_, body := getPage(s, "/?app=1")
	for _, want := range []string{`<tr role="row" data-app="1"`, "<bdi>one</bdi></h1>", "settings of 1", "backend-of-1", "<b>424</b>", "Live.CallbackAfterCreateRoom</span>", "not yet</span> <span>after a room was destroyed", "required</span> <span>Signatures"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{`data-app="2"`, "backend-of-2", "secret-room", `id="refusals"`} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(body, "data-event="); n != 20 {
		t.Errorf("%d events", n)
	}
	if _, body := getPage(s, "/?app=2"); !strings.Contains(body, "off</span> <span>Signatures") {
		t.Error("the page of an unsigned application does not warn")
	}
	w := httptest.NewRecorder()
	s.ServePage(w, httptest.NewRequest(http.MethodGet, "/?app=3%3Cb", nil))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "No such application") || !strings.Contains(w.Body.String(), "3&lt;b") {
		t.Errorf("an unknown application: %d", w.Code)
	}

	status, r := readJSON(t, s, "/api/v1/status?app=1")
	if status != http.StatusOK || len(r.Applications) != 1 || r.Applications[0].ID != "1" || len(r.Applications[0].RecentEvents) != 20 {
		t.Fatalf("JSON: %d %+v", status, r.Applications)
	}
	if e := r.Applications[0].RecentEvents[0]; e.Current != 100 || e.Max != 500 || !e.Durable || e.Time == nil {
		t.Errorf("the last event is %+v", e)
	}
	if status, _ := readJSON(t, s, "/api/v1/status?app=3"); status != http.StatusNotFound {
		t.Errorf("JSON of an unknown application: %d", status)
	}
	if _, r := readJSON(t, s, "/api/v1/status"); len(r.Applications) != 2 || r.Applications[0].RecentEvents != nil {
		t.Error("without ?app= there are recent events, or not all applications")
	}
}

func TestPagesOfRows(t *testing.T) {
	s := statusOf(t, 450)
	seen := map[string]bool{}
	for page, want := range map[int]int{1: 200, 2: 200, 3: 50} {
		_, body := getPage(s, fmt.Sprintf("/?page=%d", page))
		if n := strings.Count(body, "data-app="); n != want {
			t.Errorf("page %d has %d rows", page, n)
		}
		for _, part := range strings.Split(body, `data-app="`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			seen[id] = true
		}
		if strings.Contains(body, `rel="prev"`) != (page > 1) || strings.Contains(body, `rel="next"`) != (page < 3) {
			t.Errorf("page %d has wrong links to the other pages", page)
		}
		if n := strings.Count(body, "data-relay="); n != sectionRows || !strings.Contains(body, "430 backends more") {
			t.Errorf("page %d has %d backends", page, n)
		}
	}
	if len(seen) != 450 {
		t.Errorf("%d applications on all pages", len(seen))
	}
	for _, query := range []string{"?page=99", "?page=-1", "?page=x", "?page=99999999999999999999"} {
		if _, body := getPage(s, "/"+query); !strings.Contains(body, "data-app=") {
			t.Errorf("%s shows nothing", query)
		}
	}
}

func TestCallbackURLToEnter(t *testing.T) {
	const local = "http://127.0.0.1:4711/hook"
	for _, tt := range []struct {
		name, host string
		url        CallbackURLStatus
		want, note string
	}{
		{"as the flag says", "exporter.example.com", CallbackURLStatus{local, "https://cb.example.com/hook", CallbackURLConfigured}, "https://cb.example.com/hook", "As --webhook.external-url says"},
		{"of the certificate", "exporter.example.com", CallbackURLStatus{local, "https://cb.example.com:4711/hook", CallbackURLCertificate}, "https://cb.example.com:4711/hook", "A guess, from the certificate"},
		{"of the page", "Exporter.Example.com:19780", CallbackURLStatus{Local: local}, "https://exporter.example.com/hook", "A guess, from the address of this page"},
		{"of a page at an address", "192.0.2.1:19780", CallbackURLStatus{Local: local}, "https://CALLBACK-HOST/hook", "The host is not known"},
		{"of a page at an address of IPv6", "[2001:db8::1]:19780", CallbackURLStatus{Local: local}, "https://CALLBACK-HOST/hook", "The host is not known"},
		{"of a page at this machine", "localhost:19780", CallbackURLStatus{Local: local}, "https://CALLBACK-HOST/hook", "The host is not known"},
		{"of a page inside a cluster", "exporter.monitoring.svc", CallbackURLStatus{Local: local}, "https://CALLBACK-HOST/hook", "The host is not known"},
		{"of a hostile host", `a.b"><script>`, CallbackURLStatus{}, "https://CALLBACK-HOST/callback", "The host is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := NewStatus(StatusOptions{Webhook: func() handler.Report { return handler.Report{} }, CallbackURL: func() CallbackURLStatus { return tt.url }})
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host = tt.host
			w := httptest.NewRecorder()
			s.ServePage(w, r)
			if body := w.Body.String(); !strings.Contains(body, `<code class="url">`+tt.want+"<") || !strings.Contains(body, tt.note) || !strings.Contains(body, "--url="+tt.want+"<") {
				t.Errorf("got another URL or note in\n%s", body)
			}
		})
	}
}

func TestDoctorCommandIsQuotedForTheShell(t *testing.T) {
	s := NewStatus(StatusOptions{
		Webhook: func() handler.Report { return handler.Report{} },
		Config: func() ConfigStatus {
			return ConfigStatus{OK: true, File: "it's here.yml", Flags: []FlagStatus{
				{"storage.path", "/var/lib/x", true}, {"webhook.allowed-sources", "192.0.2.0/24", true}, {"web.telemetry-path", "/m", true}, {"log.level", "info", false},
			}}
		},
	})
	_, body := getPage(s, "/")
	for _, want := range []string{`--config.file=&#39;it&#39;\&#39;&#39;s here.yml&#39; --url=`, "--storage.path=/var/lib/x --webhook.allowed-sources=192.0.2.0/24<", "4 flags", "3 differ from the default", "<code>--log.level</code>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// readJSON returns the status, and the report if the status is 200.
func readJSON(t *testing.T, s *Status, target string) (int, Report) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeJSON(w, httptest.NewRequest(http.MethodGet, target, nil))
	var r Report
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
	}
	return w.Code, r
}
