package exposition

import (
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	openMetrics = "application/openmetrics-text;version=1.0.0"
	protobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

// The answers equal those of promhttp for the same metrics.
func TestAnswersEqualPromhttp(t *testing.T) {
	labels := []string{"", `"`, `\`, "\n", `a\n"b`, "名", "\u202e", strings.Repeat("x", 40000)}
	slices.Sort(labels)
	durations := Histogram("m_seconds", "histograms", "zz", .001, .5, 1, 2.5, 10, 1e6)
	labelled := Histogram("m_two_seconds", "no classic buckets", "kind")
	r := NewRegistry()
	r.MustRegister(
		&fixed{
			{Gauge("m_gauge", `a "quoted" \ help`+"\nof two lines", ""), hostile("")},
			{Counter("m_total", `"`, "zz"), hostile(labels...)},
			{Gauge("m_none", "no samples", "kind"), hostile()},
			{Counter("m_one_total", "one label value", "kind"), hostile("x")},
			{durations, observed(durations, "", "\n", `a"`)},
			{labelled, observed(labelled, "x")},
		},
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "m_first", Help: "Between those."}),
		prometheus.NewHistogram(prometheus.HistogramOpts{Name: "z_last", Help: "After those."}),
		prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "Before those."}),
	)
	own := r.Handler(errorLog{t})
	theirs := promhttp.HandlerFor(r.all, promhttp.HandlerOpts{EnableOpenMetrics: true, EnableOpenMetricsTextCreatedSamples: true})
	for _, tt := range []struct{ path, accept string }{
		{"/", ""},
		{"/", "text/plain;version=1.0.0;escaping=allow-utf-8"},
		{"/", openMetrics},
		{"/", "application/openmetrics-text;version=0.0.1"},
		{"/", protobuf},
		{"/", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text"},
		{"/", "image/png"},
		{"/?name[]=m_first", ""},
		{"/?name[]=m_total&name[]=m_seconds&name[]=a_total", openMetrics},
		{"/?name[]=m_total&name[]=m_seconds&name[]=a_total", protobuf},
		{"/?name[]=m_seconds_bucket", openMetrics},
		{"/?name[]=m_seconds", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text"},
		{"/?other=m_first", ""},
		{"/?name[]", ""},
	} {
		accept := tt.path + " " + tt.accept
		got, want := get(own, tt.path, tt.accept, ""), get(theirs, tt.path, tt.accept, "")
		if g, w := strings.SplitAfter(got.Body.String(), "\n"), strings.SplitAfter(want.Body.String(), "\n"); !slices.Equal(g, w) {
			for i := range min(len(g), len(w)) {
				if g[i] != w[i] {
					t.Fatalf("%s: line %d is\n%.200q, and of promhttp\n%.200q", accept, i+1, g[i], w[i])
				}
			}
			t.Fatalf("%s: %d lines, and of promhttp %d", accept, len(g), len(w))
		}
		for _, header := range []string{"Content-Type", "Vary"} {
			if g, w := got.Header()[header], want.Header()[header]; !slices.Equal(g, w) {
				t.Errorf("%s: %s is %q, and of promhttp %q", accept, header, g, w)
			}
		}
	}
}

func TestCompression(t *testing.T) {
	r := NewRegistry()
	r.MustRegister(&fixed{{Gauge("m", "h", ""), hostile("")}})
	h := r.Handler(errorLog{t})
	plain := get(h, "/", openMetrics, "").Body.String()
	for accepted, want := range map[string]string{
		"gzip": "gzip", "GZIP": "gzip", "br, gzip;q=0.5": "gzip", "gzip; x=1;Q=0.3": "gzip", "gzip;x=1": "gzip",
		"zstd": "zstd", "zstd,gzip": "zstd", "gzip, zstd": "zstd", "zstd;q=0.9,gzip; q=1": "gzip", "gzip;q=0,*;q=0.1": "",
		"identity;q=0.5, zstd": "zstd", "identity, gzip": "", "*": "", "gzip;q=0.2,*;q=0.1": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip; q=0.000": "", "identity": "", "xgzip": "", "identity;q=0": "", "gzip;q=x": "gzip",
	} {
		for range 2 { // the second answer uses the compressor of the first
			w := get(h, "/", openMetrics, accepted)
			body := io.Reader(w.Body)
			got := w.Header().Get("Content-Encoding")
			if got != want {
				t.Errorf("%s: Content-Encoding is %q", accepted, got)
				continue
			}
			var err error
			switch want {
			case "gzip":
				body, err = gzip.NewReader(body)
			case "zstd":
				body, err = zstd.NewReader(body)
			}
			if err != nil {
				t.Errorf("%s: %v", accepted, err)
				continue
			}
			if text, err := io.ReadAll(body); err != nil || string(text) != plain {
				t.Errorf("%s: %d bytes (%v), want the %d of the plain text", accepted, len(text), err, len(plain))
			}
		}
	}
}

func TestFailures(t *testing.T) {
	r := NewRegistry()
	source := &fixed{{Gauge("m", "h", ""), hostile("")}}
	r.MustRegister(source)
	if err := r.Register(prometheus.NewGauge(prometheus.GaugeOpts{Name: "m", Help: "Other."})); err == nil {
		t.Error("a metric can be registered twice")
	}
	broken := failing{prometheus.NewGauge(prometheus.GaugeOpts{Name: "broken"})}
	r.MustRegister(broken)
	h := r.Handler(errorLog{t})
	if w := get(h, "/", "", ""); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "broken") {
		t.Errorf("with a metric that cannot be gathered: %d %q", w.Code, w.Body)
	}
	if !r.Unregister(broken) || r.Unregister(broken) {
		t.Error("not unregistered once")
	}
	if w := get(h, "/", "", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "m{") {
		t.Errorf("without it: %d %q", w.Code, w.Body)
	}
	if !r.Unregister(source) {
		t.Error("a source is not unregistered")
	}
	if w := get(h, "/", "", ""); w.Body.String() != "" {
		t.Errorf("without any: %q", w.Body)
	}
}

