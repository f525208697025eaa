package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// listeners are the bound ports of the exporter.
type listeners struct {
	webhook net.Listener
	web     []net.Listener
	health  net.Listener // nil without --health.listen-address
}

// listen binds all ports. If that fails, none stays bound.
func (c *serveCommand) listen() (listeners, error) {
	webhook, err := net.Listen("tcp", c.webhookAddress)
	if err != nil {
		return listeners{}, fmt.Errorf("--webhook.listen-address: %w", err)
	}
	web, err := listenWeb(c.web)
	if err != nil {
		webhook.Close()
		return listeners{}, err
	}
	l := listeners{webhook: webhook, web: web}
	if c.healthAddress != "" {
		if l.health, err = net.Listen("tcp", c.healthAddress); err != nil {
			l.close()
			return listeners{}, fmt.Errorf("--health.listen-address: %w", err)
		}
	}
	return l, nil
}

func (l listeners) close() {
	l.webhook.Close()
	for _, web := range l.web {
		web.Close()
	}
	if l.health != nil {
		l.health.Close()
	}
}

// run serves callbacks and metrics on l until ctx ends or one of the parts fails. Then it
// answers the requests that it has read, and returns. It closes l.
func (a *app) run(ctx context.Context, l listeners, hup <-chan os.Signal) error {
	if err := a.refuseSelf(l.webhook); err != nil {
		l.close()
		a.close()
		return err
	}
	webhook, webServer := a.webhookServer(), a.webServer()
	serving := servingOf(webhook, webServer)
	ps := &parts{timeout: a.cfg.shutdownTimeout}
	// The parts stop in this order: what a part leaves to do, the parts below it do.
	ps.add(part{
		name: "announcements", // readiness ends first, so that balancers send callbacks to other replicas
		run:  func(cut context.Context) error { return a.announce(ctx, cut, serving, l.webhook.Addr()) },
	})
	ps.add(part{
		name: "webhook listener", // it accepts no more callbacks, and answers those in progress
		run:  func(context.Context) error { return a.serveWebhook(webhook, l.webhook) },
		stop: func(drained context.Context) error { return a.shutdown(webhook, drained) },
	})
	ps.add(part{name: "reloads", run: func(ctx context.Context) error { return a.reloadWhenAsked(ctx, hup) }})
	ps.add(part{name: "certificates", run: a.follow})
	ps.add(part{name: "garbage collection", run: adjustGC})
	ps.add(part{
		name: "relay", // it delivers the queued callbacks that the backends accept in time
		run:  a.relay.Run,
		stop: func(drained context.Context) error { a.relay.Drain(drained); return nil },
	})
	ps.add(part{name: "recounts", run: a.recounts.Run})
	ps.add(part{name: "replicas", run: a.replicas.Run}) // the other replicas get the last changes
	if a.storage != nil {
		ps.add(part{
			name: "storage", // no part records any more: it makes the last commit
			run:  a.storage.Run,
			late: "; nothing that was acknowledged is lost",
		})
	}
	ps.add(part{
		name: "web listener", // last, so that Prometheus can scrape what the other parts have counted
		run:  func(context.Context) error { return a.serveWeb(webServer, l.web) },
		stop: func(context.Context) error { return stopWeb(webServer, ps.deadline) },
	})
	if l.health != nil {
		server := a.healthServer()
		ps.add(part{
			name: "health listener",
			run:  func(context.Context) error { return a.serveHealth(server, l.health) },
			stop: func(context.Context) error { return stopWeb(server, ps.deadline) },
		})
	}
	err := ps.run()
	a.log.Info("stopped")
	return err
}

// servingOf returns a channel that is closed as soon as all servers accept connections.
func servingOf(servers ...*http.Server) <-chan struct{} {
	serving := make(chan struct{})
	var accepting atomic.Int32
	for _, server := range servers {
		once := sync.OnceFunc(func() {
			if int(accepting.Add(1)) == len(servers) {
				close(serving)
			}
		})
		// BaseContext is called once for each listener, when the server begins to accept connections.
		server.BaseContext = func(net.Listener) context.Context { once(); return context.Background() }
	}
	return serving
}

// announce makes the exporter ready when all servers accept connections, and not ready when
// asked ends. It returns after --shutdown.delay, or when cut ends.
func (a *app) announce(asked, cut context.Context, serving <-chan struct{}, webhook net.Addr) error {
	defer a.log.Info("stopping: answering the callbacks in progress")
	defer a.health.SetReady(false)
	both, cancel := context.WithCancel(asked)
	defer context.AfterFunc(cut, cancel)()
	select {
	case <-serving:
		a.health.SetReady(true)
		a.log.WithField("address", webhook.String()).WithField("path", a.cfg.webhookPath).
			WithField("tls", a.cert.used()).Info("accepting callbacks")
		a.notify(daemon.SdNotifyReady)
		a.watch(both)
	case <-both.Done():
	}
	a.health.SetReady(false)
	a.notify(daemon.SdNotifyStopping)
	if a.cfg.shutdownDelay > 0 && cut.Err() == nil {
		a.log.WithField("delay", a.cfg.shutdownDelay.String()).Info("not ready, stopping after the delay")
		select {
		case <-time.After(a.cfg.shutdownDelay):
		case <-cut.Done():
		}
	}
	return nil
}

// reloadWhenAsked reloads at each signal of hup and, with --config.auto-reload, when a file has
// changed.
func (a *app) reloadWhenAsked(ctx context.Context, hup <-chan os.Signal) error {
	var look <-chan time.Time
	if a.cfg.autoReload {
		ticker := time.NewTicker(a.cfg.reloadEvery)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			_ = a.reload() // logged there
		case <-look:
			a.reloadIfChanged()
		}
	}
}

// follow checks the certificate and configuration files of both listeners for changes, every
// certificateInterval, until ctx ends.
func (a *app) follow(ctx context.Context) error {
	tick := time.NewTicker(certificateInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.cert.look()
			a.webConf.look()
		}
	}
}

// shutdown closes the listener of server and waits until the callbacks in progress are answered.
func (a *app) shutdown(server *http.Server, drained context.Context) error {
	err := server.Shutdown(drained)
	if err != nil {
		a.log.WithError(err).Error("callbacks in progress were not answered")
	}
	return err
}

// serveHealth serves on listener, which it closes, until that fails.
func (a *app) serveHealth(server *http.Server, listener net.Listener) error {
	a.log.WithField("address", listener.Addr().String()).Info("serving health checks")
	return fmt.Errorf("health listener: %w", server.Serve(listener))
}

// stopWeb waits for the requests in progress, and closes their connections when deadline ends.
func stopWeb(server *http.Server, deadline context.Context) error {
	server.SetKeepAlivesEnabled(false)
	if err := server.Shutdown(deadline); err != nil {
		return server.Close()
	}
	return nil
}

// serveWeb serves on the listeners, which it closes, until one of them fails.
func (a *app) serveWeb(server *http.Server, on []net.Listener) error {
	failed := make(chan error, len(on))
	var serving sync.WaitGroup
	for _, l := range on {
		a.log.WithField("address", l.Addr().String()).WithField("tls", server.TLSConfig != nil).Info("Listening on")
		serving.Go(func() {
			if server.TLSConfig != nil {
				failed <- server.ServeTLS(l, "", "")
			} else {
				failed <- server.Serve(l)
			}
		})
	}
	err := <-failed
	for _, l := range on {
		l.Close()
	}
	serving.Wait()
	return fmt.Errorf("web listener: %w", err)
}
