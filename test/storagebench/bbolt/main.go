//go:build linux

// Command bbolt measures go.etcd.io/bbolt: one transaction a batch.
package main

import (
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

type store struct{ *bbolt.DB }

var bucket = []byte("apps")

func main() {
	load.Main(func(dir string, e load.Exporter) (load.Recorder, error) {
		db, err := bbolt.Open(filepath.Join(dir, "db"), 0o600, nil)
		if err != nil {
			return nil, err
		}
		return load.Group(store{db}, e.State), nil
	})
}

func (s store) Commit(entries []load.Entry) error {
	return s.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := b.Put([]byte(e.Key), e.Value); err != nil {
				return err
			}
		}
		return nil
	})
}
