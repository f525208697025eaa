package exposition

import (
	"bufio"
	"fmt"
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protowire"
)

// protoWriter writes sets as delimited messages of io.prometheus.client.MetricFamily:
// https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto
//
// The length of a message precedes it. So the samples of a family are read twice: for the length,
// and to write them. The length of a histogram depends on its values, which may change in between:
// histograms are encoded once and kept.
type protoWriter struct {
	w *bufio.Writer

	// Memory that is used again.
	message []byte // of the family without its metrics; then of a metric with its tag
	inner   []byte // content of the metric
	kept    []byte // the metrics of a family of histograms
	buckets buckets
	since   time.Time // created time of the last sample
	created []byte    // message of since
}

// The numbers of fields.
const (
	familyName, familyHelp, familyType, familyMetric = 1, 2, 3, 4

	metricLabel, metricGauge, metricCounter, metricHistogram = 1, 2, 3, 7

	labelName, labelValue         = 1, 2
	valueValue                    = 1 // of a gauge or a counter
	counterCreated                = 3
	timestampSeconds              = 1
	timestampNanos                = 2
	histogramCount, histogramSum  = 1, 2
	histogramBucket               = 3
	histogramSchema               = 5
	histogramZeroThreshold        = 6
	histogramZeroCount            = 7
	histogramSpan, histogramDelta = 12, 13
	histogramCreated              = 15
	bucketCumulativeCount         = 1
	bucketUpperBound              = 2
	spanOffset, spanLength        = 1, 2
)

func (p *protoWriter) write(set Set) error {
	length, metrics := 0, 0
	p.kept = p.kept[:0]
	for sample := range set.Samples {
		p.metric(set.Family, sample)
		length += len(p.message)
		metrics++
		if set.kind == dto.MetricType_HISTOGRAM {
			p.kept = append(p.kept, p.message...)
		}
	}
	if metrics == 0 {
		return nil
	}
	p.inner = appendString(p.inner[:0], familyName, set.name)
	p.inner = appendString(p.inner, familyHelp, set.help)
	p.inner = appendVarint(p.inner, familyType, uint64(set.kind))
	p.message = protowire.AppendVarint(p.message[:0], uint64(len(p.inner)+length))
	if _, err := p.w.Write(append(p.message, p.inner...)); err != nil {
		return err
	}
	if set.kind == dto.MetricType_HISTOGRAM {
		_, err := p.w.Write(p.kept)
		return err
	}
	for sample := range set.Samples {
		p.metric(set.Family, sample)
		length -= len(p.message)
		if _, err := p.w.Write(p.message); err != nil {
			return err
		}
	}
	if length != 0 {
		return fmt.Errorf("%s had other labels when it was read again", set.name)
	}
	return nil
}

// metric sets p.message to the message of a metric, with its tag and its length.
func (p *protoWriter) metric(f *Family, s Sample) {
	b := p.inner[:0]
	switch {
	case f.label == "":
		b = appendLabel(b, appLabel, s.AppID)
	case f.label < appLabel: // labels are in the order of their names
		b = appendLabel(b, f.label, s.Label)
		b = appendLabel(b, appLabel, s.AppID)
	default:
		b = appendLabel(b, appLabel, s.AppID)
		b = appendLabel(b, f.label, s.Label)
	}
	switch f.kind {
	case dto.MetricType_HISTOGRAM:
		p.buckets.read(f, s.Observations)
		h := p.histogram(p.message[:0], f, s.Created)
		b = appendBytes(b, metricHistogram, h)
		p.message = h
	case dto.MetricType_COUNTER:
		created := p.createdMessage(s.Created)
		b = protowire.AppendTag(b, metricCounter, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(sizeDouble+protowire.SizeTag(counterCreated)+protowire.SizeBytes(len(created))))
		b = appendDouble(b, valueValue, s.Value)
		b = appendBytes(b, counterCreated, created)
	default:
		b = protowire.AppendTag(b, metricGauge, protowire.BytesType)
		b = protowire.AppendVarint(b, sizeDouble)
		b = appendDouble(b, valueValue, s.Value)
	}
	p.inner = b
	p.message = appendBytes(p.message[:0], familyMetric, b)
}

// histogram appends the message of p.buckets.
func (p *protoWriter) histogram(b []byte, f *Family, created time.Time) []byte {
	b = appendVarint(b, histogramCount, p.buckets.count)
	b = appendDouble(b, histogramSum, p.buckets.sum)
	cumulative := uint64(0)
	for i, bound := range f.bounds {
		cumulative += p.buckets.classic[i]
		b = protowire.AppendTag(b, histogramBucket, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(protowire.SizeTag(bucketCumulativeCount)+protowire.SizeVarint(cumulative)+sizeDouble))
		b = appendVarint(b, bucketCumulativeCount, cumulative)
		b = appendDouble(b, bucketUpperBound, bound)
	}
	b = appendVarint(b, histogramSchema, protowire.EncodeZigZag(schema))
	b = appendDouble(b, histogramZeroThreshold, zeroThreshold)
	b = appendVarint(b, histogramZeroCount, p.buckets.zero)
	spans, deltas := p.buckets.runs()
	for _, s := range spans {
		offset, length := protowire.EncodeZigZag(int64(s.offset)), uint64(s.length)
		b = protowire.AppendTag(b, histogramSpan, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(2+protowire.SizeVarint(offset)+protowire.SizeVarint(length))) // 2: the tags
		b = appendVarint(b, spanOffset, offset)
		b = appendVarint(b, spanLength, length)
	}
	for _, delta := range deltas {
		b = appendVarint(b, histogramDelta, protowire.EncodeZigZag(delta))
	}
	return appendBytes(b, histogramCreated, p.createdMessage(created))
}

// createdMessage returns the message of a created time. It is often that of the previous sample.
func (p *protoWriter) createdMessage(since time.Time) []byte {
	if since != p.since || len(p.created) == 0 {
		p.since, p.created = since, p.created[:0]
		if seconds := since.Unix(); seconds != 0 { // proto3 leaves out fields that are 0
			p.created = appendVarint(p.created, timestampSeconds, uint64(seconds))
		}
		if nanos := since.Nanosecond(); nanos != 0 {
			p.created = appendVarint(p.created, timestampNanos, uint64(nanos))
		}
	}
	return p.created
}

// sizeDouble is the size of a field of type double whose field number is below 16.
const sizeDouble = 1 + 8

func appendDouble(b []byte, field protowire.Number, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// appendLabel appends a message LabelPair as a field of a metric.
func appendLabel(b []byte, name, value string) []byte {
	b = protowire.AppendTag(b, metricLabel, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(2+protowire.SizeBytes(len(name))+protowire.SizeBytes(len(value)))) // 2: the tags
	b = appendString(b, labelName, name)
	return appendString(b, labelValue, value)
}
