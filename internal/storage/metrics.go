package storage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	commits, failures, corruptions prometheus.Counter
	degraded, lastSuccess          prometheus.Gauge
	duration, batch                prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, size func() int64) *metrics {
	m := &metrics{
		commits:     newCounter("tuilivekit_exporter_storage_commits_total", "Commits that were tried. A commit makes one batch of events durable."),
		failures:    newCounter("tuilivekit_exporter_storage_failures_total", "Commits that failed or took longer than --storage.timeout."),
		corruptions: newCounter("tuilivekit_exporter_storage_corruptions_total", "Starts that found damaged storage files. Damaged files are renamed, not deleted."),
		degraded:    newGauge("tuilivekit_exporter_storage_degraded", "1 while events cannot be made durable and are answered 503, else 0."),
		lastSuccess: newGauge("tuilivekit_exporter_storage_last_success_timestamp_seconds", "Time of the last commit that succeeded. Before the first one, it is the time of the start."),
		duration:    newHistogram("tuilivekit_exporter_storage_commit_duration_seconds", "Time that commits took.", .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10),
		batch:       newHistogram("tuilivekit_exporter_storage_batch_events", "Events that shared one commit.", 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
	}
	if reg != nil {
		reg.MustRegister(m.commits, m.failures, m.corruptions, m.degraded, m.lastSuccess, m.duration, m.batch, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tuilivekit_exporter_storage_bytes", Help: "Size of the files that hold the state and the queued requests.",
		}, func() float64 { return float64(size()) }))
	}
	return m
}

func newCounter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func newGauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func newHistogram(name, help string, buckets ...float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets, NativeHistogramBucketFactor: 1.1,
		NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	})
}
