package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// status returns the answer of /api/v1/status.
func (i *instance) status() web.Report {
	i.t.Helper()
	var r web.Report
	a := i.get("/api/v1/status")
	if err := json.Unmarshal([]byte(a.body), &r); err != nil || a.header.Get("Content-Type") != "application/json" {
		i.t.Fatalf("%v %v: %s", err, a.header, a.body)
	}
	return r
}

func TestStatusHasTheNumbersOfTheMetrics(t *testing.T) {
	i := startApp(t)
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	for range 3 {
		i.post(i.callback+"?SdkAppid=12345", knownEvent)
	}
	series, r := i.scrape(), i.status()
	a := r.Applications[0]
	label := `{sdk_app_id="` + demoApp + `"}`
	expect(t, series, map[string]float64{
		"tuilivekit_current_rooms" + label:                                                                       float64(*a.Current),
		"tuilivekit_max_rooms" + label:                                                                           float64(*a.Max),
		"tuilivekit_estimated_rooms" + label:                                                                     float64(*a.Estimate),
		"tuilivekit_threshold_events_total" + label:                                                              float64(a.Events),
		"tuilivekit_last_event_timestamp_seconds" + label:                                                        float64(a.EventTime.UnixMilli()) / 1000,
		"tuilivekit_last_event_received_timestamp_seconds" + label:                                               float64(a.Received.UnixMilli()) / 1000,
		`tuilivekit_webhook_rejections_total{reason="unknown_app"}`:                                              float64(r.Refusals[0].Total),
		"tuilivekit_webhook_clock_skew_seconds":                                                                  *r.ClockSkewSeconds,
		`tuilivekit_app_info{name="demo",sdk_app_id="` + a.ID + `"}`:                                             1,
		"tuilivekit_exporter_config_last_reload_successful":                                                      1,
		"tuilivekit_exporter_storage_degraded":                                                                   0,
		"tuilivekit_webhook_requests_in_flight":                                                                  0,
		"tuilivekit_room_creations_total" + label:                                                                float64(a.Created),
		`tuilivekit_room_destructions_total{cause="other",sdk_app_id="` + a.ID + `"}`:                            float64(a.Destroyed),
		`tuilivekit_webhook_callbacks_total{command="` + a.Callbacks[0].Command + `",sdk_app_id="` + a.ID + `"}`: float64(a.Callbacks[0].Total),
	})
	if r.Storage.Mode != web.StorageDurable || r.Refusals[0].Total != 3 || r.Refusals[0].AppID != "12345" || !r.Ready {
		t.Errorf("got %+v", r)
	}
}

func TestStatusOfAFailedReload(t *testing.T) {
	c := startConfigured(t)
	before := c.status().Configuration
	if !before.OK || before.File != c.file || before.Error != "" || !before.LastAttempt.Equal(*before.LastSuccess) {
		t.Errorf("before: got %+v", before)
	}
	c.write(t, "apps: []")
	if a := do(t, c.client, http.MethodPost, c.web+"/-/reload", ""); a.status == http.StatusOK {
		t.Fatal("it was reloaded")
	}
	after := c.status().Configuration
	if after.OK || !strings.Contains(after.Error, "no applications") || !after.LastSuccess.Equal(*before.LastSuccess) || after.LastAttempt.Before(*after.LastSuccess) {
		t.Errorf("after: got %+v", after)
	}
	if page := c.get("/").body; !strings.Contains(page, "Last reload failed") || !strings.Contains(page, "no applications") {
		t.Error(page)
	}
}

func TestStatusHasTheCommandThatReachesThisExporter(t *testing.T) {
	i := startApp(t, "--webhook.path=/hook")
	if page, want := i.get("/").body, "send --url "+i.callback+" --app "+demoApp; !strings.Contains(page, want) {
		t.Errorf("the page lacks %s", want)
	}
}

func TestStatusOfMemoryOnly(t *testing.T) {
	i := startApp(t, "--storage.path=")
	if r := i.status(); r.Storage.Mode != web.StorageMemory || r.Storage.DegradedSince != nil {
		t.Errorf("got %+v", r.Storage)
	}
	if page := i.get("/").body; !strings.Contains(page, "Memory only") {
		t.Error(page)
	}
}

