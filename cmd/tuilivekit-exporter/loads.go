package main

import (
	"sync"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/web"
)

// loads holds the results of the last loads of the configuration.
type loads struct {
	mu                 sync.Mutex
	attempted, success time.Time
	err                error
}

// note records the result of a load that has just ended.
func (l *loads) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempted, l.err = time.Now(), err
	if err == nil {
		l.success = l.attempted
	}
}

func (l *loads) status() web.ConfigStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	attempted, success := l.attempted, l.success
	status := web.ConfigStatus{OK: l.err == nil, LastAttempt: &attempted, LastSuccess: &success}
	if l.err != nil {
		status.Error = l.err.Error()
	}
	return status
}
