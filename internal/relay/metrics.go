package relay

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// stats counts the work of one backend since it was configured.
type stats struct {
	since            time.Time
	decisions        atomic.Uint64
	decisionFailures [numFailures]atomic.Uint64
	loops            atomic.Uint64
	asked            prometheus.Observer
	log              failureLog
}

const (
	decision = "decision" // label values of kind
)

func (m *metrics) newStats(appID string) *stats {
	return &stats{since: time.Now(), asked: m.duration.WithLabelValues(appID, decision)}
}

// forget ends the series of an application.
func (m *metrics) forget(appID string) {
	m.duration.DeletePartialMatch(prometheus.Labels{"sdk_app_id": appID})
}

type metrics struct {
	backends *atomic.Pointer[map[string]*Backend]
	duration *prometheus.HistogramVec
}

func newMetrics(backends *atomic.Pointer[map[string]*Backend]) *metrics {
	return &metrics{backends: backends, duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:                           "tuilivekit_relay_request_duration_seconds",
		Help:                           "Time that requests to a backend took, failed ones too, by kind: decisions that Tencent waits for.",
		Buckets:                        []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 5, 10},
		NativeHistogramBucketFactor:    1.1,
		NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}, []string{"sdk_app_id", "kind"})}
}

var (
	byApp = []string{"sdk_app_id"}

	decisionsDesc = prometheus.NewDesc("tuilivekit_relay_decisions_total",
		"Callbacks that ask for a decision and have a backend to ask.", byApp, nil)
	decisionFailuresDesc = prometheus.NewDesc("tuilivekit_relay_decision_failures_total",
		"Decisions that the backend did not make, so that on_failure was the answer, by reason.", []string{"sdk_app_id", "reason"}, nil)
	loopsDesc = prometheus.NewDesc("tuilivekit_relay_loops_total",
		"Callbacks that were refused because this relay, or several in a row, had passed them on already.", byApp, nil)
	circuitDesc = prometheus.NewDesc("tuilivekit_relay_circuit_open",
		"1 while decisions are not asked for because the backend failed too often in a row, else 0.", byApp, nil)
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.duration.Describe(ch)
	ch <- decisionsDesc
	ch <- decisionFailuresDesc
	ch <- loopsDesc
	ch <- circuitDesc
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.duration.Collect(ch)
	for id, b := range *m.backends.Load() {
		s := b.stats
		count := func(desc *prometheus.Desc, n *atomic.Uint64, labels ...string) {
			ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(desc, prometheus.CounterValue, float64(n.Load()), s.since, append([]string{id}, labels...)...)
		}
		count(decisionsDesc, &s.decisions)
		for i := range s.decisionFailures {
			count(decisionFailuresDesc, &s.decisionFailures[i], failureNames[i])
		}
		count(loopsDesc, &s.loops)
		open := 0.0
		if b.breaker.open() {
			open = 1
		}
		ch <- prometheus.MustNewConstMetric(circuitDesc, prometheus.GaugeValue, open, id)
	}
}
