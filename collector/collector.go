// Package collector exposes the counts and the rooms of applications as metrics.
//
// It has no state: each scrape reads one snapshot. So the two counts of an application are always
// of the same event, and the series of a removed application end at once.
package collector

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// App is a configured application with its Counts.
type App = state.App

// Counts are the counts of one application.
type Counts = state.Counts

// Source has the applications. A handler.Callback is a Source.
type Source interface {
	// Snapshot returns the configured applications with distinct IDs, all as of one
	// moment. The caller owns the slice. It must not block.
	Snapshot() []App
}

// Options are the settings of a Collector.
type Options struct {
	// StaleAfter is the time after the receipt of an event for which its counts are exposed. 0
	// means no limit. The times of the event are always exposed.
	StaleAfter time.Duration
}

// Collector is a prometheus.Collector of the rooms of applications.
type Collector struct {
	source Source
	opts   Options
}

// New returns a Collector of the applications of source. A scrape does no I/O.
func New(source Source, o Options) *Collector { return &Collector{source: source, opts: o} }

// metrics are the metrics of an application. A metric is exposed for the applications that have
// reached its stage.
var metrics = []struct {
	*exposition.Family
	of     stage
	labels []string // values of the other label of the family; nil for one series, whose other label is the name if there is one
	value  func(app *state.App, label int) float64
}{
	{exposition.Gauge("tuilivekit_current_rooms",
		"CurRoomCount of the newest threshold event. Its age is in tuilivekit_last_event_timestamp_seconds.", ""),
		fresh, nil, func(app *state.App, _ int) float64 { return float64(app.Current) }},
	{exposition.Gauge("tuilivekit_max_rooms",
		"MaxRoomCount, the limit, of the same event as tuilivekit_current_rooms.", ""),
		fresh, nil, func(app *state.App, _ int) float64 { return float64(app.Max) }},
	{exposition.Gauge("tuilivekit_estimated_rooms",
		"tuilivekit_current_rooms, plus the rooms opened and minus the rooms closed since that event, by the callbacks received in any order.", ""),
		fresh, nil, func(app *state.App, _ int) float64 { return float64(app.Estimate()) }},
	{exposition.Gauge("tuilivekit_estimated_rooms_timestamp_seconds",
		"Tencent's time of the newest event in tuilivekit_estimated_rooms: a threshold event, or a room opened or closed.", ""),
		fresh, nil, func(app *state.App, _ int) float64 { return seconds(max(app.EventTime, app.Rooms.Newest)) }},
	{exposition.Gauge("tuilivekit_known_rooms",
		"Rooms known to be open, from the callbacks of rooms opened and closed and from recounts.", ""),
		rooms, nil, func(app *state.App, _ int) float64 { return float64(app.Rooms.Open) }},
	{exposition.Gauge("tuilivekit_known_rooms_timestamp_seconds",
		"Tencent's time of the newest opening or closing of a known room.", ""),
		rooms, nil, func(app *state.App, _ int) float64 { return seconds(app.Rooms.Newest) }},
	{exposition.Gauge("tuilivekit_known_rooms_deviation",
		"Rooms known to have been open at the newest threshold event, minus its CurRoomCount: above 0 are closings whose callbacks were not received, below 0 openings.", ""),
		deviation, nil, func(app *state.App, _ int) float64 { return float64(app.Deviation()) }},
	{exposition.Counter("tuilivekit_known_rooms_dropped_total",
		"Rooms that were removed from the known rooms because there were more than a million.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Rooms.Dropped) }},
	{exposition.Gauge("tuilivekit_configured_max_rooms",
		"max_rooms of the configuration, until a threshold event reports the limit.", ""),
		limited, nil, func(app *state.App, _ int) float64 { return float64(app.MaxRooms) }},
	{exposition.Gauge("tuilivekit_last_event_timestamp_seconds",
		"Tencent's time of the newest threshold event. If the event had no time, or one in the future, it is the time of receipt.", ""),
		known, nil, func(app *state.App, _ int) float64 { return seconds(app.EventTime) }},
	{exposition.Gauge("tuilivekit_last_event_received_timestamp_seconds",
		"Our time of the receipt of the newest threshold event.", ""),
		known, nil, func(app *state.App, _ int) float64 { return seconds(app.Received) }},
	{exposition.Counter("tuilivekit_threshold_events_total",
		"Accepted threshold events.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Events) }},
	{exposition.Counter("tuilivekit_room_creations_total",
		"Accepted callbacks of rooms created.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Created) }},
	{exposition.Counter("tuilivekit_room_destructions_total",
		"Accepted callbacks of rooms destroyed, by cause: user (a client or the server API), system, other.", "cause"),
		configured, destroyCauses, func(app *state.App, cause int) float64 { return float64(app.Destroyed[cause]) }},
	{exposition.Counter("tuilivekit_room_viewers_total",
		"Viewers of destroyed rooms (TotalViewers), added when a room is destroyed. A viewer of two rooms is counted twice.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Viewers) }},
	{exposition.Counter("tuilivekit_room_gifts_total",
		"Gifts sent in destroyed rooms (TotalGiftsSent), added when a room is destroyed.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Gifts) }},
	{exposition.Counter("tuilivekit_room_gift_coins_total",
		"Coins of the gifts sent in destroyed rooms (TotalGiftCoins), added when a room is destroyed.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Coins) }},
	{exposition.Counter("tuilivekit_room_likes_total",
		"Likes in destroyed rooms (TotalLikesReceived), added when a room is destroyed.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.Likes) }},
	{exposition.Counter("tuilivekit_rooms_without_statistics_total",
		"Destroyed rooms whose callback had no valid Statistic. Their viewers, gifts, coins and likes are not counted.", ""),
		configured, nil, func(app *state.App, _ int) float64 { return float64(app.WithoutStatistic) }},
	{exposition.Counter("tuilivekit_member_changes_total",
		"Members who entered or left, by cause. Tencent sends nothing for the members of a destroyed room, so this does not give the number of members online.", "cause"),
		configured, memberCauses, func(app *state.App, cause int) float64 { return float64(app.Members[cause]) }},
	{exposition.Gauge("tuilivekit_daily_group_quota_used",
		"QuotaUsed of the newest alarm about the daily quota of groups.", ""),
		quota, nil, func(app *state.App, _ int) float64 { return float64(app.QuotaUsed) }},
	{exposition.Gauge("tuilivekit_daily_group_quota_limit",
		"Quota of the same alarm as tuilivekit_daily_group_quota_used.", ""),
		quota, nil, func(app *state.App, _ int) float64 { return float64(app.Quota) }},
	{exposition.Gauge("tuilivekit_daily_group_quota_timestamp_seconds",
		"Tencent's time of the same alarm as tuilivekit_daily_group_quota_used.", ""),
		quota, nil, func(app *state.App, _ int) float64 { return seconds(app.QuotaTime) }},
	{exposition.Gauge("tuilivekit_app_info",
		"Always 1; the name that the configuration gives to an application.", "name"),
		configured, nil, func(*state.App, int) float64 { return 1 }},
}

var destroyCauses, memberCauses = labels[state.DestroyCause](state.NumDestroyCauses), labels[state.MemberCause](state.NumMemberCauses)

// stage is the condition under which a metric of an application is exposed.
type stage int

const (
	configured stage = iota // the application is configured
	limited                 // the configuration has a limit of rooms
	known                   // there was a threshold event
	fresh                   // there was a threshold event within Options.StaleAfter
	rooms                   // there was an event or news of a room
	deviation               // fresh and rooms
	quota                   // there was an alarm about the daily quota of groups
)

// Describe implements prometheus.Collector.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) { exposition.Describe(c.Sets(), ch) }

// Collect implements prometheus.Collector.
func (c *Collector) Collect(ch chan<- prometheus.Metric) { exposition.Collect(c.Sets(), ch) }

// Sets implements exposition.Source. The exporter writes its result faster than a
// prometheus.Registry.
func (c *Collector) Sets() []exposition.Set {
	now, apps := time.Now(), c.source.Snapshot()
	sets := make([]exposition.Set, len(metrics))
	for i, m := range metrics {
		sets[i] = exposition.Set{Family: m.Family, Samples: func(yield func(exposition.Sample) bool) {
			for i := range apps {
				app := &apps[i]
				if !c.has(m.of, app, now) {
					continue
				}
				sample := exposition.Sample{AppID: app.ID, Label: app.Name, Created: time.UnixMilli(app.Since)}
				if m.labels == nil {
					sample.Value = m.value(app, 0)
					if !yield(sample) {
						return
					}
				}
				for label, name := range m.labels {
					sample.Label, sample.Value = name, m.value(app, label)
					if !yield(sample) {
						return
					}
				}
			}
		}}
	}
	return sets
}

// has reports whether app has reached the stage of.
func (c *Collector) has(of stage, app *state.App, now time.Time) bool {
	switch of {
	case limited:
		return app.MaxRooms > 0
	case known:
		return app.Known()
	case fresh:
		return app.Known() && (c.opts.StaleAfter == 0 || now.UnixMilli()-app.Received <= c.opts.StaleAfter.Milliseconds())
	case rooms:
		return app.Rooms.Newest != 0
	case deviation:
		return app.Rooms.Newest != 0 && c.has(fresh, app, now)
	case quota:
		return app.QuotaTime != 0
	}
	return true
}

func labels[C interface {
	~uint8
	String() string
}](n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = C(i).String()
	}
	return list
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }
