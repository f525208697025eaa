package expositiontest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// readProtobuf parses delimited messages of io.prometheus.client.MetricFamily.
func readProtobuf(body io.Reader) (*Exposition, error) {
	r := bufio.NewReader(body)
	e := &Exposition{Families: map[string]*Family{}}
	for {
		family := &dto.MetricFamily{}
		err := protodelim.UnmarshalOptions{MaxSize: -1}.UnmarshalFrom(r, family)
		if errors.Is(err, io.EOF) {
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		name := family.GetName()
		if !isName(name) || e.Families[name] != nil {
			return nil, fmt.Errorf("family %q: a repeated or invalid name", name)
		}
		f := &Family{Type: strings.ToLower(family.GetType().String()), Help: family.GetHelp(), Values: map[string]float64{}, Created: map[string]float64{}}
		e.Families[name] = f
		if len(family.ProtoReflect().GetUnknown()) > 0 {
			return nil, fmt.Errorf("%s: an unknown field", name)
		}
		for _, m := range family.Metric {
			if err := f.addMetric(name, m); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
}

// addMetric adds the samples that m has in the text format.
func (f *Family) addMetric(name string, m *dto.Metric) error {
	if m.TimestampMs != nil {
		return errors.New("a timestamp")
	}
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		return errors.New("an unknown field of a metric")
	}
	var labels []label
	for i, pair := range m.Label {
		if i > 0 && m.Label[i-1].GetName() >= pair.GetName() {
			return errors.New("labels that are not sorted")
		}
		labels = append(labels, label{pair.GetName(), pair.GetValue()})
	}
	add := func(suffix string, value float64, more ...label) error {
		key, err := series(name+suffix, append(slices.Clone(labels), more...))
		if err != nil {
			return err
		}
		return f.add(key, value)
	}
	switch {
	case f.Type == "counter" && m.Counter != nil:
		return errors.Join(add("", m.Counter.GetValue()), f.addTimestamp(labels, m.Counter.CreatedTimestamp))
	case f.Type == "gauge" && m.Gauge != nil:
		return add("", m.Gauge.GetValue())
	case f.Type == "summary" && m.Summary != nil:
		err := errors.Join(add("_sum", m.Summary.GetSampleSum()), add("_count", float64(m.Summary.GetSampleCount())),
			f.addTimestamp(labels, m.Summary.CreatedTimestamp))
		for _, q := range m.Summary.Quantile {
			err = errors.Join(err, add("", q.GetValue(), label{"quantile", fmt.Sprint(q.GetQuantile())}))
		}
		return err
	case f.Type == "histogram" && m.Histogram != nil:
		h := m.Histogram
		err := errors.Join(add("_sum", h.GetSampleSum()), add("_count", float64(h.GetSampleCount())),
			f.addTimestamp(labels, h.CreatedTimestamp), checkNative(h))
		for i, b := range h.Bucket {
			if i > 0 && h.Bucket[i-1].GetUpperBound() >= b.GetUpperBound() {
				return errors.New("buckets that are not sorted")
			}
			err = errors.Join(err, add("_bucket", float64(b.GetCumulativeCount()), label{"le", fmt.Sprint(b.GetUpperBound())}))
		}
		if n := len(h.Bucket); n == 0 || !math.IsInf(h.Bucket[n-1].GetUpperBound(), 1) {
			err = errors.Join(err, add("_bucket", float64(h.GetSampleCount()), label{"le", "+Inf"}))
		}
		return err
	}
	return fmt.Errorf("a %s without a value of this type", f.Type)
}

func (f *Family) addTimestamp(labels []label, t *timestamppb.Timestamp) error {
	if t == nil {
		return nil
	}
	if err := t.CheckValid(); err != nil {
		return err
	}
	key, err := series("", labels)
	if err != nil {
		return err
	}
	return f.addCreated(key, float64(t.AsTime().UnixNano())/1e9)
}

// checkNative checks that the native buckets of h, if there are any, have all observations.
func checkNative(h *dto.Histogram) error {
	if h.Schema == nil {
		return nil
	}
	buckets := uint64(0)
	for _, s := range h.PositiveSpan {
		buckets += uint64(s.GetLength())
	}
	if buckets != uint64(len(h.PositiveDelta)) {
		return fmt.Errorf("the spans have %d native buckets, the deltas %d", buckets, len(h.PositiveDelta))
	}
	total, count := int64(h.GetZeroCount()), int64(0)
	for _, delta := range h.PositiveDelta {
		if count += delta; count < 0 {
			return errors.New("a native bucket with a negative count")
		}
		total += count
	}
	if uint64(total) != h.GetSampleCount() {
		return fmt.Errorf("the native buckets have %d observations, the histogram %d", total, h.GetSampleCount())
	}
	return nil
}
