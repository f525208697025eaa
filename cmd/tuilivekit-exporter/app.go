package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/sirupsen/logrus"
	logrusslog "github.com/sirupsen/logrus/hooks/slog"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/collector"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/reconcile"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/relay"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/replica"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// app is the exporter with all its parts, before it listens.
type app struct {
	cfg  *serveCommand
	log  *logrus.Logger
	slog *slog.Logger // log, for libraries

	storage  *storage.Storage // nil if --storage.path is empty
	relay    *relay.Relay
	recounts *reconcile.Reconciler
	replicas *replica.Replicas
	callback *handler.Callback
	health   *web.Health
	webhook  http.Handler
	web      http.Handler
	cert     certificate
	webConf  webConfig

	reloading     sync.Mutex
	configSum     config.Sum  // of the files at the last attempt to load; guarded by reloading
	reloaded      atomic.Bool // whether the last load succeeded
	reloadOKSince prometheus.Gauge
	loads         loads
	current       atomic.Pointer[config.Config] // the configuration in use
	webhookAddr   atomic.Pointer[net.TCPAddr]   // nil until the webhook listener is bound
}

// newApp makes the exporter and restores its state. It opens no port. No goroutine of it is
// left when it returns.
func newApp(cfg *serveCommand, log *logrus.Logger) (*app, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	a := &app{
		cfg: cfg, log: log, slog: slog.New(logrusslog.NewHandler(log, nil)),
		health: &web.Health{}, reloadOKSince: newReloadOKSince(),
	}
	var err error
	if a.cert, err = loadCertificate(cfg.webhookCert, cfg.webhookKey, log); err != nil {
		return nil, err
	}
	if a.webConf, err = loadWebConfig(*cfg.web.WebConfigFile, log); err != nil {
		return nil, err
	}
	reg := exposition.NewRegistry()
	store, queues := state.New(state.Options{FutureTolerance: cfg.futureTolerance}), queue.New()
	if a.relay, err = relay.New(relay.Options{Queues: queues, Log: log, Registerer: reg}); err != nil {
		return nil, err
	}
	if a.recounts, err = reconcile.New(reconcile.Options{Rooms: store, Lease: a.lease, Log: log, Registerer: reg}); err != nil {
		return nil, err
	}
	p, err := a.loadAll(store, queues, reg)
	if err != nil {
		return nil, err
	}
	if err := a.newReplicas(store, reg); err != nil {
		a.close()
		return nil, err
	}
	if a.callback, err = a.newCallback(p.apps, a.recorded(store, queues), reg); err != nil {
		a.close()
		return nil, err
	}
	a.use(p)
	reg.MustRegister(
		newGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("tuilivekit_exporter"),
		collector.New(store, collector.Options{StaleAfter: cfg.staleAfter}),
		a.newReloadOK(), a.reloadOKSince, newLogLinesDropped(log),
	)
	a.webhook = a.callback.Router(cfg.webhookPath)
	a.web = a.newWeb(reg)
	return a, nil
}

// close releases the resources of an app that never runs.
func (a *app) close() {
	if a.storage != nil {
		a.storage.Close()
	}
}

// newCallback makes the handler of the webhook. It records into store, and tells the recounts the
// rooms of callbacks.
func (a *app) newCallback(apps []handler.App, store handler.Store, reg prometheus.Registerer) (*handler.Callback, error) {
	return handler.New(handler.Options{
		Apps: apps, Store: hearing{store, a.recounts}, Registerer: reg, Log: a.log,
		MaxBodyBytes: *a.cfg.maxBodyBytes, SignatureWindow: a.cfg.signatureWindow,
		Limits: a.cfg.limits.resolved(a.log),
	})
}

// recorded is a store, and the recorder of its events.
type recorded struct {
	*state.Store
	handler.Recorder
}

// recorded returns store with its recorder: the storage, or memory if --storage.path is empty.
func (a *app) recorded(store *state.Store, queues *queue.Queues) handler.Store {
	if a.storage == nil {
		return recorded{store, storage.Memory{Store: store, Queues: queues}}
	}
	return recorded{store, a.storage}
}

