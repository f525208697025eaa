package exposition

import (
	"math"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Observations are the observations of one series of a histogram. The methods may be called from
// several goroutines. They need about 100 bytes before the first observation. After it they need
// 8 bytes more for each classic bucket, and for each native bucket between the smallest and the
// largest value.
type Observations struct {
	bounds []float64
	mu     sync.Mutex
	buckets
}

// Observations returns new Observations for a series of f, which must be a histogram.
func (f *Family) Observations() *Observations { return &Observations{bounds: f.bounds} }

// The native buckets. The bounds grow by a factor of 2^(2^-schema), which is 9 %. Values up to
// zeroThreshold are in the zero bucket, values above maxValue in the last bucket. So there are at
// most 416 buckets, and a histogram is never reset.
// https://prometheus.io/docs/specs/native_histograms/
const (
	schema        = 3
	perOctave     = 1 << schema
	zeroThreshold = 1.0 / (1 << 20) // a microsecond, of seconds
	maxValue      = 1 << 32
)

// fractions are the bounds of the native buckets between 0.5 and 1, with the digits of
// client_golang.
var fractions = [perOctave]float64{
	0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048,
	0.7071067811865475, 0.7711054127039704, 0.8408964152537144, 0.9170040432046711,
}

// Observe counts v, which must not be NaN. A negative v counts as 0.
func (o *Observations) Observe(v float64) {
	v = min(max(v, 0), maxValue)
	bucket := len(o.bounds)
	for i, bound := range o.bounds {
		if v <= bound {
			bucket = i
			break
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.classic == nil {
		o.classic = make([]uint64, len(o.bounds)+1)
	}
	o.classic[bucket]++
	o.count++
	o.sum += v
	if v <= zeroThreshold {
		o.zero++
	} else {
		o.addNative(nativeKey(v))
	}
}

// nativeKey returns the index of the native bucket of v, which must be above 0. The index of the
// bucket with the upper bound 1 is 0.
func nativeKey(v float64) int {
	fraction, exponent := math.Frexp(v)
	i := 0
	for i < perOctave && fractions[i] < fraction {
		i++
	}
	return (exponent-1)*perOctave + i
}

// buckets are the observations of a series at one moment.
type buckets struct {
	count   uint64
	sum     float64
	classic []uint64 // not cumulative; the last bucket is that of +Inf
	zero    uint64
	first   int      // index of the native bucket native[0]
	native  []uint64 // not cumulative

	spans  []span // result of the last call of runs
	deltas []int64
}

func (b *buckets) addNative(key int) {
	switch last := b.first + len(b.native) - 1; {
	case len(b.native) == 0:
		b.first, b.native = key, make([]uint64, 1)
	case key < b.first:
		b.native = slices.Insert(b.native, 0, make([]uint64, b.first-key)...)
		b.first = key
	case key > last:
		b.native = append(b.native, make([]uint64, key-last)...)
	}
	b.native[key-b.first]++
}

// span is a run of consecutive native buckets.
type span struct {
	offset int32 // number of buckets since the previous span; index of the first bucket of the first span
	length uint32
}

// maxGap is the maximum number of consecutive empty buckets in a span.
const maxGap = 2

// constHistogram is a prometheus.Metric with classic and native buckets.
type constHistogram struct {
	family *Family
	labels []*dto.LabelPair
	sample Sample
}

func newConstHistogram(f *Family, s Sample, labels []string) prometheus.Metric {
	return &constHistogram{f, prometheus.MakeLabelPairs(f.desc, labels), s}
}

// Desc implements prometheus.Metric.
func (c *constHistogram) Desc() *prometheus.Desc { return c.family.desc }

// Write implements prometheus.Metric.
func (c *constHistogram) Write(out *dto.Metric) error {
	var b buckets
	b.read(c.family, c.sample.Observations)
	h := &dto.Histogram{
		SampleCount: &b.count, SampleSum: &b.sum, CreatedTimestamp: timestamppb.New(c.sample.Created),
		Schema: new(int32(schema)), ZeroThreshold: new(zeroThreshold), ZeroCount: &b.zero,
	}
	cumulative := uint64(0)
	for i, bound := range c.family.bounds {
		cumulative += b.classic[i]
		h.Bucket = append(h.Bucket, &dto.Bucket{CumulativeCount: new(cumulative), UpperBound: new(bound)})
	}
	spans, deltas := b.runs()
	for _, s := range spans {
		h.PositiveSpan = append(h.PositiveSpan, &dto.BucketSpan{Offset: &s.offset, Length: &s.length})
	}
	h.PositiveDelta = deltas
	out.Label, out.Histogram = c.labels, h
	return nil
}

// read copies the observations o of a series of f into b, and uses the memory of b again. o may be
// nil.
func (b *buckets) read(f *Family, o *Observations) {
	b.count, b.sum, b.zero, b.first = 0, 0, 0, 0
	b.classic, b.native = b.classic[:0], b.native[:0]
	if o != nil {
		o.mu.Lock()
		b.count, b.sum, b.zero, b.first = o.count, o.sum, o.zero, o.first
		b.classic = append(b.classic, o.classic...)
		b.native = append(b.native, o.native...)
		o.mu.Unlock()
	}
	if len(b.classic) == 0 {
		b.classic = slices.Grow(b.classic, len(f.bounds)+1)[:len(f.bounds)+1]
		clear(b.classic)
	}
}

// runs returns the native buckets in the form of protobuf: their spans, and the difference of each
// count to the previous count. Both are valid until the next call.
func (b *buckets) runs() ([]span, []int64) {
	b.spans, b.deltas = b.spans[:0], b.deltas[:0]
	next, previous := 0, int64(0)
	for i, n := range b.native {
		if n == 0 {
			continue
		}
		gap := b.first + i - next
		if len(b.spans) == 0 || gap > maxGap {
			b.spans = append(b.spans, span{offset: int32(gap)})
			gap = 0
		}
		for range gap {
			b.deltas = append(b.deltas, -previous)
			previous = 0
		}
		b.deltas = append(b.deltas, int64(n)-previous)
		b.spans[len(b.spans)-1].length += uint32(gap) + 1
		next, previous = b.first+i+1, int64(n)
	}
	return b.spans, b.deltas
}
