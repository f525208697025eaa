// Package store is a durable handler.Store, for programs that mount the webhook in their own
// server. An event that was recorded without an error survives a crash of the process and of the
// machine.
//
// It does not know HTTP or the formats of Prometheus: package handler records events in it, and
// package collector exposes its counts.
package store

import (
	"context"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
)

// DefaultTimeout is the default of Options.Timeout. Tencent waits two seconds for an answer.
const DefaultTimeout = time.Second

// Options are the settings of a Store. Only Path is required.
type Options struct {
	// Path is the folder of the store. It is created if it does not exist. Only one process at a
	// time can use it.
	Path string
	// Timeout is the maximum time of a commit. After it, Record returns handler.ErrNotDurable.
	// The default is DefaultTimeout.
	Timeout time.Duration
	// FutureTolerance is the maximum time by which the time of an event may be in the future. If
	// it is later, the time of receipt is used. The default is handler.DefaultFutureTolerance.
	FutureTolerance time.Duration
	// Registerer gets the metrics of the store. Nil means that they are not exposed.
	Registerer prometheus.Registerer
	// Log gets the failures and the recovery of the storage. Nil means no log.
	Log logrus.FieldLogger
}

// Store is a durable handler.Store. Its methods may be called from several goroutines.
type Store struct {
	counts  *state.Store
	storage *storage.Storage
}

var _ handler.Store = (*Store)(nil)

// Open opens the store in the folder o.Path and restores its state. Record blocks until Run is
// called. Open fails if another process uses the folder, or if a newer version has written it.
func Open(o Options) (*Store, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.FutureTolerance == 0 {
		o.FutureTolerance = handler.DefaultFutureTolerance
	}
	if o.Log == nil {
		discard := logrus.New()
		discard.SetOutput(io.Discard)
		o.Log = discard
	}
	counts := state.New(state.Options{FutureTolerance: o.FutureTolerance})
	s, err := storage.Open(storage.Options{
		Path: o.Path, Store: counts, Queues: queue.New(), Timeout: o.Timeout, Log: o.Log, Registerer: o.Registerer,
	})
	if err != nil {
		return nil, err
	}
	return &Store{counts, s}, nil
}

// Run commits events until ctx ends. It must be called once. When it returns, all recorded events
// are durable and another process can use the folder.
func (s *Store) Run(ctx context.Context) error {
	return s.storage.Run(ctx)
}

// Record implements handler.Recorder. It blocks until e is durable or until deadline. If q has
// Data, it returns handler.ErrNotDurable: this store does not deliver callbacks, so the Backend
// must do this itself and pack none.
func (s *Store) Record(e handler.Event, q handler.Request, deadline time.Time) (handler.Outcome, error) {
	if q.Data != nil {
		return handler.Outcome{}, handler.ErrNotDurable
	}
	return s.storage.Record(e, q, deadline)
}

// Configure implements handler.Store.
func (s *Store) Configure(apps []handler.Counted) { s.counts.Configure(apps) }

// Snapshot implements handler.Store.
func (s *Store) Snapshot() []handler.Counted { return s.counts.Snapshot() }
