package collector

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/exposition"
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

// BenchmarkScrape compares a scrape with one of vectors that hold the same series,
// with one of the Collector in a Registry of client_golang, and with a writer that has
// the text in memory already.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		own, generic := exposition.NewRegistry(), prometheus.NewRegistry()
		own.MustRegister(New(benchApps(n), Options{}))
		generic.MustRegister(New(benchApps(n), Options{}))
		handlers := map[string]http.Handler{
			"collector": own.Handler(nil),
			"generic":   promhttp.HandlerFor(generic, promhttp.HandlerOpts{}),
			"vectors":   promhttp.HandlerFor(vectorsOf(b, generic), promhttp.HandlerOpts{}),
		}
		text := body(handlers["collector"])
		for _, name := range []string{"generic", "vectors"} {
			if other := body(handlers[name]); other != text {
				b.Fatalf("the exposition of %s differs: %d and %d bytes", name, len(text), len(other))
			}
		}
		handlers["text"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
		for _, name := range []string{"text", "vectors", "generic", "collector"} {
			b.Run(fmt.Sprintf("apps=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					w := httptest.NewRecorder()
					handlers[name].ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
				}
			})
		}
	}
}

func benchApps(n int) apps {
	source := make(apps, n)
	for i := range source {
		source[i] = state.App{ID: fmt.Sprint(1400000000 + i), Name: fmt.Sprint("app ", 1400000000+i), Counts: state.Counts{
			Current: int64(i), Max: 20000, EventTime: 1739966441121, Received: 1739966441200, Events: uint64(i), Created: 3, Destroyed: 4, Estimate: 5,
		}}
	}
	return source
}

// vectorsOf returns a registry with vectors that hold what from has: what a first version
// of an exporter would have.
func vectorsOf(b *testing.B, from prometheus.Gatherer) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	families, err := from.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, family := range families {
		var names []string
		for _, pair := range family.Metric[0].Label {
			names = append(names, pair.GetName())
		}
		gauges := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: family.GetName(), Help: family.GetHelp()}, names)
		counters := prometheus.NewCounterVec(prometheus.CounterOpts{Name: family.GetName(), Help: family.GetHelp()}, names)
		for _, m := range family.Metric {
			var values []string
			for _, pair := range m.Label {
				values = append(values, pair.GetValue())
			}
			if m.Counter != nil {
				counters.WithLabelValues(values...).Add(m.Counter.GetValue())
			} else {
				gauges.WithLabelValues(values...).Set(m.Gauge.GetValue())
			}
		}
		if family.Metric[0].Counter != nil {
			reg.MustRegister(counters)
		} else {
			reg.MustRegister(gauges)
		}
	}
	return reg
}

func body(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}
