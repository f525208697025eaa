//go:build linux

// Command raftwal measures github.com/hashicorp/raft-wal: one call of StoreLogs a batch. The
// log is cut after every 100,000 entries; what a reader of it would need of the whole state
// is not written.
package main

import (
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/storagebench/load"
)

const kept = 100_000

type store struct {
	*wal.WAL
	last, first uint64
}

func main() {
	load.Main(func(dir string, e load.Exporter) (load.Recorder, error) {
		log, err := wal.Open(dir)
		if err != nil {
			return nil, err
		}
		return load.Group(&store{WAL: log, first: 1}, e.State), nil
	})
}

func (s *store) Commit(entries []load.Entry) error {
	logs := make([]*raft.Log, len(entries))
	for i, e := range entries {
		s.last++
		logs[i] = &raft.Log{Index: s.last, Data: append([]byte(e.Key), e.Value...)}
	}
	if err := s.StoreLogs(logs); err != nil {
		return err
	}
	if s.last-s.first < 2*kept {
		return nil
	}
	first := s.first
	s.first = s.last - kept
	return s.DeleteRange(first, s.first-1)
}
