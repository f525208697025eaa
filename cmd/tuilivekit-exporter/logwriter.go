package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
)

const (
	maxPendingLog   = 1 << 20 // bytes of lines that are not written yet
	logFlushTimeout = time.Second
)

// logWriter passes log lines on to a writer that may block or fail, for example a pipe
// that nobody reads. Its Write does neither: lines that find no room, and lines that
// cannot be written, are dropped and counted. Lines keep their order.
type logWriter struct {
	w         io.Writer
	dropped   atomic.Int64
	onDropped func(lines int64) // called as soon as lines are written again

	wake chan struct{} // has room for one
	stop chan struct{} // closed when the last line has come

	mu      sync.Mutex
	pending []byte // whole lines
}

func newLogWriter(w io.Writer) *logWriter {
	return &logWriter{w: w, onDropped: func(int64) {}, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// Write takes one line. It neither blocks nor fails. line stays the caller's.
func (l *logWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	full := len(l.pending)+len(line) > maxPendingLog
	if !full {
		l.pending = append(l.pending, line...)
	}
	l.mu.Unlock()
	if full {
		l.dropped.Add(1)
		return len(line), nil
	}
	select {
	case l.wake <- struct{}{}:
	default: // it is awake already
	}
	return len(line), nil
}

// start writes lines until the returned function is called, which gives the last ones
// logFlushTimeout.
func (l *logWriter) start() (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run()
	}()
	return func() {
		close(l.stop)
		select {
		case <-done:
		case <-time.After(logFlushTimeout): // the writer blocks, and ends with the process
		}
	}
}

// run writes pending lines until stop is closed and none is left.
func (l *logWriter) run() {
	var spare []byte
	var reported int64
	var failed bool
	for stopping := false; ; {
		l.mu.Lock()
		lines := l.pending
		l.pending = spare[:0]
		l.mu.Unlock()
		if dropped := l.dropped.Load(); dropped > reported && !failed {
			l.onDropped(dropped - reported) // there is room for it now
			reported = dropped
		}
		switch {
		case len(lines) > 0:
			n, err := l.w.Write(lines)
			if failed = err != nil; failed {
				l.dropped.Add(int64(bytes.Count(lines[n:], []byte("\n"))))
			}
		case stopping:
			return
		default:
			select {
			case <-l.wake:
			case <-l.stop:
				stopping = true // after one more look
			}
		}
		if spare = lines; cap(spare) > maxPendingLog/16 {
			spare = nil // a burst keeps no memory
		}
	}
}

// newLogLinesDropped returns the metric of the lines that log has dropped.
func newLogLinesDropped(log *logrus.Logger) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tuilivekit_exporter_log_lines_dropped_total",
		Help: "Log lines that were dropped because standard error could not be written fast enough.",
	}, func() float64 {
		if w, ok := log.Out.(*logWriter); ok {
			return float64(w.dropped.Load())
		}
		return 0 // in tests, which write to a buffer
	})
}
