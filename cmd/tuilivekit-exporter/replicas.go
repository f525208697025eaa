package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/replica"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// newReplicas makes the exchange with other replicas. The records that it takes are durable if there
// is a storage.
func (a *app) newReplicas(store *state.Store, reg prometheus.Registerer) (err error) {
	o := replica.Options{Known: store, Learner: storage.Memory{Store: store}, Tolerance: a.cfg.futureTolerance, Log: a.log, Registerer: reg}
	if a.storage != nil {
		o.Learner = a.storage
	}
	a.replicas, err = replica.New(o)
	return err
}

// replicaSettings returns the engine of cfg, nil if there is none.
func replicaSettings(cfg *config.Config) *replica.Settings {
	if cfg.Replica == nil {
		return nil
	}
	r := cfg.Replica.Redis
	s := &replica.Settings{
		Addresses: r.Addresses, Cluster: r.Cluster, Database: r.Database, Prefix: r.KeyPrefix,
		Username: r.Username, Password: r.Password.Reveal(), TLS: r.TLSConfig,
	}
	if r.Sentinel != nil {
		s.MasterName = r.Sentinel.MasterName
		s.SentinelUsername, s.SentinelPassword = r.Sentinel.Username, r.Sentinel.Password.Reveal()
	}
	return s
}

// lease reports whether this replica may recount an application. A lease is longer than the interval
// of recounts, so that the same replica keeps it.
func (a *app) lease(ctx context.Context, appID string, interval time.Duration) bool {
	return a.replicas.Lease(ctx, appID, interval*3/2)
}

// replicaStatus returns the status of the exchange with other replicas, nil without an engine.
func (a *app) replicaStatus() *web.ReplicaStatus {
	h := a.replicas.Health()
	if !h.Configured {
		return nil
	}
	status := &web.ReplicaStatus{ID: a.replicas.ID(), Engine: h.Engine, Connected: h.Up, Peers: []web.PeerStatus{}}
	if h.Err != nil {
		status.Error = h.Err.Error()
	}
	if !h.LastSuccess.IsZero() {
		status.LastSuccess = &h.LastSuccess
	}
	for _, p := range h.Peers {
		status.Peers = append(status.Peers, web.PeerStatus{ID: p.ID, Seen: p.Seen})
	}
	return status
}
