package storage

import (
	"sync/atomic"
	"time"
)

// Health is whether events are durable.
type Health struct {
	// DegradedSince is when they stopped being, zero while they are.
	DegradedSince time.Time
	// Cause is why, nil while they are.
	Cause error
}

// Health returns how the storage is now. It does not block.
func (s *Storage) Health() Health {
	if h := s.degraded.Load(); h != nil {
		return *h
	}
	return Health{}
}

// health is nil while events are durable.
type health = atomic.Pointer[Health]