// A scraper must not accept a part of an answer. In the text format only the end of the connection
// shows that the rest is missing.
func TestAnAnswerThatBreaksOffIsAborted(t *testing.T) {
	r := NewRegistry()
	read := 0
	r.MustRegister(&fixed{{Gauge("m", "h", ""), func(yield func(Sample) bool) {
		for i := range 1000000 {
			read = i
			if !yield(Sample{AppID: strconv.Itoa(i * 2654435761)}) { // these numbers compress badly
				return
			}
		}
	}}})
	h := r.Handler(errorLog{t})
	for _, encoding := range []string{"", "gzip", "zstd"} {
		func() {
			defer func() {
				if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares with it too
					t.Errorf("%q: recovered %v", encoding, p)
				}
			}()
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			req.Header.Set("Accept-Encoding", encoding)
			h.ServeHTTP(&half{httptest.NewRecorder(), 1000}, req)
		}()
		if read > 900000 {
			t.Errorf("%q: went on to sample %d", encoding, read)
		}
	}
}

type failing struct{ prometheus.Gauge }

func (f failing) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(f.Desc(), errors.New("broken"))
}

// A family is read twice for protobuf. If its labels change in between, the answer is invalid and
// must be aborted.
func TestLabelsThatChangeWhileTheyAreReadAbortTheAnswer(t *testing.T) {
	app := "1"
	r := NewRegistry()
	r.MustRegister(&fixed{{Gauge("m", "h", ""), func(yield func(Sample) bool) {
		app += "1"
		yield(Sample{AppID: app})
	}}})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // it is that value
			t.Errorf("recovered %v", p)
		}
	}()
	get(r.Handler(errorLog{t}), "/", protobuf, "")
}

// half is a ResponseWriter whose writes fail after a part of the answer.
type half struct {
	*httptest.ResponseRecorder
	left int
}