// loadAll loads the configuration and opens the storage at the same time: with thousands of
// applications both are slow, and callbacks are lost until the exporter is ready.
func (a *app) loadAll(store *state.Store, queues *queue.Queues, reg prometheus.Registerer) (*plan, error) {
	var opening sync.WaitGroup
	var storageErr error
	if a.cfg.storagePath == "" {
		a.log.Warn("--storage.path is empty: counts are kept in memory and lost when the exporter stops")
	} else {
		opening.Go(func() {
			a.storage, storageErr = storage.Open(storage.Options{
				Path: a.cfg.storagePath, Store: store, Queues: queues, Timeout: a.cfg.storageTimeout, Log: a.log, Registerer: reg,
			})
		})
	}
	p, err := a.plan()
	opening.Wait()
	if err != nil {
		a.close()
		return nil, err
	}
	if storageErr != nil {
		return nil, fmt.Errorf("--storage.path: %w", storageErr)
	}
	return p, nil
}

// newWeb makes the handler of the web listener.
func (a *app) newWeb(reg *exposition.Registry) http.Handler {
	o := web.Options{
		Health: a.health, MetricsPath: a.cfg.telemetryPath, Status: a.newStatus(),
		Metrics: reg.Handler(newScrapeLog(a.log)), Profiles: a.cfg.enablePprof,
	}
	if a.cfg.enableLifecycle {
		o.Reload = http.HandlerFunc(a.serveReload)
	}
	return web.NewRouter(o)
}

// webhookServer makes the server of the webhook listener. Both servers limit the size of a header
// and the time of a request.
func (a *app) webhookServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // Tencent needs no other version
	protocols.SetHTTP2(a.cfg.webhookHTTP2)
	return &http.Server{
		Handler:        a.webhook,
		ConnContext:    a.callback.ConnContext,
		Protocols:      protocols,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: 32},
		ReadTimeout:    5 * time.Second, // of the header; the body has a shorter limit
		WriteTimeout:   10 * time.Second,
		IdleTimeout:    3 * time.Minute, // Tencent reuses its connections
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(a.slog.Handler(), slog.LevelDebug),

		DisableGeneralOptionsHandler: true, // else "OPTIONS *" is answered 200
	}
}

// webServer returns the server of the web listener.
func (a *app) webServer() *http.Server {
	return &http.Server{
		Handler:           a.webConf.handler(a.web),
		TLSConfig:         a.webConf.tlsConfig(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a profile takes 30 s
		MaxHeaderBytes:    64 << 10,
		// If an HTTP/2 connection ends with open streams, the server keeps it in memory until the
		// idle timeout, with up to four times as many queued streams.
		IdleTimeout: 90 * time.Second,
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: 8},
		ErrorLog:    slog.NewLogLogger(a.slog.Handler(), slog.LevelDebug),
	}
}

// healthServer makes the server of the health listener. No setting can make it fail: a liveness
// probe that fails restarts the process.
func (a *app) healthServer() *http.Server {
	return &http.Server{
		Handler:        web.NewHealthRouter(a.health),
		ReadTimeout:    5 * time.Second,
		WriteTimeout:   5 * time.Second,
		IdleTimeout:    90 * time.Second,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(a.slog.Handler(), slog.LevelDebug),
	}
}

// serveWebhook serves on listener, which it closes, until that fails.
func (a *app) serveWebhook(server *http.Server, listener net.Listener) error {
	addr := listener.Addr().String()
	listener = a.callback.Listener(listener)
	var err error
	if a.cert.used() {
		server.TLSConfig = a.cert.tlsConfig()
		err = server.ServeTLS(listener, "", "")
	} else {
		if host, _, _ := net.SplitHostPort(addr); !net.ParseIP(host).IsLoopback() && len(a.cfg.limits.trusted) == 0 {
			a.log.Warn("the webhook listener has no TLS, and the body of a callback is not signed: set --webhook.tls-cert-file, or use a load balancer with TLS and set --webhook.trusted-proxies")
		}
		err = server.Serve(listener)
	}
	return fmt.Errorf("webhook listener: %w", err)
}
