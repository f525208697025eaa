// Package exposition exposes the metrics that every configured application has.
//
// client_golang makes several objects for each series of each scrape, checks and sorts
// them, and only then writes them: with 100,000 applications of 33 series each that takes
// far longer than Prometheus waits. A Source has its series in families, in order, each
// of them once; so they are written while they are read, and a scrape takes no memory for
// them. All other collectors are left to client_golang; their families are written
// between those of the sources.
//
// # How to add a metric
//
// Declare its family once. The last argument is the name of a label beside sdk_app_id, or
// empty:
//
//	var closings = exposition.Counter("tuilivekit_room_destructions_total", "Rooms destroyed, by cause.", "cause")
//
// Return its samples from the Sets of a Source that is registered in the Registry. A
// counter tells since when it counts, which is the created timestamp of its series:
//
//	exposition.Set{Family: closings, Samples: func(yield func(exposition.Sample) bool) {
//		for _, app := range apps {
//			if !yield(exposition.Sample{AppID: app.ID, Label: "user", Value: float64(app.Closed), Created: app.Since}) {
//				return
//			}
//		}
//	}}
//
// A histogram has the upper bounds of its classic buckets. The text formats show these,
// protobuf shows native buckets too. An application keeps Observations for each value of
// the label, and gives them to the sample in the place of a value:
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

// appLabel is the label that every family has.
const appLabel = "sdk_app_id"

// Family is a metric that applications have. It does not change.
type Family struct {
	name, help string
	kind       dto.MetricType // GAUGE, COUNTER or HISTOGRAM
	label      string         // beside appLabel, "" without
	bounds     []float64      // of the classic buckets of a histogram, without +Inf
	desc       *prometheus.Desc
}

// Gauge returns a family of gauges, one for each application and value of label, or one
// for each application if label is empty.
func Gauge(name, help, label string) *Family {
	return newFamily(dto.MetricType_GAUGE, name, help, label)
}

// Counter returns a family of counters. The name ends in "_total".
func Counter(name, help, label string) *Family {
	return newFamily(dto.MetricType_COUNTER, name, help, label)
}

// Histogram returns a family of histograms. bounds are the upper bounds of the classic
// buckets in ascending order; +Inf comes by itself.
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

// labels returns what is to be given for the labels of f, in their order.
func (f *Family) labels(app, other string) []string {
	if f.label == "" {
		return []string{app}
	}
	return []string{app, other}
}

// Sample is one series at the time of a scrape.
type Sample struct {
	AppID        string
	Label        string        // value of the family's other label, if it has one
	Value        float64       // of a gauge or a counter; finite
	Observations *Observations // of a histogram; nil has none
	Created      time.Time     // since when a counter or a histogram counts; not used of a gauge
}

// Set has the samples of a family.
type Set struct {
	*Family
	// Samples may be read more than once. It yields the same labels and created times in
	// the same order each time; values may have moved on.
	Samples iter.Seq[Sample]
}

// Source is a collector of metrics that applications have. It is comparable.
type Source interface {
	prometheus.Collector
	// Sets returns what is known at this moment, no two samples with the same labels, in
	// the order in which they are to be shown. The families are always the same. It may
	// be called from several goroutines and must not block.
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
