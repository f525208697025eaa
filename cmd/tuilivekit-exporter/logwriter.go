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

// logWriter passes log lines on to a writer that may block or fail, for example a pipe without a
// reader. Its Write neither blocks nor fails: if the buffer is full or a line cannot be written,
// the line is dropped and counted. Lines keep their order.
type logWriter struct {
	w         io.Writer
	dropped   atomic.Int64
	onDropped func(lines int64) // called when lines can be written again

	wake chan struct{} // buffered, of one
	stop chan struct{} // closed after the last line

	mu      sync.Mutex
	pending []byte // whole lines
}

func newLogWriter(w io.Writer) *logWriter {
	return &logWriter{w: w, onDropped: func(int64) {}, wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// Write copies one line to the buffer. It neither blocks nor fails.
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
	default: // run is awake
	}
	return len(line), nil
}

// start writes lines until the returned function is called. That function waits for the last lines
// for at most logFlushTimeout.
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
		case <-time.After(logFlushTimeout): // the writer blocks: its goroutine ends with the process
		}
	}
}

// run writes pending lines until stop is closed and no line is pending.
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
			l.onDropped(dropped - reported) // the buffer has space for its line now
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
				stopping = true // after the lines that came meanwhile
			}
		}
		if spare = lines; cap(spare) > maxPendingLog/16 {
			spare = nil // the memory of a burst is released
		}
	}
}

// newLogLinesDropped returns the metric of the dropped log lines.
func newLogLinesDropped(log *logrus.Logger) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tuilivekit_exporter_log_lines_dropped_total",
		Help: "Log lines that were dropped because standard error could not be written fast enough.",
	}, func() float64 {
		if w, ok := log.Out.(*logWriter); ok {
			return float64(w.dropped.Load())
		}
		return 0 // a test logs to a buffer
	})
}
