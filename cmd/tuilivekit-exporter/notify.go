package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// startNotifying lets systemd know, if it has started us and wants to: READY when all
// servers serve, WATCHDOG as long as the state can be read, STOPPING when the returned
// function is called, which may be called again.
func (a *app) startNotifying(servers ...*http.Server) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	serving := make(chan struct{}, len(servers))
	for _, server := range servers {
		once := sync.OnceFunc(func() { serving <- struct{}{} })
		// It is called when the server begins to accept, once for each listener.
		server.BaseContext = func(net.Listener) context.Context { once(); return context.Background() }
	}
	var done sync.WaitGroup
	done.Go(func() {
		for range servers {
			select {
			case <-serving:
			case <-ctx.Done():
				return
			}
		}
		a.notify(daemon.SdNotifyReady)
		a.watch(ctx)
	})
	return sync.OnceFunc(func() {
		cancel()
		done.Wait()
		a.notify(daemon.SdNotifyStopping)
	})
}

// watch pats the watchdog at half its interval, until ctx ends. If something holds the
// state for ever it stops to, and systemd starts us again.
func (a *app) watch(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.WithError(err).Warn("the watchdog of systemd is not used")
	}
	if interval <= 0 {
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
