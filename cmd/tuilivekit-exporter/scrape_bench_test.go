//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/sirupsen/logrus"
)

// BenchmarkScrape compares a scrape of applications with relays with one of vectors of
// client_golang that hold the same series: what a first version of an exporter would have.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		compareScrapes(b, n, "relay: {url: 'http://127.0.0.1:1'}", "text", "OpenMetrics", "protobuf")
	}
}

// BenchmarkGrowthOfScrapes is the same for up to 100,000 applications, without relays. Of
// the last step there is no reference: it takes 6 GiB and minutes.
func BenchmarkGrowthOfScrapes(b *testing.B) {
	for n := 1; n <= 100_000; n *= 10 {
		compareScrapes(b, n, "allow_unsigned: false", "OpenMetrics")
	}
}

// compareScrapes scrapes n applications in each of names, which are formats. settings are
// those of each application.
func compareScrapes(b *testing.B, n int, settings string, names ...string) {
	exporter := benchExporter(b, n, settings)
	handlers := map[string]http.Handler{"exporter": exporter}
	if n <= 10_000 {
		handlers["reference"] = promhttp.HandlerFor(vectorsOf(b, exporter), promhttp.HandlerOpts{
			EnableOpenMetrics: true, EnableOpenMetricsTextCreatedSamples: true,
		})
	}
	for _, format := range names {
		for name, h := range handlers {
			b.Run(fmt.Sprintf("apps=%d/format=%s/%s", n, format, name), func(b *testing.B) {
				r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
				r.Header.Set("Accept", formats[format])
				before := cpuTime(b)
				b.ReportAllocs()
				for b.Loop() {
					h.ServeHTTP(&nowhere{header: http.Header{}}, r)
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// nowhere is a ResponseWriter whose network takes no time.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (w *nowhere) WriteHeader(int)             {}

// benchExporter returns the web listener's handler of an exporter in memory with n
// applications, which have settings. A tenth of them has had an event.
func benchExporter(b *testing.B, n int, settings string) http.Handler {
	token := writeFile(b, "token", "token")
	var config strings.Builder
	config.WriteString("apps:\n")
	for i := range n {
		fmt.Fprintf(&config, "  - {sdk_app_id: %d, name: application %d, token_files: [%s], %s}\n", 1400000000+i, i, token, settings)
	}
	c := newCLI(io.Discard, io.Discard)
	if _, err := c.app.Parse([]string{"--config.file=" + writeFile(b, "c.yaml", config.String()), "--storage.path="}); err != nil {
		b.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	a, err := newApp(&c.serve, log)
	if err != nil {
		b.Fatal(err)
	}
	for i := range (n + 9) / 10 {
		body := `{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":1739966441121,"CurRoomCount":400,"MaxRoomCount":500}`
		w := httptest.NewRecorder()
		a.webhook.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/callback"+signed(fmt.Sprint(1400000000+i), "token"), strings.NewReader(body)))
		if w.Code != http.StatusOK {
			b.Fatalf("a callback was answered %d", w.Code)
		}
	}
	return a.web
}

// vectorsOf returns a registry with vectors that hold what an exporter exposes, and with
// the same collectors of the process.
func vectorsOf(b *testing.B, exporter http.Handler) *prometheus.Registry {
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", formats["protobuf"])
	w := httptest.NewRecorder()
	exporter.ServeHTTP(w, r)
	reg := prometheus.NewRegistry()
	reg.MustRegister(newGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for decoder := expfmt.NewDecoder(w.Body, expfmt.FmtProtoDelim); ; {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); errors.Is(err, io.EOF) {
			return reg
		} else if err != nil {
			b.Fatal(err)
		}
		if !strings.HasPrefix(family.GetName(), "go_") && !strings.HasPrefix(family.GetName(), "process_") {
			reg.MustRegister(vectorOf(&family))
		}
	}
}

func vectorOf(family *dto.MetricFamily) prometheus.Collector {
	var names []string
	for _, pair := range family.Metric[0].Label {
		names = append(names, pair.GetName())
	}
	gauges := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: family.GetName(), Help: family.GetHelp()}, names)
	counters := prometheus.NewCounterVec(prometheus.CounterOpts{Name: family.GetName(), Help: family.GetHelp()}, names)
	var bounds []float64
	for _, bucket := range family.Metric[0].Histogram.GetBucket() {
		bounds = append(bounds, bucket.GetUpperBound())
	}
	histograms := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: family.GetName(), Help: family.GetHelp(), Buckets: bounds, NativeHistogramBucketFactor: 1.1,
	}, names)
	for _, m := range family.Metric {
		var values []string
		for _, pair := range m.Label {
			values = append(values, pair.GetValue())
		}
		switch {
		case m.Counter != nil:
			counters.WithLabelValues(values...).Add(m.Counter.GetValue())
		case m.Histogram != nil:
			h := histograms.WithLabelValues(values...)
			for range m.Histogram.GetSampleCount() {
				h.Observe(m.Histogram.GetSampleSum() / float64(m.Histogram.GetSampleCount()))
			}
		default:
			gauges.WithLabelValues(values...).Set(m.Gauge.GetValue())
		}
	}
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		return counters
	case dto.MetricType_HISTOGRAM:
		return histograms
	}
	return gauges
}
