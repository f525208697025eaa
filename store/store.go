// Package store is a durable handler.Store, for programs that mount the webhook in a
// server of their own. What it has recorded without an error survives a crash of the
// process and of the machine.
//
// It knows neither HTTP nor Prometheus' formats: package handler records into it, and
// package collector makes metrics of what it holds.
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

// DefaultTimeout is that of Options.Timeout. Tencent waits two seconds for an answer.
const DefaultTimeout = time.Second

// Options are the settings of a Store. Only Path is required.
type Options struct {
	// Path is the folder of the store. It is created if it does not exist. One process at a
	// time can use it.
	Path string
	// Timeout is how long a commit may take before its events are not durable, by default
	// DefaultTimeout.
	Timeout time.Duration
	// FutureTolerance is how far the time of an event may lie in the future, by default
	// handler.DefaultFutureTolerance. An event further ahead is taken as of its receipt.
	FutureTolerance time.Duration
	// Registerer gets the metrics of the store. Nil leaves them unexposed.
	Registerer prometheus.Registerer
	// Log gets what an operator should know. Nil discards it.
	Log logrus.FieldLogger
}

// Store is a durable handler.Store. Its methods may be called from several goroutines.
type Store struct {
	counts  *state.Store
	storage *storage.Storage
}

var _ handler.Store = (*Store)(nil)

// Open returns the store in the folder o.Path with what it held. It records nothing until
// Run is called. It fails if another process uses the folder, or if a newer version has
// written it.
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

// Run commits events until ctx ends; what was recorded by then is durable when it
// returns. It must be called once, and its folder is free after that.
func (s *Store) Run(ctx context.Context) error {
	return s.storage.Run(ctx)
}

// Record implements handler.Recorder. It blocks until e is durable, or deadline. A request
// with Data is refused with handler.ErrNotDurable: a Backend of another program delivers
// its callbacks itself, and packs none.
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
