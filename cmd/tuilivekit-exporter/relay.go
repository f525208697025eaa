package main

import (
	"context"
	"fmt"
	"net"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/relay"
)

// configureRelay gives each application its backend, if it has one. It fails, and
// changes nothing, when one is at an address that is never dialed.
func (a *app) configureRelay(cfg *config.Config, apps []handler.App) error {
	var list []relay.Settings
	for i, app := range cfg.Apps {
		if r := app.Relay; r != nil {
			list = append(list, relay.Settings{
				AppID: string(app.SDKAppID), URL: r.Target, Timeout: r.Timeout, OnFailure: r.OnFailure,
				MaxConcurrent: r.MaxConcurrent, TLS: r.TLS, ProxyFromEnvironment: *r.ProxyFromEnvironment,
				MaxAge: r.MaxAge, MaxQueueRequests: r.MaxQueueRequests, MaxQueueBytes: r.MaxQueueBytes,
				Tokens: apps[i].Tokens, KeepSignature: *r.KeepSignature,
			})
		}
	}
	if err := a.relay.Configure(list); err != nil {
		return err
	}
	for i := range apps {
		if b := a.relay.Backend(apps[i].ID); b != nil {
			apps[i].Backend = b.Configured()
		}
	}
	return nil
}

// startRelay lets the backends get what waits for them. The returned function gives what
// is left a moment, until ctx ends, and returns when nothing is passed on any more.
func (a *app) startRelay() (stop func(ctx context.Context)) {
	running, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.relay.Run(running)
	}()
	return func(ctx context.Context) {
		a.relay.Drain(ctx)
		cancel()
		<-done
	}
}

// refuseSelf fails when a backend is at listener, where callbacks come in.
func (a *app) refuseSelf(listener net.Listener) error {
	tcp, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	if err := a.relay.SetSelf(tcp.AddrPort()); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}
