package collector

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

func TestAnApplicationWithoutEventsHasCountersAndNoGauges(t *testing.T) {
	got := names(t, New(apps{{ID: "1", Name: "one", Counts: state.Counts{Since: 1}}}, Options{}))
	want := map[string]int{
		"tuilivekit_app_info": 1, "tuilivekit_threshold_events_total": 1, "tuilivekit_room_creations_total": 1,
		"tuilivekit_room_destructions_total": 3, "tuilivekit_known_rooms_dropped_total": 1, "tuilivekit_room_viewers_total": 1,
		"tuilivekit_room_gifts_total": 1, "tuilivekit_room_gift_coins_total": 1, "tuilivekit_room_likes_total": 1,
		"tuilivekit_rooms_without_statistics_total": 1, "tuilivekit_member_changes_total": 6,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// A gauge is exposed as soon as its value is known, and not before.
func TestGaugesAppearWithTheirValues(t *testing.T) {
	for _, tc := range []struct {
		name string
		app  state.App
		want []string
	}{
		{"a limit", state.App{MaxRooms: 500}, []string{"tuilivekit_configured_max_rooms"}},
		{"rooms", state.App{Rooms: state.KnownRooms{Newest: 1}}, []string{"tuilivekit_known_rooms", "tuilivekit_known_rooms_timestamp_seconds"}},
		{"an event", state.App{Counts: state.Counts{Max: 1, Received: 1}}, []string{
			"tuilivekit_current_rooms", "tuilivekit_max_rooms", "tuilivekit_estimated_rooms", "tuilivekit_estimated_rooms_timestamp_seconds",
			"tuilivekit_last_event_timestamp_seconds", "tuilivekit_last_event_received_timestamp_seconds"}},
		{"an event and rooms", state.App{Counts: state.Counts{Max: 1, Received: 1}, Rooms: state.KnownRooms{Newest: 1}}, []string{
			"tuilivekit_current_rooms", "tuilivekit_max_rooms", "tuilivekit_estimated_rooms", "tuilivekit_estimated_rooms_timestamp_seconds",
			"tuilivekit_last_event_timestamp_seconds", "tuilivekit_last_event_received_timestamp_seconds",
			"tuilivekit_known_rooms", "tuilivekit_known_rooms_timestamp_seconds", "tuilivekit_known_rooms_deviation"}},
		{"a quota", state.App{Counts: state.Counts{QuotaTime: 1}}, []string{
			"tuilivekit_daily_group_quota_used", "tuilivekit_daily_group_quota_limit", "tuilivekit_daily_group_quota_timestamp_seconds"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := names(t, New(apps{tc.app}, Options{}))
			for name := range names(t, New(apps{{}}, Options{})) {
				delete(got, name)
			}
			if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(slices.Values(tc.want))) {
				t.Errorf("got %v, want %v", slices.Sorted(maps.Keys(got)), tc.want)
			}
		})
	}
}

func TestCountsLeaveTheExpositionWhenStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMilli()
		source := apps{{ID: "1", Name: "one", Counts: state.Counts{Current: 4, Max: 5, EventTime: now - 1000, Received: now}}}
		gauges := []string{"tuilivekit_current_rooms", "tuilivekit_max_rooms", "tuilivekit_estimated_rooms"}
		times := []string{"tuilivekit_last_event_timestamp_seconds", "tuilivekit_last_event_received_timestamp_seconds"}
		check := func(c *Collector, wantGauges int) {
			t.Helper()
			if n := testutil.CollectAndCount(c, gauges...); n != wantGauges {
				t.Errorf("%d counts, want %d", n, wantGauges)
			}
			if n := testutil.CollectAndCount(c, times...); n != 2 {
				t.Errorf("%d times, want 2", n)
			}
		}
		expiring, lasting := New(source, Options{StaleAfter: time.Hour}), New(source, Options{})
		time.Sleep(time.Hour)
		check(expiring, 3)
		time.Sleep(time.Millisecond)
		check(expiring, 0)
		check(lasting, 3)
	})
}

// apps is a Source that does not change.
type apps []state.App

func (a apps) Snapshot() []state.App { return append([]state.App(nil), a...) }

// names returns the number of series of c by metric name.
func names(t *testing.T, c *Collector) map[string]int {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, f := range families {
		found[f.GetName()] = len(f.Metric)
	}
	return found
}
