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

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// apps is a Source that does not change.
type apps []state.App

func (a apps) Snapshot() []state.App { return append([]state.App(nil), a...) }

func TestAnApplicationWithoutEventsHasCountersAndNoGauges(t *testing.T) {
	c := New(apps{{ID: "1", Name: "one", Rooms: state.Rooms{Since: 1}}}, Options{})
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
		source := apps{{ID: "1", Name: "one", Rooms: state.Rooms{Current: 4, Max: 5, EventTime: now - 1000, Received: now, Events: 1}}}
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
// and with a writer that has the text in memory already.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		source, vectors := benchApps(n), prometheus.NewRegistry()
		fillVectors(vectors, source)
		own := prometheus.NewRegistry()
		own.MustRegister(New(source, Options{}))
		handlers := map[string]http.Handler{}
		for name, reg := range map[string]*prometheus.Registry{"collector": own, "vectors": vectors} {
			handlers[name] = promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
		}
		text := body(handlers["collector"])
		if other := body(handlers["vectors"]); other != text {
			b.Fatalf("the two expositions differ: %d and %d bytes", len(text), len(other))
		}
		handlers["text"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
		for _, name := range []string{"text", "vectors", "collector"} {
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
		source[i] = state.App{ID: fmt.Sprint(1400000000 + i), Name: fmt.Sprint("app ", i), Rooms: state.Rooms{
			Current: int64(i), Max: 20000, EventTime: 1739966441121, Received: 1739966441200, Events: uint64(i), Created: 3, Destroyed: 4, Estimate: 5,
		}}
	}
	return source
}

// fillVectors registers what a first version of an exporter would have.
func fillVectors(reg *prometheus.Registry, source apps) {
	vectors := map[*prometheus.Desc]func(app state.App){}
	help := func(desc *prometheus.Desc) (name, help string) {
		parts := strings.Split(desc.String(), `"`)
		return parts[1], parts[3]
	}
	gauge := func(desc *prometheus.Desc, value func(state.App) float64, labels ...string) {
		name, text := help(desc)
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: text}, append([]string{"sdk_app_id"}, labels...))
		reg.MustRegister(v)
		vectors[desc] = func(app state.App) {
			values := []string{app.ID}
			if len(labels) > 0 {
				values = append(values, app.Name)
			}
			v.WithLabelValues(values...).Set(value(app))
		}
	}
	count := func(desc *prometheus.Desc, value func(state.App) uint64) {
		name, text := help(desc)
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: text}, appLabels)
		reg.MustRegister(v)
		vectors[desc] = func(app state.App) { v.WithLabelValues(app.ID).Add(float64(value(app))) }
	}
	gauge(currentDesc, func(a state.App) float64 { return float64(a.Current) })
	gauge(maxDesc, func(a state.App) float64 { return float64(a.Max) })
	gauge(estimatedDesc, func(a state.App) float64 { return float64(a.Estimate) })
	gauge(eventTimeDesc, func(a state.App) float64 { return seconds(a.EventTime) })
	gauge(receivedDesc, func(a state.App) float64 { return seconds(a.Received) })
	gauge(infoDesc, func(state.App) float64 { return 1 }, "name")
	count(eventsDesc, func(a state.App) uint64 { return a.Events })
	count(createdDesc, func(a state.App) uint64 { return a.Created })
	count(destroyedDesc, func(a state.App) uint64 { return a.Destroyed })
	for _, app := range source {
		for _, set := range vectors {
			set(app)
		}
	}
}

func body(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}
