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

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
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

func TestStatusOfOneApplicationHasItsEvents(t *testing.T) {
	i := startApp(t)
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	if a := i.post(i.signed(tuilivekit.SelfTest), "{}"); a.status != http.StatusOK {
		t.Fatalf("the self-test is answered %d", a.status)
	}
	var r web.Report
	if a := i.get("/api/v1/status?app=" + demoApp); json.Unmarshal([]byte(a.body), &r) != nil || len(r.Applications) != 1 {
		t.Fatal(a.body)
	}
	var verdicts []string
	for _, e := range r.Applications[0].RecentEvents {
		verdicts = append(verdicts, fmt.Sprintf("%d of %d %s", e.Current, e.Max, e.Verdict))
	}
	if got, want := strings.Join(verdicts, ", "), "400 of 500 duplicate, 400 of 500 accepted"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if r.Applications[0].LastSelfTest == nil {
		t.Error("the self-test has left no time")
	}
	if a := i.get("/api/v1/status?app=12345"); a.status != http.StatusNotFound {
		t.Errorf("an application that is not configured: %d", a.status)
	}
}

func TestStatusHasTheCallbackURLAndTheFlags(t *testing.T) {
	i := startApp(t, "--webhook.external-url=https://callback.example.com/callback", "--webhook.signature-window=60s")
	r := i.status()
	if got, want := r.Callback, (web.CallbackURLStatus{Local: i.callback, Public: "https://callback.example.com/callback", Source: web.CallbackURLConfigured}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	flags := map[string]web.FlagStatus{}
	for _, f := range r.Configuration.Flags {
		flags[f.Name] = f
	}
	for _, want := range []web.FlagStatus{
		{Name: "webhook.external-url", Value: "https://callback.example.com/callback", Changed: true},
		{Name: "webhook.signature-window", Value: "1m0s"},
		{Name: "web.listen-address", Value: "127.0.0.1:0", Changed: true},
		{Name: "web.enable-pprof", Value: "false"},
	} {
		if flags[want.Name] != want {
			t.Errorf("got %+v, want %+v", flags[want.Name], want)
		}
	}
	if len(flags) < 30 || len(r.Configuration.Flags) != len(flags) {
		t.Errorf("%d flags, of %d names", len(r.Configuration.Flags), len(flags))
	}
	for _, wrong := range []string{"callback.example.com", "ftp://callback.example.com/", "https:///callback", "https://u:p@callback.example.com/", "https://callback.example.com/?a=b", "https://callback.example.com/#a"} {
		runBinary(t, nil, "--app=1", "--app.allow-unsigned", "--webhook.external-url="+wrong).expect(1, "--webhook.external-url: ")
	}
}

// Whatever the page shows of the configuration, it shows no secret.
func TestStatusHasNoSecrets(t *testing.T) {
	secret := writeFile(t, "secret", "hidden-in-a-file")
	file := writeFile(t, "config.yml", fmt.Sprintf(`apps:
  - sdk_app_id: %s
    token_files: [%q]
    relay:
      url: 'http://127.0.0.1:1/index.php?key=hidden-query'
      headers: {X-Key: {value: hidden-header}, X-File: {value_file: %q}}
      basic_auth: {username: exporter, password_file: %q}
    api: {host: '127.0.0.1:1', allow_host: true, secret_key_file: %q}
replica: {redis: {addresses: ['127.0.0.1:1'], password_file: %q}}
`, demoApp, writeFile(t, "token", demoToken), secret, secret, secret, secret))
	i := startApp(t, "--config.file="+file)
	for _, path := range []string{"/", "/?app=" + demoApp, "/?lang=zh", "/api/v1/status", "/api/v1/status?app=" + demoApp} {
		body := i.get(path).body
		for _, bad := range []string{"hidden-", demoToken} {
			if strings.Contains(body, bad) {
				t.Errorf("%s shows %s", path, bad)
			}
		}
	}
	if body := i.get("/?app=" + demoApp).body; !strings.Contains(body, "http://127.0.0.1:1/index.php?&lt;secret&gt;") || !strings.Contains(body, "max_age: 24h0m0s") {
		t.Errorf("the settings are not there: %s", body)
	}
	if body := i.get("/").body; !strings.Contains(body, "key_prefix: tuilivekit") {
		t.Errorf("the settings of all are not there: %s", body)
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
	example = regexp.MustCompile(`(?s)("flags"): \[.*?\n    \]`).ReplaceAllString(example, `$1: [
      {
        "name": "config.file",
        "value": "tuilivekit-exporter.yaml",
        "changed": true
      }
    ]`)

	var b strings.Builder
	b.WriteString(`# Status

This page is made from the code: ` + "`make docs`" + ` writes it again.

The web listener answers ` + "`/`" + ` with a page for people. It needs no script and nothing from
another host, follows the browser's light or dark setting, and loads itself again every ten
seconds (` + "`/?refresh=off`" + ` does not). It is in Chinese if the browser prefers Chinese;
` + "`/?lang=zh`" + ` and ` + "`/?lang=en`" + ` choose the language.

![The status page of four applications](status-light.png)

The same page [in a dark browser](status-dark.png), [on a phone](status-phone.png) and [in Chinese](status-zh.png).

- **Applications**, the highest usage first. The bar shows rooms against the limit in the newest threshold event, with
  marks at 70, 80, 90 and 100 %: notice, near limit, critical, exhausted, as in the alerts.
- **fresh**: that event is at most an hour old, or ` + "`--state.stale-after`" + ` if that is less.
  **stale**: it is older, and the bar is paler. Tencent sends nothing when rooms close, so there
  may be far fewer by now. **never**: no threshold event has come, which below 70 % is normal.
- The estimate moves with the callbacks of rooms created and destroyed since that event. Known rooms are counted one by
  one, from these callbacks and from recounts ([numbers.md](numbers.md)).
- **Relays**: the queue of each [backend](relay.md), its lanes, what was set aside, the circuit and the last failure.
  The state is green only if no callback has been queued for more than a minute.
- **Recounts**: when the rooms were last [recounted](reconcile.md), what that has opened and closed, and the last failure.
- **Replicas**: the engine through which records are exchanged, and the [replicas](replicas.md) seen there.
- **Refused requests** by reason, with what to check. The only text of a request that is
  shown is its SDKAppID, which was not checked.
- **Set up at Tencent**: the callback URL to enter in the console, the callbacks to switch on, and the command of
  [doctor](doctor.md). The page knows the URL from ` + "`--webhook.external-url`" + `. Without this flag it is a guess, and the
  page says so.
- **Configuration**: the flags, and the settings in use with their defaults. Tokens, keys, passwords, values of header
  fields and queries of URLs are left out.

The name of an application leads to a page of its own (` + "`/?app=1400000001`" + `). It also has the last 20 threshold events
since the start, with what became of each, and which callbacks have arrived. A page lists at most 200 applications,
20 backends and 20 recounts; a filter finds the others.

The page has no secrets, but it has names of files and applications: keep the web listener
inside, or give it a password with ` + "`--web.config.file`" + `.

## /api/v1/status

The same as JSON, in English. Fields keep their names and meanings; new ones may be added. Times are RFC 3339
in UTC, durations are seconds, what is not known is null. ` + "`/api/v1/status?app=1400000001`" + ` has only this application,
and its recent events; an SDKAppID that is not in the configuration is answered 404.

`)
	documentReport(t, &b)
	b.WriteString("\n[status.example.json](status.example.json) is an example, after the documented sample and two refused requests.\n")
	checkFile(t, "docs/status.md", b.String())
	checkFile(t, "docs/status.example.json", example)
}

// documentReport writes the fields of the structs of the report with their comments.
func documentReport(t *testing.T, b *strings.Builder) {
	b.WriteString("| field | what |\n|---|---|\n")
	types := map[string]*ast.StructType{}
	for _, name := range []string{"report.go", "report_app.go", "report_relay.go", "report_recount.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), "../../internal/web/"+name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				types[spec.Name.Name], _ = spec.Type.(*ast.StructType)
			}
			return true
		})
	}
	for _, s := range []struct{ name, prefix string }{
		{"Report", ""}, {"BuildStatus", "build."}, {"CallbackURLStatus", "callback_url."}, {"ConfigStatus", "configuration."}, {"FlagStatus", "configuration.flags[]."},
		{"StorageStatus", "storage."}, {"ReplicaStatus", "replica."}, {"PeerStatus", "replica.peers[]."},
		{"AppStatus", "applications[]."}, {"RelayStatus", "applications[].relay."}, {"RecountStatus", "applications[].reconcile."},
		{"EventStatus", "applications[].recent_events[]."}, {"CallbackStatus", "applications[].callbacks[]."}, {"RefusalStatus", "refusals[]."},
	} {
		for _, f := range types[s.name].Fields.List {
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