func (w *half) Write(b []byte) (int, error) {
	if w.left -= len(b); w.left < 0 {
		return 0, errors.New("gone")
	}
	return w.ResponseRecorder.Write(b)
}

// Samples need no memory, for any number of samples. Histograms in protobuf use memory again.
func TestSamplesAreWrittenWithoutAllocations(t *testing.T) {
	histogram := Histogram("m_seconds", "h", "kind", 1, 2, 3)
	observations := histogram.Observations()
	observations.Observe(1.5)
	observations.Observe(1000)
	for _, accept := range []string{"text/plain", openMetrics, protobuf} {
		for _, family := range []*Family{Gauge("m", "h", ""), Counter("m_total", "h", "kind"), histogram} {
			allocations := func(n int) float64 {
				r := NewRegistry()
				r.MustRegister(&fixed{{family, func(yield func(Sample) bool) {
					for range n {
						if !yield(Sample{AppID: "1400000001", Label: "one", Value: 12, Observations: observations, Created: time.Unix(1, 0)}) {
							return
						}
					}
				}}})
				h := r.Handler(errorLog{t})
				return testing.AllocsPerRun(10, func() {
					req := httptest.NewRequest(http.MethodGet, "/", nil)
					req.Header.Set("Accept", accept)
					h.ServeHTTP(&nowhere{header: http.Header{}}, req)
				})
			}
			// The metrics of a family of histograms are kept in memory that grows by doubling.
			if one, many := allocations(1), allocations(10000); many > one+50 {
				t.Errorf("%s, %s: %v allocations for a sample, %v for 10,000", accept, family.name, one, many)
			}
		}
	}
}

type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header { return w.header }

func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }

func (w *nowhere) WriteHeader(int) {}

// fixed is a Source that does not change.
type fixed []Set

func (f *fixed) Describe(ch chan<- *prometheus.Desc) { Describe(*f, ch) }

func (f *fixed) Collect(ch chan<- prometheus.Metric) { Collect(*f, ch) }

func (f *fixed) Sets() []Set { return *f }

type errorLog struct{ t *testing.T }

func (l errorLog) Println(v ...any) { l.t.Log(v...) }

func get(h http.Handler, path, accept, encoding string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", accept)
	if encoding != "" {
		r.Header.Set("Accept-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// hostile returns samples whose labels and values are hard to encode, in the order of a
// prometheus.Registry.
func hostile(labels ...string) iter.Seq[Sample] {
	random := rand.New(rand.NewPCG(1, 2))
	values := []float64{0, 1, -1, 10, 999999, 1e6, 1e21, 0.1, 1739966441.121, math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53}
	for range 50 {
		values = append(values, math.Float64frombits(random.Uint64()>>2), float64(random.Int64()))
	}
	var samples []Sample
	for i, v := range values {
		for _, label := range labels {
			samples = append(samples, Sample{
				AppID: string(rune('A'+i/26)) + string(rune('a'+i%26)), Label: label, Value: v,
				Created: time.Unix(0, random.Int64N(4e18)),
			})
		}
	}
	return slices.Values(samples)
}

// observed returns samples of histograms in the order of a prometheus.Registry. Some have no
// Observations, some have Observations without a value, and the others have more and more values.
func observed(f *Family, labels ...string) iter.Seq[Sample] {
	random := rand.New(rand.NewPCG(3, 4))
	var samples []Sample
	for i := range 40 {
		for _, label := range labels {
			s := Sample{AppID: string(rune('A'+i/26)) + string(rune('a'+i%26)), Label: label, Created: time.Unix(0, random.Int64N(4e18))}
			if i > 0 {
				s.Observations = f.Observations()
				for range i * i / 10 {
					s.Observations.Observe(math.Exp(random.NormFloat64() * float64(i) / 4))
				}
			}
			samples = append(samples, s)
		}
	}
	return slices.Values(samples)
}
