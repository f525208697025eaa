//go:build linux

// Command bare measures a file that is appended to and synced once a batch, and never read
// or removed: what any store of this kind costs at least.
package main

import (
	"os"
	"path/filepath"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

type store struct {
	*os.File
	buf []byte
}

func main() {
	load.Main(func(dir string, e load.Exporter) (load.Recorder, error) {
		f, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			return nil, err
		}
		return load.Group(&store{File: f}, e.State), nil
	})
}

func (s *store) Commit(entries []load.Entry) error {
	s.buf = s.buf[:0]
	for _, e := range entries {
		s.buf = append(append(s.buf, e.Key...), e.Value...)
	}
	if _, err := s.Write(s.buf); err != nil {
		return err
	}
	return s.Sync()
}
