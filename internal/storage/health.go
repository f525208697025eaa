package storage

import (
	"cmp"
	"time"
)

// Health is the state of the storage.
type Health struct {
	// DegradedSince is the time since which events are not durable, zero if they are.
	DegradedSince time.Time
	// Cause is the error of the failed commit, nil if events are durable.
	Cause error
}

// Health returns the state of the storage. It does not block.
func (s *Storage) Health() Health { return *cmp.Or(s.degraded.Load(), &Health{}) }
