package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

// checkAlerts returns an error for each alert that the day should have had and did not.
func checkAlerts(changes []stack.Change) error {
	seen := map[string]bool{}
	for _, c := range changes {
		if c.Where == "Prometheus" {
			seen[c.Alert+" of "+c.App+" "+c.State] = true
		}
	}
	var errs []error
	for _, want := range []string{
		"TUILiveKitRoomsNearLimit of " + production + " firing", "TUILiveKitRoomsNearLimit of " + production + " resolved",
		"TUILiveKitRoomsExhausted of " + production + " firing", "TUILiveKitRoomsExhausted of " + production + " resolved",
		"TUILiveKitRoomsNearLimit of " + events + " firing", "TUILiveKitRoomsStale of " + events + " firing",
	} {
		if !seen[want] {
			errs = append(errs, fmt.Errorf("the day had no %s", want))
		}
	}
	if key := "TUILiveKitRecountFailing of " + production + " firing"; seen[key] {
		errs = append(errs, fmt.Errorf("the day had %s", key))
	}
	return errors.Join(errs...)
}

// checkRooms waits, at most the time of three recounts, until every exporter knows exactly the open rooms. Its
// error says what is missing.
func checkRooms(ctx context.Context, s *stack.Stack, apps []*application) error {
	queries := map[string]string{
		"a recount closed the rooms whose callbacks were lost": fmt.Sprintf(
			`sum(max_over_time(tuilivekit_reconcile_rooms_closed_total{sdk_app_id=%q}[1h])) >= %d`, production, lost),
	}
	for _, a := range apps {
		if a.recounted {
			queries["the exporters know all rooms of "+a.name] = fmt.Sprintf(
				`count(tuilivekit_known_rooms{sdk_app_id=%q} == %d) == %d`, a.id, len(a.rooms), len(s.Webs))
		}
	}
	if len(s.Webs) > 1 {
		queries["each replica got a part of the callbacks"] = fmt.Sprintf(
			`count(sum by (instance) (tuilivekit_webhook_callbacks_total) > 0) == %d`, len(s.Webs))
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		var missing []error
		for what, query := range queries {
			if ok, err := holds(ctx, s, query); !ok {
				missing = append(missing, errors.Join(fmt.Errorf("not so: %s: %s", what, query), err))
			}
		}
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(missing...)
		case <-time.After(time.Second):
		}
	}
}

// holds reports whether a query of Prometheus returns anything.
func holds(ctx context.Context, s *stack.Stack, query string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Prometheus+"/api/v1/query?query="+url.QueryEscape(query), nil)
	if err != nil {
		return false, err
	}
	resp, err := (&http.Client{Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	var answer struct{ Data struct{ Result []any } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return false, errors.New("status " + strconv.Itoa(resp.StatusCode))
	}
	return len(answer.Data.Result) > 0, nil
}
