package relay

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
)

// stats counts the work of one backend since it was configured.
type stats struct {
	since            time.Time
	loops            atomic.Uint64
	decisions        atomic.Uint64
	decisionFailures [numFailures]atomic.Uint64
	decisionDuration *exposition.Observations
	decisionLog      failureLog

	delivered        atomic.Uint64
	deliveryFailures [numFailures]atomic.Uint64
	deliveryDuration *exposition.Observations
	deliveryLog      failureLog
	dropped          [numDrops]atomic.Uint64
	droppedBefore    uint64 // drops of the full queue before since
	dropLog          failureLog
	asideLog         failureLog
}

// dropReason is the reason of a drop. It is a label value.
type dropReason uint8

const (
	droppedExpired dropReason = iota
	droppedRefused
	droppedUnreadable
	numDrops
	droppedFull = numDrops // counted by the queue
)

var (
	dropReasons = []dropReason{droppedExpired, droppedRefused, droppedUnreadable, droppedFull}
	dropNames   = [...]string{"expired", "refused", "unreadable", "full"}
)

func (m *metrics) newStats(appID string) *stats {
	return &stats{
		since: time.Now(), droppedBefore: m.relay.queues.Size(appID).Dropped,
		decisionDuration: durationHistogram.Observations(), deliveryDuration: durationHistogram.Observations(),
	}
}

// metrics are the metrics of all backends. They are read from the stats of the configured
// backends, so the series of a removed application end.
type metrics struct{ relay *Relay }

func newMetrics(r *Relay) *metrics { return &metrics{relay: r} }

var (
	decisionsCounter = exposition.Counter("tuilivekit_relay_decisions_total",
		"Callbacks that asked for a decision, of an application with a relay.", "")
	decisionFailuresCounter = exposition.Counter("tuilivekit_relay_decision_failures_total",
		"Decisions that the backend failed to make, by reason. They were answered as on_failure says.", "reason")
	loopsCounter = exposition.Counter("tuilivekit_relay_loops_total",
		"Callbacks that were refused because this exporter, or a chain of them, had relayed them before.", "")
	deliveriesCounter = exposition.Counter("tuilivekit_relay_deliveries_total",
		"Queued callbacks that the backend accepted with a status of 2xx.", "")
	deliveryFailuresCounter = exposition.Counter("tuilivekit_relay_delivery_failures_total",
		"Failed deliveries that are retried, by reason.", "reason")
	droppedCounter = exposition.Counter("tuilivekit_relay_dropped_total",
		"Queued callbacks that were dropped and not delivered to the backend, by reason.", "reason")
	queueRequestsGauge = exposition.Gauge("tuilivekit_relay_queue_requests",
		"Queued callbacks.", "")
	queueBytesGauge = exposition.Gauge("tuilivekit_relay_queue_bytes",
		"Size of the queued callbacks.", "")
	setAsideGauge = exposition.Gauge("tuilivekit_relay_set_aside_requests",
		"Queued callbacks that were set aside, because they failed for five minutes while the backend accepted others.", "")
	queueOldestGauge = exposition.Gauge("tuilivekit_relay_queue_oldest_timestamp_seconds",
		"Time of receipt of the oldest queued callback that is not set aside, 0 if there is none.", "")
	circuitGauge = exposition.Gauge("tuilivekit_relay_circuit_open",
		"1 while callbacks that ask for a decision are not relayed, because the backend failed too often in a row, else 0.", "")
	durationHistogram = exposition.Histogram("tuilivekit_relay_request_duration_seconds",
		"Duration of requests to a backend, also of failed ones, by kind: decision (Tencent waits for it) or delivery.", "kind",
		.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2, 5, 10)
)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { exposition.Describe(m.Sets(), ch) }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) { exposition.Collect(m.Sets(), ch) }

// Sets implements exposition.Source.
func (m *metrics) Sets() []exposition.Set {
	backends := *m.relay.backends.Load()
	rows := make(rows, 0, len(backends))
	for _, id := range slices.Sorted(maps.Keys(backends)) {
		rows = append(rows, row{backends[id], m.relay.queues.Size(id)})
	}
	return []exposition.Set{
		rows.set(decisionsCounter, func(r *row) float64 { return float64(r.stats.decisions.Load()) }),
		setByReason(rows, decisionFailuresCounter, decisionReasons, failureNames[:], func(r *row, why failure) uint64 { return r.stats.decisionFailures[why].Load() }),
		rows.set(loopsCounter, func(r *row) float64 { return float64(r.stats.loops.Load()) }),
		rows.set(deliveriesCounter, func(r *row) float64 { return float64(r.stats.delivered.Load()) }),
		setByReason(rows, deliveryFailuresCounter, deliveryReasons, failureNames[:], func(r *row, why failure) uint64 { return r.stats.deliveryFailures[why].Load() }),
		setByReason(rows, droppedCounter, dropReasons, dropNames[:], (*row).dropped),
		rows.set(queueRequestsGauge, func(r *row) float64 { return float64(r.queue.Requests) }),
		rows.set(queueBytesGauge, func(r *row) float64 { return float64(r.queue.Bytes) }),
		rows.set(setAsideGauge, func(r *row) float64 { return float64(r.queue.SetAside) }),
		rows.set(queueOldestGauge, func(r *row) float64 { return float64(r.queue.Oldest) / 1000 }),
		rows.set(circuitGauge, (*row).circuit),
		rows.durations(),
	}
}

// row is a backend with the size of its queue at the time of a scrape.
type row struct {
	*Backend
	queue queue.Size
}

func (r *row) dropped(why dropReason) uint64 {
	if why == droppedFull {
		return r.queue.Dropped - r.stats.droppedBefore
	}
	return r.stats.dropped[why].Load()
}

func (r *row) circuit() float64 {
	if r.current.Load().decisions.open() {
		return 1
	}
	return 0
}

// rows are the rows of one scrape, ordered by SDKAppID.
type rows []row

// set returns a set with one sample for each row.
func (rows rows) set(family *exposition.Family, value func(*row) float64) exposition.Set {
	return exposition.Set{Family: family, Samples: func(yield func(exposition.Sample) bool) {
		for i := range rows {
			r := &rows[i]
			if !yield(exposition.Sample{AppID: r.appID, Value: value(r), Created: r.stats.since}) {
				return
			}
		}
	}}
}

// setByReason returns a set with one sample for each row and reason. names has the label values
// of the reasons.
func setByReason[R ~uint8](rows rows, family *exposition.Family, reasons []R, names []string, count func(*row, R) uint64) exposition.Set {
	return exposition.Set{Family: family, Samples: func(yield func(exposition.Sample) bool) {
		for i := range rows {
			r := &rows[i]
			for _, why := range reasons {
				if !yield(exposition.Sample{AppID: r.appID, Label: names[why], Value: float64(count(r, why)), Created: r.stats.since}) {
					return
				}
			}
		}
	}}
}

// durations returns the set of the histograms.
func (rows rows) durations() exposition.Set {
	return exposition.Set{Family: durationHistogram, Samples: func(yield func(exposition.Sample) bool) {
		for i := range rows {
			s := rows[i].stats
			if !yield(exposition.Sample{AppID: rows[i].appID, Label: "decision", Observations: s.decisionDuration, Created: s.since}) ||
				!yield(exposition.Sample{AppID: rows[i].appID, Label: "delivery", Observations: s.deliveryDuration, Created: s.since}) {
				return
			}
		}
	}}
}