// What the page calls stale is what the alerts no longer trust.
func TestStatusIsStaleWhenTheAlertsSaySo(t *testing.T) {
	quiet := fmt.Sprintf("labels: {window: quiet}, expr: vector(%d * 3600)}", web.DefaultStaleAfter/time.Hour)
	if !strings.Contains(readFileText(t, "../../alerts/recording.yaml"), quiet) {
		t.Errorf("recording.yaml has no %s", quiet)
	}
}

func TestDocumentsOfTheStatus(t *testing.T) {
	var example string
	withSample(t, func(t *testing.T, a *app) { example = a.read(t, "/api/v1/status", "") })
	build := regexp.MustCompile(`("(version|revision|go_version|platform)"): "[^"]*"`)
	example = build.ReplaceAllString(example, `$1: "…"`)
	example = regexp.MustCompile(`("id"): "[^"]+"`).ReplaceAllString(example, `$1: "exporter-0-5e0c8a17"`)
	example = regexp.MustCompile(`("path"): "[^"]+"`).ReplaceAllString(example, `$1: "data"`)
	example = regexp.MustCompile(`("file"): "[^"]+"`).ReplaceAllString(example, `$1: "tuilivekit-exporter.yaml"`)

	var b strings.Builder
	b.WriteString(`# Status

This page is made from the code: ` + "`make docs`" + ` writes it again.

The web listener answers ` + "`/`" + ` with a page for people. It needs no script and nothing from
another host, follows the browser's light or dark setting, and loads itself again every ten
seconds (` + "`/?refresh=off`" + ` does not).

![The status page of four applications](status.png)

- The bar shows rooms against the limit in the newest threshold event, with marks at 70, 80, 90 and
  100 %: notice, near limit, critical, exhausted, as in the alerts.
- **fresh**: that event is at most an hour old, or ` + "`--state.stale-after`" + ` if that is less.
  **stale**: it is older, and the bar is paler. Tencent sends nothing when rooms close, so there
  may be far fewer by now. **never**: no threshold event has come, which below 70 % is normal.
- The estimate moves with the callbacks of rooms created and destroyed since that event.
- With a [relay](relay.md), the callbacks that the application's own backend has taken, those that are
  queued for it, and its last failure.
- Refused requests are listed by reason, with what to check. The only text of a request that is
  shown is its SDKAppID, which was not checked.

The page has no secrets, but it has names of files and applications: keep the web listener
inside, or give it a password with ` + "`--web.config.file`" + `.

## /api/v1/status

The same as JSON. Fields keep their names and meanings; new ones may be added. Times are RFC 3339
in UTC, durations are seconds, what is not known is null.

`)
	documentReport(t, &b)
	b.WriteString("\n[status.example.json](status.example.json) is an example, after the documented sample and two refused requests.\n")
	checkFile(t, "docs/status.md", b.String())
	checkFile(t, "docs/status.example.json", example)
}

// documentReport writes the fields of the structs of the report with their comments.
func documentReport(t *testing.T, b *strings.Builder) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/web/report.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("| field | what |\n|---|---|\n")
	for _, s := range []struct{ name, prefix string }{
		{"Report", ""}, {"BuildStatus", "build."}, {"ConfigStatus", "configuration."}, {"StorageStatus", "storage."},
		{"AppStatus", "applications[]."}, {"RelayStatus", "applications[].relay."}, {"CallbackStatus", "applications[].callbacks[]."}, {"RefusalStatus", "refusals[]."},
	} {
		for _, f := range file.Scope.Lookup(s.name).Decl.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
			tag, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			key, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
			words := strings.Fields(f.Doc.Text())
			what := strings.TrimPrefix(strings.TrimPrefix(strings.Join(words[1:], " "), "is "), "are ")
			b.WriteString("| `" + s.prefix + key + "` | " + strings.ReplaceAll(what, "|", "\\|") + " |\n")
		}
	}
}
