// Package exposition exposes metrics that every one of many applications has.
//
// client_golang makes several objects of each series of each scrape, checks and sorts
// them, and only then writes them: with 100,000 applications of 33 series each that takes
// far longer than Prometheus waits. A Source has its series in families, in order, each
// of them once; so they are written while they are read, and a scrape takes no memory for
// them. All other metrics, and formats that are not text, are left to client_golang.
package exposition

import (
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// appLabel is the label that every family has.
const appLabel = "sdk_app_id"

// Family is a metric that applications have.
type Family struct {
	name, help string
	kind       prometheus.ValueType
	label      string // beside appLabel, "" without
	desc       *prometheus.Desc
}

// Gauge returns a family of gauges, one for each application and value of label, or one
// for each application if label is empty.
func Gauge(name, help, label string) *Family {
	return newFamily(prometheus.GaugeValue, name, help, label)
}

// Counter is the same of counters. The name ends in "_total".
func Counter(name, help, label string) *Family {
	return newFamily(prometheus.CounterValue, name, help, label)
}

func newFamily(kind prometheus.ValueType, name, help, label string) *Family {
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
	AppID   string
	Label   string    // value of the family's other label, if it has one
	Value   float64   // finite
	Created time.Time // since when a counter counts; not used of a gauge
}

// Set has the samples of a family.
type Set struct {
	*Family
	Samples iter.Seq[Sample] // may be read once
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
			if set.kind == prometheus.CounterValue {
				ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(set.desc, set.kind, s.Value, s.Created, labels...)
			} else {
				ch <- prometheus.MustNewConstMetric(set.desc, set.kind, s.Value, labels...)
			}
		}
	}
}
