package main

import (
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
	for _, app := range cfg.Apps {
		if r := app.Relay; r != nil {
			list = append(list, relay.Settings{
				AppID: string(app.SDKAppID), URL: r.Target, Timeout: r.Timeout, OnFailure: r.OnFailure,
				MaxConcurrent: r.MaxConcurrent, TLS: r.TLS, ProxyFromEnvironment: r.ProxyFromEnvironment,
			})
		}
	}
	if err := a.relay.Configure(list); err != nil {
		return err
	}
	for i := range apps {
		if b := a.relay.Backend(apps[i].ID); b != nil {
			apps[i].Backend = b
		}
	}
	return nil
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
