package queries

import (
	"github.com/prometheus/client_golang/prometheus"
)

// recounts has the metrics of the recounts of production. Each minute one recount succeeds, with 30
// calls, and opens one room and closes two. The package of these metrics needs a server API, so they
// are simulated; TestMetricsAreDocumented checks their names.
type recounts struct {
	recounts, failures, calls, opened, gone prometheus.Counter
	listed, duration, lastSuccess           prometheus.Gauge
	interval, stopped                       prometheus.Gauge
}

// newLaterWithRecounts returns the later metrics of an exporter with recounts of production.
func newLaterWithRecounts(reg prometheus.Registerer) *later {
	l := newLater(reg)
	l.recounts = newRecounts(reg)
	return l
}

func newRecounts(reg prometheus.Registerer) *recounts {
	of := prometheus.Labels{"sdk_app_id": production}
	counter := func(name string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "tuilivekit_reconcile_" + name, ConstLabels: of})
		reg.MustRegister(c)
		return c
	}
	gauge := func(name string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tuilivekit_reconcile_" + name, ConstLabels: of})
		reg.MustRegister(g)
		return g
	}
	r := &recounts{
		recounts: counter("recounts_total"), failures: counter("failures_total"), calls: counter("calls_total"),
		opened: counter("rooms_opened_total"), gone: counter("rooms_closed_total"),
		listed: gauge("listed_rooms"), duration: gauge("duration_seconds"), lastSuccess: gauge("last_success_timestamp_seconds"),
		interval: gauge("interval_seconds"), stopped: gauge("stopped"),
	}
	r.interval.Set(60)
	return r
}

// work simulates a minute with one more recount, which fails.
func (r *recounts) work() {
	r.idle()
	r.recounts.Inc()
	r.failures.Inc()
}

// idle simulates a minute without failures.
func (r *recounts) idle() {
	r.recounts.Inc()
	r.calls.Add(30)
	r.opened.Inc()
	r.gone.Add(2)
	r.listed.Set(700)
	r.duration.Set(15)
	r.lastSuccess.SetToCurrentTime()
}
