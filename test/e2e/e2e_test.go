// Package e2e_test runs the real programs and follows alerts from callbacks through the exporter, Prometheus
// and Alertmanager to a receiver, until they are resolved.
package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

const (
	// With this speed an hour of the rules takes 15 seconds.
	speed = 240
	busy  = "1400000001" // rises to 84 %, then no room is created
	full  = "1400000002" // reaches its limit, then no room can be created
)

func TestAlertFromCallbackToReceiver(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 110*time.Second)
	defer cancel()
	start := time.Now()
	log := func(c stack.Change) {
		t.Logf("%6.1fs  %-12s  %-10s  %s %s  %s", time.Since(start).Seconds(), c.Where, c.State, c.Alert, c.App, c.Text)
	}
	watch := stack.NewWatch(log)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { receive(t, watch, r) }))
	defer receiver.Close()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(ctx, stack.Options{
		Root: root, Dir: t.TempDir(), Token: "e2e", Speed: speed, Receiver: receiver.URL,
		Apps: map[string]string{busy: "busy", full: "full"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	checkDoctor(ctx, t, s)
	ready := time.Now()
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { watch.Run(watching, s); close(watched) }()
	defer func() { stopWatching(); <-watched }()

	const near, critical, exhausted, stale = "TUILiveKitRoomsNearLimit", "TUILiveKitRoomsCritical", "TUILiveKitRoomsExhausted", "TUILiveKitRoomsStale"
	wait := func(where, alert, app, state string) {
		t.Helper()
		if err := watch.Wait(ctx, where, alert, app, state); err != nil {
			t.Fatal(err)
		}
	}
	send := func(app string, args ...string) {
		t.Helper()
		t.Logf("%6.1fs  %-12s  %v to %s", time.Since(start).Seconds(), "send", args, app)
		if err := s.Send(ctx, app, args...); err != nil {
			t.Fatal(err)
		}
	}

	send(busy, "--ramp=390:420", "--max=500", "--rate=30")
	wait("Prometheus", near, busy, "firing")
	wait("Alertmanager", near, busy, "active")
	wait("receiver", near, busy, "firing")

	send(full, "--ramp=480:500", "--max=500")
	wait("receiver", exhausted, full, "firing")
	wait("Alertmanager", critical, full, "suppressed") // inhibited by exhausted

	// After an hour without events near-limit resolves and stale fires. The alert of an application
	// at its limit goes on.
	wait("receiver", near, busy, "resolved")
	wait("receiver", stale, busy, "firing")
	wait("Prometheus", critical, full, "resolved")
	if got := watch.State("Prometheus", exhausted, full); got != "firing" {
		t.Errorf("an application at its limit that sends nothing for an hour is %q, want firing", got)
	}
	// A room was closed. The event of the next room that is created has the lower count.
	send(full, "--current=380", "--max=500")
	wait("Prometheus", exhausted, full, "resolved")
	wait("receiver", exhausted, full, "resolved")

	for _, c := range watch.Changes() {
		if c.App == "" && c.State != "resolved" && c.At.After(ready) {
			t.Errorf("an alert about the exporter: %+v", c)
		}
		if c.Alert == critical && c.App == busy {
			t.Errorf("critical fires at 84 %%: %+v", c)
		}
	}
}

// checkDoctor runs doctor with the real Prometheus and Alertmanager. Its checks must pass.
func checkDoctor(ctx context.Context, t *testing.T, s *stack.Stack) {
	t.Helper()
	config := filepath.Join(s.Dir, "doctor.yaml")
	if err := os.WriteFile(config, []byte("apps: [{sdk_app_id: "+busy+", token_files: [token]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.Run(ctx, "doctor", "--json", "--config.file="+config, "--exporter.url="+s.Web, "--prometheus.url="+s.Prometheus, "--alertmanager.url="+s.Alertmanager)
	var page struct {
		Checks []struct{ ID, Status, Detail string }
	}
	if e := json.Unmarshal(out, &page); err != nil || e != nil {
		t.Fatalf("doctor: %v, %v\n%s", err, e, out)
	}
	found := map[string]string{}
	for _, c := range page.Checks {
		found[c.ID] = c.Status
	}
	for _, id := range []string{"exporter", "storage", "prometheus", "prometheus_rules", "prometheus_alertmanagers", "alert_route"} {
		if found[id] != "pass" {
			t.Errorf("doctor: %s is %q\n%s", id, found[id], out)
		}
	}
}

// receive adds the alerts of a notification of Alertmanager to watch.
func receive(t *testing.T, watch *stack.Watch, r *http.Request) {
	var message struct {
		Alerts []struct {
			Status      string            `json:"status"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		t.Errorf("the notification of Alertmanager: %v", err)
	}
	for _, a := range message.Alerts {
		watch.Add(stack.Change{
			Where: "receiver", Alert: a.Labels["alertname"], App: a.Labels["sdk_app_id"],
			State: a.Status, Text: a.Annotations["description"],
		})
	}
}
