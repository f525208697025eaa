// Package collector makes metrics of what is known of the rooms of applications.
//
// It keeps nothing: each scrape reads one snapshot, so the two counts of an
// application are always of the same event, and an application that leaves the
// configuration, or comes back after a restart, needs no second update.
package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Source has the applications to make metrics of. A handler.Callback is one.
type Source interface {
	// Snapshot returns the configured applications with distinct IDs, all as of one
	// moment. The caller owns the slice. It must not block.
	Snapshot() []state.App
}

// Options are the settings of a Collector.
type Options struct {
	// StaleAfter is the age, since its receipt, from which the counts of an event are
	// no longer exposed. 0 exposes them for ever. The times of the event stay.
	StaleAfter time.Duration
}

// Collector is a prometheus.Collector of the rooms of applications.
type Collector struct {
	source Source
	opts   Options
}

// New returns a Collector of what source has. A scrape does no I/O.
func New(source Source, o Options) *Collector { return &Collector{source: source, opts: o} }

var (
	appLabels = []string{"sdk_app_id"}

	currentDesc = prometheus.NewDesc("tuilivekit_current_rooms",
		"CurRoomCount of the newest threshold event: as last reported, which may be long ago.", appLabels, nil)
	maxDesc = prometheus.NewDesc("tuilivekit_max_rooms",
		"MaxRoomCount, the limit, of the same event as tuilivekit_current_rooms.", appLabels, nil)
	estimatedDesc = prometheus.NewDesc("tuilivekit_estimated_rooms",
		"tuilivekit_current_rooms, plus the rooms created and minus those destroyed since that event, as far as their callbacks came here.", appLabels, nil)
	eventsDesc = prometheus.NewDesc("tuilivekit_threshold_events_total",
		"Threshold events that were accepted.", appLabels, nil)
	createdDesc = prometheus.NewDesc("tuilivekit_room_creations_total",
		"Callbacks of rooms created that were accepted.", appLabels, nil)
	destroyedDesc = prometheus.NewDesc("tuilivekit_room_destructions_total",
		"Callbacks of rooms destroyed that were accepted.", appLabels, nil)
	eventTimeDesc = prometheus.NewDesc("tuilivekit_last_event_timestamp_seconds",
		"Tencent's time of the newest threshold event; that of its receipt if it had none, or one in the future.", appLabels, nil)
	receivedDesc = prometheus.NewDesc("tuilivekit_last_event_received_timestamp_seconds",
		"Our time of the receipt of the newest threshold event.", appLabels, nil)
	infoDesc = prometheus.NewDesc("tuilivekit_app_info",
		"Always 1; the name that the configuration gives to an application.", []string{"sdk_app_id", "name"}, nil)
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		currentDesc, maxDesc, estimatedDesc, eventsDesc, createdDesc, destroyedDesc, eventTimeDesc, receivedDesc, infoDesc,
	} {
		ch <- desc
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	now := time.Now().UnixMilli()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, app := range c.source.Snapshot() {
		since := time.UnixMilli(app.Since)
		count := func(desc *prometheus.Desc, n uint64) {
			ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(desc, prometheus.CounterValue, float64(n), since, app.ID)
		}
		gauge(infoDesc, 1, app.ID, app.Name)
		count(eventsDesc, app.Events)
		count(createdDesc, app.Created)
		count(destroyedDesc, app.Destroyed)
		if !app.Known() {
			continue
		}
		gauge(eventTimeDesc, seconds(app.EventTime), app.ID)
		gauge(receivedDesc, seconds(app.Received), app.ID)
		if c.opts.StaleAfter > 0 && now-app.Received > c.opts.StaleAfter.Milliseconds() {
			continue
		}
		gauge(currentDesc, float64(app.Current), app.ID)
		gauge(maxDesc, float64(app.Max), app.ID)
		gauge(estimatedDesc, float64(app.Estimate), app.ID)
	}
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }
