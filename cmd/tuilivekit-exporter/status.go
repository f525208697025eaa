package main

import (
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/version"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// newStatus makes the status page. It reads what its parts say when it is asked for.
func (a *app) newStatus() *web.Status {
	o := web.StatusOptions{
		Webhook: a.callback.Report,
		Log:     a.log,
		Health:  a.health,
		Storage: a.storageStatus,
		Config:  a.configStatus,
		Relay:   a.relayStatus,
		Replica: a.replicaStatus,

		CallbackURL: a.callbackURL,
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
	// Counts that are no longer exposed are not called fresh.
	if a.cfg.staleAfter > 0 {
		o.StaleAfter = min(a.cfg.staleAfter, web.DefaultStaleAfter)
	}
	return web.NewStatus(o)
}

// callbackURL returns the URL of the webhook listener as this machine sees it.
func (a *app) callbackURL() string {
	addr := a.webhookAddr.Load()
	if addr == nil {
		return ""
	}
	u := url.URL{Scheme: "http", Host: addr.AddrPort().String(), Path: a.cfg.webhookPath}
	if addr.IP.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(addr.Port))
	}
	if a.cert != nil {
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

// loads remembers how the last loads of the configuration went.
type loads struct {
	mu                 sync.Mutex
	attempted, success time.Time
	err                error
}

// note notes an attempt that has just ended.
func (l *loads) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempted, l.err = time.Now(), err
	if err == nil {
		l.success = l.attempted
	}
}

func (l *loads) status() web.ConfigStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	attempted, success := l.attempted, l.success
	status := web.ConfigStatus{OK: l.err == nil, LastAttempt: &attempted, LastSuccess: &success}
	if l.err != nil {
		status.Error = l.err.Error()
	}
	return status
}
