package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
)

// plan is a configuration that is read and validated, but not in use: nothing is put into use
// before the last step that can fail.
type plan struct {
	apps     []handler.App
	warnings []string
	apply    []func() // the steps that put the configuration into use, in this order; none can fail
}

// plan reads the configuration: applications, tokens and the targets of relays.
func (a *app) plan() (*plan, error) {
	if a.cfg.autoReload {
		a.configSum = a.cfg.sum() // before the files are read: a later change differs from it
	}
	cfg, warnings, err := a.cfg.load()
	if err != nil {
		return nil, err
	}
	p := &plan{apps: handlerApps(cfg), warnings: warnings}
	if err := a.cfg.fit(cfg); err != nil {
		return nil, err
	}
	backends, err := prepareRelay(a.relay, cfg, p.apps)
	if err != nil {
		return nil, err
	}
	p.apply = append(p.apply, backends, func() { a.recounts.Configure(recountedApps(cfg)) },
		func() { a.replicas.Configure(replicaSettings(cfg)) }, func() { a.current.Store(cfg) })
	return p, nil
}

// replan is plan for a reload. It also prepares the certificate, the web configuration and the
// applications of the handler, which newApp makes itself.
func (a *app) replan() (*plan, error) {
	p, err := a.plan()
	if err != nil {
		return nil, err
	}
	pair, err := a.cert.prepare()
	if err != nil {
		return nil, err
	}
	webConf, err := a.webConf.prepare()
	if err != nil {
		return nil, err
	}
	apps, err := a.callback.Prepare(p.apps)
	if err != nil {
		return nil, err
	}
	p.apply = append(p.apply, pair, webConf, apps)
	return p, nil
}

// use puts p into use, and logs its warnings.
func (a *app) use(p *plan) {
	for _, warning := range p.warnings {
		a.log.Warn(warning)
	}
	for _, apply := range p.apply {
		apply()
	}
	a.reloaded.Store(true)
	a.reloadOKSince.SetToCurrentTime()
	a.loads.note(nil)
}

// reload reads the configuration again. If it is not valid, the last valid one stays in use.
func (a *app) reload() error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	return a.reloadLocked()
}

// reloadIfChanged reloads if the content of a file has changed since the last attempt.
func (a *app) reloadIfChanged() {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if a.cfg.sum() != a.configSum {
		_ = a.reloadLocked() // logged there
	}
}

func (a *app) reloadLocked() error {
	p, err := a.replan()
	if err != nil {
		a.reloaded.Store(false)
		a.loads.note(err)
		a.log.WithError(err).Error("configuration not reloaded, the last one stays")
		return err
	}
	a.use(p)
	a.log.WithField("applications", len(p.apps)).Info("configuration reloaded")
	return nil
}

func (a *app) serveReload(w http.ResponseWriter, _ *http.Request) {
	if err := a.reload(); err != nil {
		http.Error(w, "failed to reload configuration: "+err.Error(), http.StatusInternalServerError)
	}
}

// newReloadOK returns the metric that shows whether the last attempts succeeded.
func (a *app) newReloadOK() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tuilivekit_exporter_config_last_reload_successful",
		Help: "Whether the last load of the configuration, of a changed certificate of the webhook listener, and of a changed configuration of the web listener succeeded.",
	}, func() float64 {
		if a.reloaded.Load() && a.cert.broken() == nil && a.webConf.broken() == nil {
			return 1
		}
		return 0
	})
}

func newReloadOKSince() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tuilivekit_exporter_config_last_reload_success_timestamp_seconds",
		Help: "Time of the last successful load of the configuration.",
	})
}
