package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Change is a new state of an alert in one program.
type Change struct {
	At    time.Time
	Where string // Prometheus, Alertmanager, or the name that Add got
	Alert string
	App   string // SDKAppID; empty if the alert has none
	State string // pending, firing, active, suppressed, resolved
	Text  string // the summary
}

func (c Change) key() string { return c.Where + "/" + c.Alert + "/" + c.App }

// Watch collects the changes of alerts. All methods may be called from several goroutines.
type Watch struct {
	each func(Change)

	mu      sync.Mutex
	state   map[string]string
	changes []Change
	woken   chan struct{} // closed at the next change
}

// NewWatch returns a Watch that calls each for every change.
func NewWatch(each func(Change)) *Watch {
	return &Watch{each: each, state: map[string]string{}, woken: make(chan struct{})}
}

// Run polls Prometheus and Alertmanager of s until ctx ends.
func (w *Watch) Run(ctx context.Context, s *Stack) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		w.lookAtPrometheus(ctx, s.Prometheus)
		w.lookAtAlertmanager(ctx, s.Alertmanager)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Add adds a change, unless the alert is in this state already.
func (w *Watch) Add(c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.state[c.key()]
	if old == c.State || old == "" && c.State == "resolved" {
		return
	}
	w.state[c.key()] = c.State
	c.At = time.Now()
	w.changes = append(w.changes, c)
	close(w.woken)
	w.woken = make(chan struct{})
	w.each(c)
}

// Wait waits until an alert has a state in a program. The error has the state that it has instead.
func (w *Watch) Wait(ctx context.Context, where, alert, app, state string) error {
	key := Change{Where: where, Alert: alert, App: app}.key()
	for {
		w.mu.Lock()
		got, woken := w.state[key], w.woken
		w.mu.Unlock()
		if got == state {
			return nil
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return fmt.Errorf("%s of %s is %q at %s, want %q: %w", alert, app, got, where, state, ctx.Err())
		}
	}
}

// State returns the last state of an alert.
func (w *Watch) State(where, alert, app string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state[Change{Where: where, Alert: alert, App: app}.key()]
}

// Changes returns all changes so far.
func (w *Watch) Changes() []Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Change(nil), w.changes...)
}

type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func (a alert) change(where, state string) Change {
	return Change{Where: where, Alert: a.Labels["alertname"], App: a.Labels["sdk_app_id"], State: state, Text: a.Annotations["summary"]}
}

func (w *Watch) lookAtPrometheus(ctx context.Context, url string) {
	var answer struct {
		Data struct {
			Alerts []struct {
				alert
				State string `json:"state"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if get(ctx, url+"/api/v1/alerts", &answer) != nil {
		return
	}
	var now []Change
	for _, a := range answer.Data.Alerts {
		now = append(now, a.change("Prometheus", a.State))
	}
	w.update("Prometheus", now)
}

func (w *Watch) lookAtAlertmanager(ctx context.Context, url string) {
	var answer []struct {
		alert
		Status struct {
			State string `json:"state"`
		} `json:"status"`
	}
	if get(ctx, url+"/api/v2/alerts", &answer) != nil {
		return
	}
	var now []Change
	for _, a := range answer {
		if a.Status.State != "unprocessed" {
			now = append(now, a.change("Alertmanager", a.Status.State))
		}
	}
	w.update("Alertmanager", now)
}

// update adds the alerts of now, and adds as resolved those that are gone.
func (w *Watch) update(where string, now []Change) {
	there := map[string]bool{}
	for _, c := range now {
		there[c.key()] = true
		w.Add(c)
	}
	for _, c := range w.Changes() {
		if c.Where == where && !there[c.key()] {
			c.State = "resolved"
			w.Add(c)
		}
	}
}

func get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}
