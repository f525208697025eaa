package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/relay"
)

// relayBackend makes a backend of the relay a handler.Backend. Configured is set when the
// configuration of the backend is put into use.
type relayBackend struct{ relay.Configured }

// Decide implements handler.Backend.
func (b *relayBackend) Decide(ctx context.Context, r *http.Request, body []byte) (handler.Answer, error) {
	a, err := b.Configured.Decide(ctx, r, body)
	return handler.Answer(a), translate(err)
}

// Pack implements handler.Backend.
func (b *relayBackend) Pack(r *http.Request, body []byte) (handler.Packed, error) {
	p, err := b.Configured.Pack(r, body)
	return handler.Packed(p), translate(err)
}

func translate(err error) error {
	if errors.Is(err, relay.ErrLoop) {
		return handler.ErrLoop
	}
	return err
}

// checkRelay returns the error with which a start would refuse the backends of cfg. It does not
// find a backend that is the exporter itself: the address of the webhook listener is not known.
func checkRelay(cfg *config.Config) error {
	log := logrus.New()
	log.SetOutput(io.Discard)
	r, err := relay.New(relay.Options{Queues: queue.New(), Log: log})
	if err != nil {
		return err
	}
	_, err = prepareRelay(r, cfg, handlerApps(cfg))
	return err
}

// prepareRelay checks the backends of cfg, and returns the function that makes them the backends of
// r and of apps. It fails if the address of a backend must not be dialed.
func prepareRelay(r *relay.Relay, cfg *config.Config, apps []handler.App) (apply func(), err error) {
	var list []relay.Settings
	backends := map[string]*relayBackend{}
	for i, app := range cfg.Apps {
		if s := app.Relay; s != nil {
			list = append(list, relaySettings(app, apps[i].Tokens))
			backends[apps[i].ID] = new(relayBackend)
			apps[i].Backend = backends[apps[i].ID]
		}
	}
	applyList, err := r.Prepare(list)
	var check *relay.CheckError
	if errors.As(err, &check) {
		return nil, cfg.WrongRelay(check.AppID, "url", check.Unwrap())
	}
	if err != nil {
		return nil, err
	}
	return func() {
		applyList()
		for id, b := range backends {
			b.Configured = r.Backend(id).Configured()
		}
	}, nil
}

func relaySettings(app config.App, tokens []string) relay.Settings {
	s := app.Relay
	header := make(http.Header, len(s.Fields))
	for name, value := range s.Fields {
		header[name] = []string{value.Reveal()}
	}
	return relay.Settings{
		AppID: string(app.SDKAppID), URL: s.Target, Header: header,
		Timeout: s.Timeout, IdleTimeout: s.IdleTimeout, OnFailure: s.OnFailure,
		MaxConcurrent: s.MaxConcurrent, TLS: s.TLS, ProxyFromEnvironment: *s.ProxyFromEnvironment,
		MaxAge: s.MaxAge, MaxQueueRequests: s.MaxQueueRequests, MaxQueueBytes: s.MaxQueueBytes,
		Tokens: tokens, KeepSignature: *s.KeepSignature,
	}
}

// refuseSelf fails if a backend has the address of listener, the webhook listener.
func (a *app) refuseSelf(listener net.Listener) error {
	tcp, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	a.webhookAddr.Store(tcp)
	if err := a.relay.SetSelf(tcp.AddrPort()); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}
