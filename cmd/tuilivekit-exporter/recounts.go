package main

import (
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/reconcile"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// recountedApps returns the applications of cfg whose rooms are recounted.
func recountedApps(cfg *config.Config) []reconcile.App {
	var apps []reconcile.App
	for _, app := range cfg.Apps {
		if app.Reconcile != nil {
			apps = append(apps, reconcile.App{
				ID: string(app.SDKAppID), API: newAPIClient(app), Interval: app.Reconcile.Interval, Rate: app.Reconcile.Rate,
			})
		}
	}
	return apps
}

// hearing is a store that also tells the recounts the RoomIds of callbacks.
type hearing struct {
	handler.Store
	recounts *reconcile.Reconciler
}

// Record implements handler.Recorder.
func (h hearing) Record(e handler.Event, q handler.Request, deadline time.Time) (handler.Outcome, error) {
	h.recounts.Heard(e.AppID, e.RoomID)
	return h.Store.Record(e, q, deadline)
}

// recountStatus returns the status of the recounts of an application, nil without recounts.
func (a *app) recountStatus(appID string) *web.RecountStatus {
	h, ok := a.recounts.Health(appID)
	if !ok {
		return nil
	}
	status := &web.RecountStatus{
		IntervalSeconds: h.Interval.Seconds(), Recounts: h.Recounts, Failures: h.Failures, Calls: h.Calls,
		Opened: h.Opened, Closed: h.Closed, Listed: h.Listed, LastFailure: h.LastError, Advice: h.Advice,
		Stopped: h.Stopped, Standby: h.Elsewhere,
	}
	if !h.LastSuccess.IsZero() {
		status.LastSuccess = &h.LastSuccess
	}
	if !h.LastFailure.IsZero() {
		status.LastFailureTime = &h.LastFailure
	}
	return status
}
