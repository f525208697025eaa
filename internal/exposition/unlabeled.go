package exposition

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Unlabeled is a histogram of the process: it has one series, without labels. An observation takes
// half the time of one of client_golang. It is a prometheus.Collector.
type Unlabeled struct {
	Observations
	family  *Family
	created time.Time
}

// NewUnlabeled returns an Unlabeled. bounds are the upper bounds of the classic buckets in ascending
// order, without +Inf.
func NewUnlabeled(name, help string, bounds ...float64) *Unlabeled {
	f := &Family{name: name, help: help, bounds: bounds, desc: prometheus.NewDesc(name, help, nil, nil)}
	return &Unlabeled{Observations: Observations{bounds: bounds}, family: f, created: time.Now()}
}

// Describe implements prometheus.Collector.
func (u *Unlabeled) Describe(ch chan<- *prometheus.Desc) { ch <- u.family.desc }

// Collect implements prometheus.Collector.
func (u *Unlabeled) Collect(ch chan<- prometheus.Metric) {
	ch <- newConstHistogram(u.family, Sample{Observations: &u.Observations, Created: u.created}, nil)
}
