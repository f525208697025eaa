package reconcile

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
)

// appMetrics counts the recounts of one application from its configuration on. A reload does not
// reset it.
type appMetrics struct {
	recounts, failures, calls atomic.Uint64
	opened, closed            atomic.Uint64
	listed                    atomic.Int64
	duration                  atomic.Int64 // nanoseconds, of the last recount that succeeded
	lastSuccess               atomic.Int64 // Unix milliseconds, 0 before the first one
	lastFailure               atomic.Pointer[failed]
	stopped, elsewhere        atomic.Bool
}

// done counts a recount that has ended.
func (m *appMetrics) done(duration time.Duration, err error) {
	m.recounts.Add(1)
	if err != nil {
		m.failures.Add(1)
		m.lastFailure.Store(&failed{time.Now(), err.Error(), restapi.AdviceOf(err).Do})
		return
	}
	m.duration.Store(int64(duration))
	m.lastSuccess.Store(time.Now().UnixMilli())
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("tuilivekit_reconcile_"+name, help, []string{"sdk_app_id"}, nil)
}

var (
	recountsDesc    = desc("recounts_total", "Recounts that have ended, also failed ones.")
	failuresDesc    = desc("failures_total", "Recounts that failed.")
	callsDesc       = desc("calls_total", "Calls of Tencent's server API by recounts.")
	openedDesc      = desc("rooms_opened_total", "Unknown rooms that recounts found open.")
	closedDesc      = desc("rooms_closed_total", "Known rooms that recounts found closed.")
	listedDesc      = desc("listed_rooms", "Rooms on Tencent's list at the last recount that succeeded.")
	durationDesc    = desc("duration_seconds", "Duration of the last recount that succeeded.")
	lastSuccessDesc = desc("last_success_timestamp_seconds", "Time of the end of the last recount that succeeded.")
	intervalDesc    = desc("interval_seconds", "Configured time from the start of a recount to the start of the next one.")
	stoppedDesc     = desc("stopped", "1 if recounts have stopped until the configuration is reloaded, because Tencent refuses them, else 0.")
)

// metrics collects the metrics of all applications.
type metrics struct {
	mu   sync.Mutex
	apps []*counter
}

func newMetrics() *metrics { return &metrics{} }

func (m *metrics) configure(apps []*counter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apps = apps
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		recountsDesc, failuresDesc, callsDesc, openedDesc, closedDesc, listedDesc, durationDesc, lastSuccessDesc, intervalDesc, stoppedDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Gauges of a recount appear with the first one that
// succeeded.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	apps := m.apps
	m.mu.Unlock()
	for _, c := range apps {
		id, a := c.app.ID, c.metrics
		counter := func(d *prometheus.Desc, n *atomic.Uint64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n.Load()), id)
		}
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, id)
		}
		counter(recountsDesc, &a.recounts)
		counter(failuresDesc, &a.failures)
		counter(callsDesc, &a.calls)
		counter(openedDesc, &a.opened)
		counter(closedDesc, &a.closed)
		gauge(intervalDesc, c.app.Interval.Seconds())
		gauge(stoppedDesc, map[bool]float64{true: 1}[a.stopped.Load()])
		if at := a.lastSuccess.Load(); at > 0 {
			gauge(listedDesc, float64(a.listed.Load()))
			gauge(durationDesc, time.Duration(a.duration.Load()).Seconds())
			gauge(lastSuccessDesc, float64(at)/1000)
		}
	}
}
