package storage

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	commits, failures, corruptions prometheus.Counter
	degraded, lastSuccess          prometheus.Gauge
	duration, batch                prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, bytes *atomic.Int64) *metrics {
	m := &metrics{
		commits: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tuilivekit_exporter_storage_commits_total", Help: "Commits that were tried. A commit makes one batch of events durable.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tuilivekit_exporter_storage_failures_total", Help: "Commits that failed or took longer than --storage.timeout.",
		}),
		corruptions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tuilivekit_exporter_storage_corruptions_total", Help: "Starts that found damaged storage files. Damaged files are renamed, not deleted.",
		}),
		degraded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tuilivekit_exporter_storage_degraded", Help: "1 while events cannot be made durable and are answered 503, else 0.",
		}),
		lastSuccess: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tuilivekit_exporter_storage_last_success_timestamp_seconds", Help: "Time of the last commit that succeeded. Before the first one, it is the time of the start.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tuilivekit_exporter_storage_commit_duration_seconds", Help: "Time that commits took.",
			Buckets:                        []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tuilivekit_exporter_storage_batch_events", Help: "Events that shared one commit.",
			Buckets:                        []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	if reg != nil {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "tuilivekit_exporter_storage_bytes", Help: "Size of the files that hold the state and the queued requests.",
		}, func() float64 { return float64(bytes.Load()) }))
		reg.MustRegister(m.commits, m.failures, m.corruptions, m.degraded, m.lastSuccess, m.duration, m.batch)
	}
	return m
}
