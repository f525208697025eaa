package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi/restapitest"
)

// startRecounting starts an exporter that recounts the rooms of demoApp at once.
func startRecounting(t *testing.T, api *tencentAPI) *configured {
	t.Helper()
	c := &configured{file: writeFile(t, "config.yml", ""), token: writeFile(t, "token", demoToken)}
	c.write(t, fmt.Sprintf("apps: [{sdk_app_id: %s, token_files: [%q], api: %s, reconcile: {interval: 1m, rate: 8}}]", demoApp, c.token, api.yaml))
	c.instance = startApp(t, "--config.file="+c.file, "--web.enable-lifecycle")
	return c
}

func of(metric string) string { return metric + `{sdk_app_id="` + demoApp + `"}` }

func TestRecount(t *testing.T) {
	t.Parallel()
	api := startTencent(t, "https://example.com/callback")
	for n := range 45 {
		api.Open(demoApp, restapitest.Room{ID: fmt.Sprint(n), Created: time.Now().Add(-time.Hour)})
	}
	told := make(chan struct{})
	api.Serve("live_engine_http_srv/get_room_list", 1, func(w http.ResponseWriter, r *http.Request) { <-told; api.ServeHTTP(w, r) })
	c := startRecounting(t, api)
	// The room gone was closed without a callback. The room private is not on the list.
	for _, room := range []string{"gone", "private"} {
		body := fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoom","EventTime":%d,"RoomInfo":{"RoomId":%q}}`, time.Now().Add(-time.Hour).UnixMilli(), room)
		if a := c.post(c.signed("Live.CallbackAfterCreateRoom"), body); a.status != 200 {
			t.Fatalf("got %d %s", a.status, a.body)
		}
	}
	api.Open(demoApp, restapitest.Room{ID: "private", Private: true, Created: time.Now().Add(-time.Hour)})
	close(told)
	c.log.wait(t, `msg="rooms recounted"`)
	expect(t, c.scrape(), map[string]float64{
		of("tuilivekit_known_rooms"):                  46,
		of("tuilivekit_reconcile_recounts_total"):     1,
		of("tuilivekit_reconcile_failures_total"):     0,
		of("tuilivekit_reconcile_rooms_opened_total"): 45,
		of("tuilivekit_reconcile_rooms_closed_total"): 1,
		of("tuilivekit_reconcile_listed_rooms"):       45,
		of("tuilivekit_reconcile_interval_seconds"):   60,
		of("tuilivekit_reconcile_stopped"):            0,
	})
	for _, secret := range []string{demoKey, demoToken, "usersig="} {
		if strings.Contains(c.log.String()+c.get("/metrics").body+c.get("/").body, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// A recount that Tencent refuses says what to do, and a reload tries again.
func TestRecountThatIsRefused(t *testing.T) {
	t.Parallel()
	api := startTencent(t, "https://example.com/callback")
	api.Fail("", -1, 60010)
	c := startRecounting(t, api)
	c.log.wait(t, `msg="recounts stopped until the configuration is reloaded" .*account management`)
	if got := c.scrape()[of("tuilivekit_reconcile_stopped")]; got != 1 {
		t.Errorf("stopped is %v", got)
	}
	api.Heal()
	if a := c.reload(); a.status != 200 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	c.log.wait(t, `msg="rooms recounted"`)
	expect(t, c.scrape(), map[string]float64{of("tuilivekit_reconcile_stopped"): 0, of("tuilivekit_reconcile_failures_total"): 1})
}
