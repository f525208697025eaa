package web

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

func TestPageWithoutARelay(t *testing.T) {
	if _, body := getPage(withRelays(t, nil), "/"); strings.Contains(body, `id="relays"`) || strings.Contains(body, "<dt>Relay") {
		t.Error("the page has a relay")
	}
}

func TestStateOfARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			name  string
			relay RelayStatus
			card  string
			row   []string
		}{
			{"nothing queued", RelayStatus{Backend: "https://one", Delivered: 1234, Decisions: 5, DecisionFailures: 2}, "Delivering",
				[]string{"<bdi>https://one</bdi>", `<span class="pill good">Delivering</span>`, ">empty<", ">closed<", ">1\u202f234<", `>3 <span class="muted">of</span> 5<`, ">none<"}},
			{"queued for a minute", RelayStatus{QueueRequests: 1, QueueLanes: 1, QueueBytes: 2048, QueueOldest: ago(time.Minute), Dropped: 7}, "Delivering",
				[]string{"1 callback, 2.0\u202fKiB", "oldest: 1 minute ago", ">7<", `<span class="pill good">`}},
			{"queued for over a minute", RelayStatus{QueueRequests: 1, QueueOldest: ago(61 * time.Second)}, "Callbacks delayed",
				[]string{`<span class="pill warn">Callbacks delayed</span>`}},
			{"one callback set aside", RelayStatus{QueueRequests: 3, QueueLanes: 2, InDelivery: 1, SetAside: 1}, "Callbacks set aside",
				[]string{`<span class="pill warn">`, ">3 callbacks, ", ">2 <", "(1 in delivery)", ">1<"}},
			{"dropped five minutes ago", RelayStatus{SetAside: 1, LastDropTime: ago(5 * time.Minute)}, "Callbacks set aside", nil},
			{"dropped less than five minutes ago", RelayStatus{SetAside: 1, LastDropTime: ago(5*time.Minute - time.Second)}, "Callbacks dropped",
				[]string{`<span class="pill bad">Callbacks dropped</span>`}},
			{"circuit of deliveries open", RelayStatus{DeliveryCircuitOpen: true}, "1 backend failing",
				[]string{"open: one delivery at a time is tried"}},
			{"circuit of decisions open", RelayStatus{CircuitOpen: true, LastFailureTime: ago(5 * time.Second), LastFailure: "connection refused"}, "1 backend failing",
				[]string{`<span class="pill bad">Backend failing</span>`, "open: no decisions are asked for<", "5 seconds ago</time>", "<bdi>connection refused</bdi>"}},
		} {
			_, body := getPage(withRelays(t, &tt.relay), "/")
			if !strings.Contains(body, "<dd>"+tt.card+"</dd>") {
				t.Errorf("%s: the card does not say %q", tt.name, tt.card)
			}
			_, row, _ := strings.Cut(body, `data-relay="1"`)
			row, _, _ = strings.Cut(row, "</tr>")
			for _, part := range tt.row {
				if !strings.Contains(row, part) {
					t.Errorf("%s: the row has no %q:\n%s", tt.name, part, row)
				}
			}
		}
	})
}

func TestCardOfRelaysAddsThemUp(t *testing.T) {
	_, body := getPage(withRelays(t, &RelayStatus{}, &RelayStatus{QueueRequests: 1}, nil), "/")
	if !strings.Contains(body, "To 2 backends, 1 callback queued") {
		t.Error("the sums are wrong")
	}
}

func TestTheWorstRelayComesFirst(t *testing.T) {
	_, body := getPage(withRelays(t, &RelayStatus{}, &RelayStatus{CircuitOpen: true}), "/")
	if strings.Index(body, `data-relay="2"`) > strings.Index(body, `data-relay="1"`) {
		t.Error("the failing backend is not the first")
	}
}

func TestARelayWithoutFailuresHasNoAges(t *testing.T) {
	if r := withRelays(t, &RelayStatus{}).Report().Applications[0].Relay; r.QueueOldestAgeSeconds != nil || r.LastFailureAgeSeconds != nil {
		t.Errorf("got %+v", r)
	}
}

func TestPageShowsRecounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := handler.New(handler.Options{Apps: []handler.App{{ID: "1", AllowUnsigned: true}}})
		if err != nil {
			t.Fatal(err)
		}
		var recount *RecountStatus
		s := NewStatus(StatusOptions{Webhook: c.Report, Recount: func(string) *RecountStatus { return recount }})
		if _, body := getPage(s, "/"); strings.Contains(body, `id="recounts"`) {
			t.Error("the page has recounts, and none are configured")
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
			t.Errorf("no success for three intervals: got %s", got)
		}
	})
}

// ago returns the time before the current time by d.
func ago(d time.Duration) *time.Time {
	then := time.Now().Add(-d)
	return &then
}

// withRelays returns the Status of one application for each of relays, with the SDKAppIDs 1, 2, …
// An application has no relay if its entry is nil.
func withRelays(t *testing.T, relays ...*RelayStatus) *Status {
	t.Helper()
	byID := map[string]*RelayStatus{}
	var apps []handler.App
	for i, relay := range relays {
		id := strconv.Itoa(i + 1)
		apps, byID[id] = append(apps, handler.App{ID: id, AllowUnsigned: true}), relay
	}
	c, err := handler.New(handler.Options{Apps: apps})
	if err != nil {
		t.Fatal(err)
	}
	return NewStatus(StatusOptions{Webhook: c.Report, Relay: func(id string) *RelayStatus { return byID[id] }})
}
