package storage

import (
	"cmp"
	"time"
)

// Health is whether events are durable.
type Health struct {
	// DegradedSince is when events stopped to be durable, zero while they are.
	DegradedSince time.Time
	// Cause is the error of the commit that failed, nil while they are.
	Cause error
}

// Health returns how the storage is now. It does not block.
func (s *Storage) Health() Health { return *cmp.Or(s.degraded.Load(), &Health{}) }
