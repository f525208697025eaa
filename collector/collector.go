// Package collector makes metrics of what is known of the rooms of applications.
//
// It keeps nothing: each scrape reads one snapshot, so the two counts of an
// application are always of the same event, and an application that leaves the
// configuration, or comes back after a restart, needs no second update.
package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// App is a configured application with its Counts.
type App = state.App

// Counts is what is known of the rooms of one application.
type Counts = state.Counts

// Source has the applications to make metrics of. A handler.Callback is one.
type Source interface {
	// Snapshot returns the configured applications with distinct IDs, all as of one
	// moment. The caller owns the slice. It must not block.
	Snapshot() []App
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

// metrics are those of an application. Each has a value once there is what it is of.
var metrics = []struct {
	*exposition.Family
	of    stage
	value func(app *state.App) float64
}{
	{exposition.Gauge("tuilivekit_current_rooms",
		"CurRoomCount of the newest threshold event: as last reported, which may be long ago.", ""),
		fresh, func(app *state.App) float64 { return float64(app.Current) }},
	{exposition.Gauge("tuilivekit_max_rooms",
		"MaxRoomCount, the limit, of the same event as tuilivekit_current_rooms.", ""),
		fresh, func(app *state.App) float64 { return float64(app.Max) }},
	{exposition.Gauge("tuilivekit_estimated_rooms",
		"tuilivekit_current_rooms, plus the rooms created and minus those destroyed since that event, as far as their callbacks came here, and after its own.", ""),
		fresh, func(app *state.App) float64 { return float64(app.Estimate) }},
	{exposition.Gauge("tuilivekit_last_event_timestamp_seconds",
		"Tencent's time of the newest threshold event; that of its receipt if it had none, or one in the future.", ""),
		known, func(app *state.App) float64 { return seconds(app.EventTime) }},
	{exposition.Gauge("tuilivekit_last_event_received_timestamp_seconds",
		"Our time of the receipt of the newest threshold event.", ""),
		known, func(app *state.App) float64 { return seconds(app.Received) }},
	{exposition.Counter("tuilivekit_threshold_events_total",
		"Threshold events that were accepted.", ""),
		configured, func(app *state.App) float64 { return float64(app.Events) }},
	{exposition.Counter("tuilivekit_room_creations_total",
		"Callbacks of rooms created that were accepted.", ""),
		configured, func(app *state.App) float64 { return float64(app.Created) }},
	{exposition.Counter("tuilivekit_room_destructions_total",
		"Callbacks of rooms destroyed that were accepted.", ""),
		configured, func(app *state.App) float64 { return float64(app.Destroyed) }},
	{exposition.Gauge("tuilivekit_app_info",
		"Always 1; the name that the configuration gives to an application.", "name"),
		configured, func(*state.App) float64 { return 1 }},
}

// stage is how much is known of an application. Each stage includes those before.
type stage int

const (
	configured stage = iota // it is in the configuration
	known                   // and has had a threshold event
	fresh                   // that is not older than Options.StaleAfter
)

func (c *Collector) stage(app *state.App, now time.Time) stage {
	switch {
	case !app.Known():
		return configured
	case c.opts.StaleAfter > 0 && now.UnixMilli()-app.Received > c.opts.StaleAfter.Milliseconds():
		return known
	}
	return fresh
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { exposition.Describe(c.Sets(), ch) }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) { exposition.Collect(c.Sets(), ch) }

// Sets is for the exporter itself, which writes what it returns faster than a
// prometheus.Registry could.
func (c *Collector) Sets() []exposition.Set {
	now, apps := time.Now(), c.source.Snapshot()
	sets := make([]exposition.Set, len(metrics))
	for i, m := range metrics {
		sets[i] = exposition.Set{Family: m.Family, Samples: func(yield func(exposition.Sample) bool) {
			for i := range apps {
				app := &apps[i]
				if c.stage(app, now) < m.of {
					continue
				}
				if !yield(exposition.Sample{AppID: app.ID, Label: app.Name, Value: m.value(app), Created: time.UnixMilli(app.Since)}) {
					return
				}
			}
		}}
	}
	return sets
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }
