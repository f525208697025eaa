package main

import (
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// flagStatus returns the flags of serve. No flag has a secret.
func (c *serveCommand) flagStatus() []web.FlagStatus {
	var list []web.FlagStatus
	unset := map[string]string{} // printed values of flags that are not set
	var defaults serveCommand
	defaults.register(kingpin.New("", "").Command("serve", ""))
	for _, f := range defaults.clause.Model().Flags {
		for _, value := range f.Default {
			_ = f.Value.Set(value) // a default of ours
		}
		unset[f.Name] = f.Value.String()
	}
	for _, f := range c.clause.Model().Flags {
		value := f.Value.String()
		list = append(list, web.FlagStatus{Name: f.Name, Value: value, Changed: value != unset[f.Name]})
	}
	return list
}

// newStatus makes the status page. Each request reads the status of the parts anew.
func (a *app) newStatus() *web.Status {
	flags := a.cfg.flagStatus()
	o := web.StatusOptions{
		Webhook: a.callback.Report,
		Log:     a.log,
		Health:  a.health,
		Storage: a.storageStatus,
		Config: func() web.ConfigStatus {
			status := a.configStatus()
			status.Flags = flags
			return status
		},
		Relay:   a.relayStatus,
		Replica: a.replicaStatus,
		Recount: a.recountStatus,

		RecentEvents: a.callback.RecentEvents,
		CallbackURL:  a.callbackURL,
		Settings:     func(appID string) string { return a.current.Load().Redacted(appID) },
		Build: web.BuildStatus{
			Version: version.Version, Revision: version.GetRevision(), GoVersion: version.GoVersion,
			Platform: runtime.GOOS + "/" + runtime.GOARCH,
		},
		Links: []web.Link{
			{Path: a.cfg.telemetryPath, Text: "Metrics"},
			{Path: "/api/v1/status", Text: "This page as JSON"},
			{Path: "/-/healthy", Text: "Healthy"},
			{Path: "/-/ready", Text: "Ready"},
		},
	}
	if o.Build.Revision == "unknown" {
		o.Build.Revision = ""
	}
	if a.cfg.enablePprof {
		o.Links = append(o.Links, web.Link{Path: "/debug/pprof/", Text: "Profiles"})
	}
	// After --state.stale-after, counts are not exposed: the page must not show them as fresh.
	if a.cfg.staleAfter > 0 {
		o.StaleAfter = min(a.cfg.staleAfter, web.DefaultStaleAfter)
	}
	return web.NewStatus(o)
}

// callbackURL returns the URL that callbacks are to be sent to.
func (a *app) callbackURL() web.CallbackURLStatus {
	status := web.CallbackURLStatus{Local: a.localURL(), Public: a.cfg.externalURL}
	switch name := a.cert.name(); {
	case a.cfg.externalURL != "":
		status.Source = web.CallbackURLConfigured
	case name != "" && status.Local != "":
		u := url.URL{Scheme: "https", Host: name, Path: a.cfg.webhookPath}
		if port := a.webhookAddr.Load().Port; port != 443 {
			u.Host = net.JoinHostPort(name, strconv.Itoa(port))
		}
		status.Public, status.Source = u.String(), web.CallbackURLCertificate
	}
	return status
}

// localURL returns the URL of the webhook listener on this machine, "" before the listener is
// bound.
func (a *app) localURL() string {
	addr := a.webhookAddr.Load()
	if addr == nil {
		return ""
	}
	u := url.URL{Scheme: "http", Host: addr.AddrPort().String(), Path: a.cfg.webhookPath}
	if addr.IP.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(addr.Port))
	}
	if a.cert.used() {
		u.Scheme = "https"
	}
	return u.String()
}

func (a *app) storageStatus() web.StorageStatus {
	if a.storage == nil {
		return web.StorageStatus{Mode: web.StorageMemory}
	}
	status := web.StorageStatus{Mode: web.StorageDurable, Path: a.cfg.storagePath}
	if h := a.storage.Health(); h.Cause != nil {
		status.Mode, status.DegradedSince, status.Error = web.StorageDegraded, &h.DegradedSince, h.Cause.Error()
	}
	return status
}

func (a *app) relayStatus(appID string) *web.RelayStatus {
	b := a.relay.Backend(appID)
	if b == nil {
		return nil
	}
	h, url := b.Health(), b.URL()
	status := &web.RelayStatus{
		CircuitOpen: h.CircuitOpen, Backend: url.Scheme + "://" + url.Host,
		DeliveryCircuitOpen: h.DeliveryCircuitOpen, SetAside: h.Queue.SetAside, InDelivery: h.Queue.Taken,
		QueueRequests: h.Queue.Requests, QueueBytes: h.Queue.Bytes, QueueLanes: h.Queue.Lanes,
		Delivered: h.Delivered, Dropped: h.Dropped, Decisions: h.Decisions, DecisionFailures: h.DecisionFailures,
	}
	if h.Queue.Oldest > 0 {
		oldest := time.UnixMilli(h.Queue.Oldest)
		status.QueueOldest = &oldest
	}
	if !h.LastDrop.IsZero() {
		status.LastDropTime = &h.LastDrop
	}
	if f := h.LastFailure; f != nil {
		status.LastFailureTime, status.LastFailure = &f.At, f.Text
	}
	return status
}

func (a *app) configStatus() web.ConfigStatus {
	status := a.loads.status()
	status.File = a.cfg.configFile
	for _, err := range []error{a.cert.broken(), a.webConf.broken()} {
		if err != nil && !strings.Contains(status.Error, err.Error()) { // a reload may have said it
			status.OK = false
			status.Error = strings.TrimPrefix(status.Error+"; "+err.Error(), "; ")
		}
	}
	return status
}
