package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fixture returns a body of testdata/callbacks.
func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", "callbacks", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// acknowledged fails the test unless a is exactly what Tencent wants to hear.
func acknowledged(t *testing.T, a answer) {
	t.Helper()
	if a.status != http.StatusOK || a.body != `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}` {
		t.Errorf("answer: got %d %s", a.status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: got %q", got)
	}
	if got := a.header.Get("Content-Length"); got != strconv.Itoa(len(a.body)) {
		t.Errorf("Content-Length: got %q", got)
	}
}

// series returns the name of a series of demoApp with more labels, written name="value".
func series(name string, labels ...string) string {
	labels = append(labels, `sdk_app_id="`+demoApp+`"`)
	slices.Sort(labels)
	return "tuilivekit_" + name + "{" + strings.Join(labels, ",") + "}"
}

func callbacksOf(command string) string {
	return series("webhook_callbacks_total", `command="`+command+`"`)
}

func oddityOf(kind string) string { return series("webhook_oddities_total", `kind="`+kind+`"`) }

func discardsFor(reason string) string {
	return series("webhook_events_discarded_total", `reason="`+reason+`"`)
}

func TestEveryDocumentedCallbackIsAcknowledged(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "callbacks", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	variants, err := filepath.Glob(filepath.Join("..", "..", "testdata", "callbacks", "variants", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 21 || len(variants) < 5 {
		t.Fatalf("%d fixtures and %d variants are there", len(files), len(variants))
	}
	for _, file := range append(files, variants...) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := strings.SplitN(name, ".", 3)
			command := part[0] + "." + part[1]
			i := startApp(t)
			acknowledged(t, i.post(i.signed(command), string(body)))
			got := i.scrape()
			expect(t, got, map[string]float64{callbacksOf(command): 1, callbacksOf("other"): 0, oddityOf("command_mismatch"): 0, oddityOf("clamped"): 0})
			for name, value := range got {
				if strings.HasPrefix(name, "tuilivekit_webhook_rejections_total") && value != 0 {
					t.Errorf("%s %v", name, value)
				}
			}
		})
	}
}

func TestDocumentedSampleBecomesMetrics(t *testing.T) {
	i := startApp(t)
	expect(t, i.scrape(), map[string]float64{series("threshold_events_total"): 0, `tuilivekit_app_info{name="demo",sdk_app_id="` + demoApp + `"}`: 1})
	if _, ok := i.scrape()[series("current_rooms")]; ok {
		t.Error("there is a gauge before the first event")
	}
	before := float64(time.Now().UnixMilli()) / 1000
	acknowledged(t, i.post(i.signed(thresholdCommand), fixture(t, thresholdCommand)))
	got := i.scrape()
	expect(t, got, map[string]float64{
		series("current_rooms"):                             400,
		series("max_rooms"):                                 500,
		series("threshold_events_total"):                    1,
		series("last_event_timestamp_seconds"):              1739966441.121,
		oddityOf("count_type"):                              0,
		"tuilivekit_webhook_request_duration_seconds_count": 1,
		"tuilivekit_webhook_event_delay_seconds_count":      1,
		"tuilivekit_exporter_config_last_reload_successful": 1,
		discardsFor("duplicate"):                            0,
	})
	if at := got[series("last_event_received_timestamp_seconds")]; at < before || at > before+patience.Seconds() {
		t.Errorf("received at %f, sent at %f", at, before)
	}
}

func TestCountsTypedAsTheFieldTableHasThem(t *testing.T) {
	i := startApp(t)
	acknowledged(t, i.post(i.signed(thresholdCommand), fixture(t, "variants/"+thresholdCommand+".typed-as-documented")))
	expect(t, i.scrape(), map[string]float64{
		series("current_rooms"):                400,
		series("max_rooms"):                    500,
		series("threshold_events_total"):       1,
		series("last_event_timestamp_seconds"): 1739966441.121,
		oddityOf("count_type"):                 1,
	})
}

func TestQuerySpellings(t *testing.T) {
	i := startApp(t)
	good := i.signed(thresholdCommand)
	for _, tc := range []struct{ name, from, to string }{
		{"SdkAppId", "SdkAppid", "SdkAppId"},
		{"SDKAppID", "SdkAppid", "SDKAppID"},
		{"lower case", "SdkAppid", "sdkappid"},
		{"a name with an escape", "SdkAppid", "SdkApp%69d"},
		{"a value with an escape", "=1400000001", "=%31400000001"},
		{"WebhookCommand", "CallbackCommand", "WebhookCommand"},
		{"no command", "CallbackCommand=" + thresholdCommand + "&", ""},
		{"signature in lower case", "&Sign", "&sign"},
		{"time in lower case", "&RequestTime", "&requesttime"},
		{"contenttype in upper case", "contenttype=json", "contenttype=JSON"},
		{"no client", "&ClientIP=" + marker + "&OptPlatform=RESTAPI", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			target := strings.Replace(good, tc.from, tc.to, 1)
			if target == good {
				t.Fatal("nothing is replaced")
			}
			acknowledged(t, i.post(target, harmless))
		})
	}
	expect(t, i.scrape(), map[string]float64{callbacksOf("other"): 11})
}

