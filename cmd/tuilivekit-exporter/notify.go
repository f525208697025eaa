package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// watch notifies the watchdog of systemd at half its interval until ctx ends. It reads the state
// each time: if a deadlock holds the state, it stops, and systemd restarts the exporter.
func (a *app) watch(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.WithError(err).Warn("the watchdog of systemd is not used")
	}
	if interval <= 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		a.callback.Snapshot()
		a.notify(daemon.SdNotifyWatchdog)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *app) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		a.log.WithError(err).WithField("state", state).Warn("systemd cannot be notified")
	}
}
