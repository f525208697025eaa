//go:build linux

// Command journal measures the exporter's own storage, which does more than the others: it
// keeps what recognizes repeats, and its own group commit answers within deadlines.
package main

import (
	"context"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/storage"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

type recorder struct {
	*storage.Storage
	stop context.CancelFunc
	done chan error
}

func main() {
	load.Main(func(dir string, e load.Exporter) (load.Recorder, error) {
		s, err := storage.Open(storage.Options{
			Path: dir, Store: e.State, Queues: queue.New(), Timeout: time.Minute, Log: e.Log, Registerer: e.Registerer,
		})
		if err != nil {
			return nil, err
		}
		ctx, stop := context.WithCancel(context.Background())
		r := &recorder{s, stop, make(chan error)}
		go func() { r.done <- s.Run(ctx) }()
		return r, nil
	})
}

func (r *recorder) Record(e state.Event) error {
	_, err := r.Storage.Record(e, queue.Request{}, time.Time{})
	return err
}

func (r *recorder) Close() error {
	r.stop()
	return <-r.done
}
