package collector

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// apps is a Source that does not change.
type apps []state.App

func (a apps) Snapshot() []state.App { return append([]state.App(nil), a...) }

func TestAnApplicationWithoutEventsHasCountersAndNoGauges(t *testing.T) {
	c := New(apps{{ID: "1", Name: "one", Counts: state.Counts{Since: 1}}}, Options{})
	want := `
# HELP tuilivekit_app_info Always 1; the name that the configuration gives to an application.
# TYPE tuilivekit_app_info gauge
tuilivekit_app_info{name="one",sdk_app_id="1"} 1
# HELP tuilivekit_room_creations_total Callbacks of rooms created that were accepted.
# TYPE tuilivekit_room_creations_total counter
tuilivekit_room_creations_total{sdk_app_id="1"} 0
# HELP tuilivekit_room_destructions_total Callbacks of rooms destroyed that were accepted.
# TYPE tuilivekit_room_destructions_total counter
tuilivekit_room_destructions_total{sdk_app_id="1"} 0
# HELP tuilivekit_threshold_events_total Threshold events that were accepted.
# TYPE tuilivekit_threshold_events_total counter
tuilivekit_threshold_events_total{sdk_app_id="1"} 0
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestCountsLeaveTheExpositionWhenStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMilli()
		source := apps{{ID: "1", Name: "one", Counts: state.Counts{Current: 4, Max: 5, EventTime: now - 1000, Received: now, Events: 1}}}
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
