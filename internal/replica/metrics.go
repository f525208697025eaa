package replica

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the metrics of the exchange. They are collected while the configuration has an engine.
type metrics struct {
	replicas *Replicas

	exchanges, failures     prometheus.Counter
	offered, taken, dropped *prometheus.CounterVec
	restored                prometheus.Counter
	lag                     prometheus.Histogram
	up, lastSuccess, seen   *prometheus.Desc
	started                 int64 // Unix milliseconds
}

func newMetrics(r *Replicas) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tuilivekit_replica_" + name, Help: help})
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tuilivekit_replica_" + name, Help: help}, []string{label})
	}
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("tuilivekit_replica_"+name, help, nil, nil)
	}
	m := &metrics{
		replicas:  r,
		exchanges: counter("exchanges_total", "Exchanges of records with Redis, two a second, including failed ones."),
		failures:  counter("exchange_failures_total", "Exchanges with Redis that failed completely or in part."),
		offered:   vector("offered_total", "Records written to Redis, including repeated ones.", "kind"),
		taken:     vector("taken_total", "Records of other replicas that were newer than those of this one.", "kind"),
		dropped:   vector("dropped_total", "Invalid members read from Redis, by reason.", "reason"),
		restored:  counter("losses_total", "Times that Redis had lost records of an application."),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tuilivekit_replica_lag_seconds", Help: "Time from the receipt of a threshold event by another replica until this one has it.",
			Buckets:                        []float64{.1, .25, .5, 1, 1.5, 2, 5, 15, 30, 60, 300},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
		up:          desc("engine_up", "1 if the last exchange with Redis succeeded, else 0."),
		lastSuccess: desc("last_success_timestamp_seconds", "Time of the last exchange with Redis that succeeded. Before the first one, it is the time of the start."),
		seen:        desc("peers", "Other replicas that were seen in Redis within the last ten seconds."),
	}
	m.started = time.Now().UnixMilli()
	for _, kind := range []string{"event", "room"} {
		m.offered.WithLabelValues(kind)
		m.taken.WithLabelValues(kind)
	}
	for _, why := range faults {
		m.dropped.WithLabelValues(string(why))
	}
	return m
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.exchanges, m.failures, m.offered, m.taken, m.dropped, m.restored, m.lag}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
	ch <- m.up
	ch <- m.lastSuccess
	ch <- m.seen
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	h := m.replicas.Health()
	if !h.Configured {
		return
	}
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
	up, last := 0.0, float64(m.started)/1e3
	if h.Up {
		up = 1
	}
	if !h.LastSuccess.IsZero() {
		last = float64(h.LastSuccess.UnixMilli()) / 1e3
	}
	ch <- prometheus.MustNewConstMetric(m.up, prometheus.GaugeValue, up)
	ch <- prometheus.MustNewConstMetric(m.lastSuccess, prometheus.GaugeValue, last)
	ch <- prometheus.MustNewConstMetric(m.seen, prometheus.GaugeValue, float64(len(h.Peers)))
}
