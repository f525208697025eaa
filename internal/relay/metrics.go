package relay

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// stats counts the work of one backend since it was configured.
type stats struct {
	since            time.Time
	loops            atomic.Uint64
	decisions        atomic.Uint64
	decisionFailures [numFailures]atomic.Uint64
	decisionDuration prometheus.Observer
	decisionLog      failureLog

	delivered        atomic.Uint64
	deliveryFailures [numFailures]atomic.Uint64
	deliveryDuration prometheus.Observer
	deliveryLog      failureLog
	dropped          [numDrops]atomic.Uint64
	droppedBefore    uint64 // by the full queue, until since
	dropLog          failureLog

	lastFailure atomic.Pointer[Failure]
}

// dropReason says why a callback is not delivered; it is a label value.
type dropReason uint8

const (
	droppedExpired dropReason = iota
	droppedRefused
	droppedUnreadable
	numDrops
)

var dropNames = [numDrops]string{"expired", "refused", "unreadable"}

// droppedFull is the label value of what a full queue drops. The queue counts it.
const droppedFull = "full"

// The label values of kind.
const (
	decision = "decision"
	delivery = "delivery"
)

func (m *metrics) newStats(appID string) *stats {
	return &stats{
		since: time.Now(), droppedBefore: m.relay.queues.Size(appID).Dropped,
		decisionDuration: m.duration.WithLabelValues(appID, decision), deliveryDuration: m.duration.WithLabelValues(appID, delivery),
	}
}

// forget ends the series of an application.
func (m *metrics) forget(appID string) {
	m.duration.DeletePartialMatch(prometheus.Labels{"sdk_app_id": appID})
}

type metrics struct {
	relay    *Relay
	duration *prometheus.HistogramVec
}

func newMetrics(r *Relay) *metrics {
	return &metrics{relay: r, duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:                           "tuilivekit_relay_request_duration_seconds",
		Help:                           "Time that requests to a backend took, failed ones too, by kind: decisions, which Tencent waits for, and deliveries.",
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
	deliveriesDesc = prometheus.NewDesc("tuilivekit_relay_deliveries_total",
		"Callbacks that were acknowledged and that the backend has taken since, with a status of 2xx.", byApp, nil)
	deliveryFailuresDesc = prometheus.NewDesc("tuilivekit_relay_delivery_failures_total",
		"Attempts to deliver a callback that are followed by another one, by reason.", []string{"sdk_app_id", "reason"}, nil)
	droppedDesc = prometheus.NewDesc("tuilivekit_relay_dropped_total",
		"Callbacks that were acknowledged and that the backend does not get, by reason.", []string{"sdk_app_id", "reason"}, nil)
	queueRequestsDesc = prometheus.NewDesc("tuilivekit_relay_queue_requests",
		"Callbacks that wait to be delivered.", byApp, nil)
	queueBytesDesc = prometheus.NewDesc("tuilivekit_relay_queue_bytes",
		"Size of the callbacks that wait to be delivered.", byApp, nil)
	queueAgeDesc = prometheus.NewDesc("tuilivekit_relay_queue_oldest_age_seconds",
		"Time since the receipt of the oldest callback that waits to be delivered, 0 if none waits.", byApp, nil)
	circuitDesc = prometheus.NewDesc("tuilivekit_relay_circuit_open",
		"1 while decisions are not asked for because the backend failed too often in a row, else 0.", byApp, nil)
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.duration.Describe(ch)
	ch <- decisionsDesc
	ch <- decisionFailuresDesc
	ch <- deliveriesDesc
	ch <- deliveryFailuresDesc
	ch <- droppedDesc
	ch <- queueRequestsDesc
	ch <- queueBytesDesc
	ch <- queueAgeDesc
	ch <- loopsDesc
	ch <- circuitDesc
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.duration.Collect(ch)
	for id, b := range *m.relay.backends.Load() {
		b.collect(ch, id, m.relay.queues.Size(id))
	}
}

func (b *Backend) collect(ch chan<- prometheus.Metric, id string, queue queue.Size) {
	s := b.stats
	count := func(desc *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(desc, prometheus.CounterValue, float64(n), s.since, append([]string{id}, labels...)...)
	}
	gauge := func(desc *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, id)
	}
	count(decisionsDesc, s.decisions.Load())
	for _, why := range decisionReasons {
		count(decisionFailuresDesc, s.decisionFailures[why].Load(), failureNames[why])
	}
	count(deliveriesDesc, s.delivered.Load())
	for _, why := range deliveryReasons {
		count(deliveryFailuresDesc, s.deliveryFailures[why].Load(), failureNames[why])
	}
	for i := range s.dropped {
		count(droppedDesc, s.dropped[i].Load(), dropNames[i])
	}
	count(droppedDesc, queue.Dropped-s.droppedBefore, droppedFull)
	count(loopsDesc, s.loops.Load())

	gauge(queueRequestsDesc, float64(queue.Requests))
	gauge(queueBytesDesc, float64(queue.Bytes))
	age := 0.0
	if queue.Requests > 0 {
		age = max(0, time.Since(time.UnixMilli(queue.Oldest)).Seconds())
	}
	gauge(queueAgeDesc, age)
	open := 0.0
	if b.breaker.open() {
		open = 1
	}
	gauge(circuitDesc, open)
}