func TestCommandOfTheBodyCounts(t *testing.T) {
	i := startApp(t)
	acknowledged(t, i.post(i.signed("Live.CallbackAfterCreateRoom"), knownEvent))
	expect(t, i.scrape(), map[string]float64{
		callbacksOf(thresholdCommand):               1,
		callbacksOf("Live.CallbackAfterCreateRoom"): 0,
		series("current_rooms"):                     400,
		oddityOf("command_mismatch"):                1,
	})
}

func TestBothTokensOfARotationAreLive(t *testing.T) {
	i := startApp(t, "--app="+demoApp, "--app.token-file="+writeFile(t, "token", "old-token\n"), "--app.token-file="+writeFile(t, "next", "next-token\n"))
	used := func(slot string) (float64, bool) {
		at, ok := i.scrape()[series("webhook_token_last_used_timestamp_seconds", `slot="`+slot+`"`)]
		return at, ok
	}
	for slot, token := range []string{"old-token", "next-token"} {
		if at, ok := used(strconv.Itoa(slot)); !ok || at != 0 {
			t.Errorf("slot %d: last used at %g (%v), want 0: never", slot, at, ok)
		}
		acknowledged(t, i.post(signedURL(i.callback, demoApp, token, ""), harmless))
		if at, _ := used(strconv.Itoa(slot)); at < float64(time.Now().Add(-patience).Unix()) {
			t.Errorf("slot %d was last used at %f", slot, at)
		}
	}
	if a := i.post(signedURL(i.callback, demoApp, "third-token", ""), harmless); a.status != http.StatusUnauthorized {
		t.Errorf("another token: got %d", a.status)
	}
}

func TestUnsignedCallbacksAreTakenOnlyWhereAllowed(t *testing.T) {
	config := fmt.Sprintf("apps:\n  - {sdk_app_id: %s, allow_unsigned: true}\n  - {sdk_app_id: %s, token_files: [%q], allow_unsigned: true}\n  - {sdk_app_id: 3, token_files: [%q]}\n",
		demoApp, otherApp, writeFile(t, "token", otherToken), writeFile(t, "token", demoToken))
	i := startApp(t, "--config.file="+writeFile(t, "config.yml", config))
	for _, tc := range []struct {
		name, url string
		want      int
	}{
		{"unsigned, no token", "?SdkAppid=" + demoApp, 200},
		{"signed, no token to check it with", "?" + signedQuery(demoApp, "any", "", time.Now().Unix()), 200},
		{"unsigned, with a token", "?SdkAppid=" + otherApp, 200},
		{"signed, with its token", "?" + signedQuery(otherApp, otherToken, "", time.Now().Unix()), 200},
		{"signed, with another token", "?" + signedQuery(otherApp, "any", "", time.Now().Unix()), 401},
		{"unsigned, not allowed", "?SdkAppid=3", 401},
		{"unsigned, unknown", "?SdkAppid=4", 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := i.post(i.callback+tc.url, harmless); a.status != tc.want {
				t.Errorf("got %d, want %d", a.status, tc.want)
			}
		})
	}
	if log := i.log.String(); strings.Count(log, "allow_unsigned is set") != 2 {
		t.Errorf("the log does not warn once for each application:\n%s", log)
	}
}

func TestCommandThatAsksForADecisionIsWarnedAboutOnce(t *testing.T) {
	i := startApp(t)
	const gift = "Live.CallbackBeforeSendGift"
	for range 3 {
		acknowledged(t, i.post(i.signed(gift), fixture(t, gift)))
	}
	expect(t, i.scrape(), map[string]float64{callbacksOf(gift): 3})
	if n := strings.Count(i.log.String(), "asks for a decision"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}

// Tencent keeps its connections.
func TestConnectionOutlivesARefusal(t *testing.T) {
	i := startApp(t)
	conn := dial(t, i.addr)
	for n, row := range []badRow{{status: 200}, {body: "[]", status: 400}, {query: appText("1"), status: 403}, {method: "GET", status: 405}, {path: "/", status: 404}, {body: harmless, status: 200}} {
		if got := exchange(t, conn, row.request(time.Now().Unix())); got.status != row.status {
			t.Errorf("request %d: got %d, want %d", n, got.status, row.status)
		}
	}
	expect(t, i.scrape(), map[string]float64{series("current_rooms"): 444, "tuilivekit_webhook_requests_in_flight": 0})
}
