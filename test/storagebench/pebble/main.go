//go:build linux

// Command pebble measures github.com/cockroachdb/pebble: one synced batch a batch.
package main

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

type store struct{ *pebble.DB }

// quiet drops the messages of the database.
type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, _ ...any) { panic(format) }

func main() {
	load.Main(func(dir string, e load.Exporter) (load.Recorder, error) {
		db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
		if err != nil {
			return nil, err
		}
		return load.Group(store{db}, e.State), nil
	})
}

func (s store) Commit(entries []load.Entry) error {
	b := s.NewBatch()
	defer b.Close()
	for _, e := range entries {
		if err := b.Set([]byte(e.Key), e.Value, nil); err != nil {
			return err
		}
	}
	return b.Commit(pebble.Sync)
}
