package exposition

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// Observations are counted as by client_golang, also at the bounds of buckets.
func TestObservationsAreThoseOfClientGolang(t *testing.T) {
	bounds := []float64{.001, .5, 1, 2.5, 100}
	random := rand.New(rand.NewPCG(5, 6))
	var edges, ordinary, wide []float64
	for exponent := -19; exponent <= 32; exponent++ {
		for _, fraction := range fractions {
			bound := math.Ldexp(fraction, exponent)
			edges = append(edges, bound, math.Nextafter(bound, 0), math.Nextafter(bound, maxValue))
		}
	}
	for range 5000 {
		ordinary = append(ordinary, math.Exp(random.NormFloat64()))
		wide = append(wide, math.Exp(random.NormFloat64()*5))
	}
	for name, values := range map[string][]float64{
		"none": nil, "zero": {0, zeroThreshold}, "one": {1}, "bounds": bounds, "edges": edges,
		"ordinary": ordinary, "wide": wide, "gaps": {1, 1.1, 1.3, 1.7, 2.5, 1000, 1, .0001},
	} {
		f := Histogram("m_seconds", "h", "", bounds...)
		o := f.Observations()
		theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "m_seconds", Buckets: bounds, NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: zeroThreshold,
		})
		for _, v := range values {
			o.Observe(v)
			theirs.Observe(v)
		}
		var want dto.Metric
		if err := theirs.Write(&want); err != nil {
			t.Fatal(err)
		}
		want.Histogram.CreatedTimestamp = nil
		if got := written(t, f, o); !proto.Equal(got, want.Histogram) {
			t.Errorf("%s: got\n%s\nand of client_golang\n%s", name, prototext.Format(got), prototext.Format(want.Histogram))
		}
	}
	f := Histogram("m_seconds", "h", "", bounds...)
	if got, want := written(t, f, nil), written(t, f, f.Observations()); !proto.Equal(got, want) {
		t.Errorf("without Observations: %v, with none: %v", got, want)
	}
}

func TestObservationsOutsideTheRange(t *testing.T) {
	f := Histogram("m_seconds", "h", "", 1)
	o := f.Observations()
	for _, v := range []float64{-5, math.Inf(-1), math.Inf(1), math.MaxFloat64} {
		o.Observe(v)
	}
	h := written(t, f, o)
	if h.GetZeroCount() != 2 || h.GetSampleSum() != 2*maxValue || h.Bucket[0].GetCumulativeCount() != 2 || len(h.PositiveDelta) != 1 {
		t.Errorf("got %s", prototext.Format(h))
	}
	for range 100000 {
		o.Observe(math.Exp2(rand.Float64()*80 - 40))
	}
	if n := len(o.native); n > 416 {
		t.Errorf("%d native buckets", n)
	}
}

func TestObservationsOfSeveralGoroutines(t *testing.T) {
	f := Histogram("m_seconds", "h", "", 1)
	o := f.Observations()
	var observers sync.WaitGroup
	for range 4 {
		observers.Go(func() {
			for range 1000 {
				o.Observe(rand.ExpFloat64())
			}
		})
	}
	for range 100 {
		var b buckets
		b.read(f, o)
		if b.classic[0]+b.classic[1] != b.count {
			t.Errorf("%v, of %d", b.classic, b.count)
		}
	}
	observers.Wait()
	if h := written(t, f, o); h.GetSampleCount() != 4000 {
		t.Errorf("%d observations", h.GetSampleCount())
	}
}

// BenchmarkObserve compares an observation with one of client_golang.
func BenchmarkObserve(b *testing.B) {
	bounds := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2}
	theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "m_seconds", Buckets: bounds, NativeHistogramBucketFactor: 1.1,
		NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	})
	for _, way := range []struct {
		name string
		prometheus.Observer
	}{{"reference", theirs}, {"exporter", Histogram("m_seconds", "h", "", bounds...).Observations()}} {
		b.Run(way.name, func(b *testing.B) {
			v := .00003
			for b.Loop() {
				if v *= 1.1; v > 1 {
					v = .00003
				}
				way.Observe(v)
			}
		})
	}
}

// written returns the histogram of o in a scrape.
func written(t *testing.T, f *Family, o *Observations) *dto.Histogram {
	t.Helper()
	var m dto.Metric
	if err := newConstHistogram(f, Sample{Observations: o}, []string{"1"}).Write(&m); err != nil {
		t.Fatal(err)
	}
	m.Histogram.CreatedTimestamp = nil
	return m.Histogram
}
