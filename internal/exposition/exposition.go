// Package exposition exposes the metrics of the configured applications.
//
// client_golang allocates several objects for each series of each scrape, and checks and sorts
// them before it writes them. With 100,000 applications of 33 series each, this takes longer than
// Prometheus waits. A Source yields its series by family, in order and without repeats. So they
// are written while they are read, and a scrape allocates no memory for them. All other
// collectors are gathered by client_golang; all families are written in the order of their names.
//
// # How to add a metric
//
// Declare its family once. The last argument is the name of a label beside sdk_app_id, or
// empty:
//
//	var closings = exposition.Counter("tuilivekit_room_destructions_total", "Rooms destroyed, by cause.", "cause")
//
// Return its samples from the Sets of a Source that is registered in the Registry. Created of a
// counter is the time since which it counts, the created timestamp of its series:
//
//	exposition.Set{Family: closings, Samples: func(yield func(exposition.Sample) bool) {
//		for _, app := range apps {
//			if !yield(exposition.Sample{AppID: app.ID, Label: "user", Value: float64(app.Closed), Created: app.Since}) {
//				return
//			}
//		}
//	}}
//
// A histogram has the upper bounds of its classic buckets. The text formats have classic buckets
// only, protobuf has native buckets too. An application has Observations for each value of the
// label. The sample has the Observations instead of a value:
//
//	var durations = exposition.Histogram("tuilivekit_room_duration_seconds", "Time from …", "", 60, 600, 3600)
//
//	app.durations = durations.Observations()
//	app.durations.Observe(seconds)
//	yield(exposition.Sample{AppID: app.ID, Observations: app.durations, Created: app.Since})
//
// Then run make docs, which writes docs/metrics.md and the golden files.
package exposition

import (
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// appLabel is a label of each family.
const appLabel = "sdk_app_id"

// Family is a metric of applications. It is immutable.
type Family struct {
	name, help string
	kind       dto.MetricType // GAUGE, COUNTER or HISTOGRAM
	label      string         // label beside appLabel, "" if there is none
	bounds     []float64      // of the classic buckets of a histogram, without +Inf
	desc       *prometheus.Desc
}

// Gauge returns a family of gauges. There is one gauge for each application and value of label, or
// one for each application if label is empty.
func Gauge(name, help, label string) *Family {
	return newFamily(dto.MetricType_GAUGE, name, help, label)
}

// Counter returns a family of counters. The name ends in "_total".
func Counter(name, help, label string) *Family {
	return newFamily(dto.MetricType_COUNTER, name, help, label)
}

// Histogram returns a family of histograms. bounds are the upper bounds of the classic buckets in
// ascending order, without +Inf.
func Histogram(name, help, label string, bounds ...float64) *Family {
	f := newFamily(dto.MetricType_HISTOGRAM, name, help, label)
	f.bounds = bounds
	return f
}

func newFamily(kind dto.MetricType, name, help, label string) *Family {
	f := &Family{name: name, help: help, kind: kind, label: label}
	f.desc = prometheus.NewDesc(name, help, f.labels(appLabel, label), nil)
	return f
}

// labels returns app, or app and other if f has two labels.
func (f *Family) labels(app, other string) []string {
	if f.label == "" {
		return []string{app}
	}
	return []string{app, other}
}

// Sample is one series at the time of a scrape.
type Sample struct {
	AppID        string
	Label        string        // value of the other label of the family, if it has one
	Value        float64       // value of a gauge or a counter; finite
	Observations *Observations // observations of a histogram; nil means none
	Created      time.Time     // time since which a counter or a histogram counts; not used for a gauge
}

// Set has the samples of a family.
type Set struct {
	*Family
	// Samples may be read more than once. Each time it yields the same labels and created times
	// in the same order. Values may differ.
	Samples iter.Seq[Sample]
}

// Source is a collector of metrics of applications. Its dynamic type must be comparable.
type Source interface {
	prometheus.Collector
	// Sets returns the current samples, in the order in which they are written. No two samples
	// of a family have the same labels. The families are always the same. Sets may be called
	// from several goroutines and must not block.
	Sets() []Set
}

// Describe implements prometheus.Collector for a Source.
func Describe(sets []Set, ch chan<- *prometheus.Desc) {
	for _, set := range sets {
		ch <- set.desc
	}
}

// Collect implements prometheus.Collector for a Source.
func Collect(sets []Set, ch chan<- prometheus.Metric) {
	for _, set := range sets {
		for s := range set.Samples {
			labels := set.labels(s.AppID, s.Label)
			switch set.kind {
			case dto.MetricType_COUNTER:
				ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(set.desc, prometheus.CounterValue, s.Value, s.Created, labels...)
			case dto.MetricType_HISTOGRAM:
				ch <- newConstHistogram(set.Family, s, labels)
			default:
				ch <- prometheus.MustNewConstMetric(set.desc, prometheus.GaugeValue, s.Value, labels...)
			}
		}
	}
}
