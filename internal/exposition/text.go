package exposition

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// textWriter writes sets in the text format of Prometheus or of OpenMetrics, byte for byte as
// expfmt does:
// https://prometheus.io/docs/instrumenting/exposition_formats/
// https://prometheus.io/docs/specs/om/open_metrics_spec/
type textWriter struct {
	w           *bufio.Writer
	openMetrics bool

	// Memory that is used again.
	lines   []byte // of the sample
	labels  []byte // of the sample, without braces
	buckets buckets
	since   time.Time // created time of the last sample
	created []byte    // text of since
}

func (t *textWriter) write(set Set) error {
	name := set.name
	if t.openMetrics && set.kind == dto.MetricType_COUNTER {
		name = strings.TrimSuffix(name, "_total")
	}
	t.lines = append(append(t.lines[:0], "# HELP "...), name...)
	t.lines = appendEscaped(append(t.lines, ' '), set.help, t.openMetrics)
	t.lines = append(t.lines, "\n# TYPE "+name+" "+strings.ToLower(set.kind.String())+"\n"...)
	le := boundTexts(set.bounds, t.openMetrics)
	for sample := range set.Samples {
		t.labels = set.appendLabels(t.labels[:0], sample)
		switch set.kind {
		case dto.MetricType_HISTOGRAM:
			t.histogram(set.Family, sample, le)
		default:
			t.lines = appendNumber(t.series(set.name, "", ""), sample.Value, t.openMetrics)
			t.lines = append(t.lines, '\n')
		}
		if t.openMetrics && set.kind != dto.MetricType_GAUGE {
			t.lines = append(t.series(name, "_created", ""), t.createdText(sample.Created)...)
			t.lines = append(t.lines, '\n')
		}
		if _, err := t.w.Write(t.lines); err != nil {
			return err
		}
		t.lines = t.lines[:0]
	}
	return nil // of a set without samples, nothing is written
}

// histogram appends the lines of a histogram. le has the texts of the bounds.
func (t *textWriter) histogram(f *Family, sample Sample, le []string) {
	t.buckets.read(f, sample.Observations)
	cumulative := uint64(0)
	for i, n := range t.buckets.classic {
		cumulative += n
		t.count(t.series(f.name, "_bucket", le[i]), cumulative)
	}
	t.lines = appendNumber(t.series(f.name, "_sum", ""), t.buckets.sum, t.openMetrics)
	t.lines = append(t.lines, '\n')
	t.count(t.series(f.name, "_count", ""), t.buckets.count)
}

// series returns t.lines with the name of a sample, its labels and a space appended.
func (t *textWriter) series(name, suffix, le string) []byte {
	b := append(append(append(t.lines, name...), suffix...), '{')
	b = append(b, t.labels...)
	if le != "" {
		b = append(append(append(b, `,le="`...), le...), '"')
	}
	return append(b, "} "...)
}

// count appends n and a line feed. OpenMetrics requires an integer.
func (t *textWriter) count(line []byte, n uint64) {
	if t.openMetrics {
		line = strconv.AppendUint(line, n, 10)
	} else {
		line = appendNumber(line, float64(n), false)
	}
	t.lines = append(line, '\n')
}

// createdText returns the text of a created time. It is often that of the previous sample.
func (t *textWriter) createdText(since time.Time) []byte {
	if since != t.since || len(t.created) == 0 {
		t.since = since
		t.created = appendNumber(t.created[:0], float64(since.UnixNano())/1e9, true)
	}
	return t.created
}

// boundTexts returns the texts of bounds, and +Inf.
func boundTexts(bounds []float64, openMetrics bool) []string {
	texts := make([]string, 0, len(bounds)+1)
	for _, bound := range bounds {
		texts = append(texts, string(appendNumber(nil, bound, openMetrics)))
	}
	return append(texts, "+Inf")
}

// appendLabels appends the labels of a sample in the order of their names.
func (f *Family) appendLabels(b []byte, s Sample) []byte {
	switch {
	case f.label == "":
		return appendPair(b, appLabel, s.AppID)
	case f.label < appLabel:
		b = appendPair(b, f.label, s.Label)
		return appendPair(append(b, ','), appLabel, s.AppID)
	}
	b = appendPair(b, appLabel, s.AppID)
	return appendPair(append(b, ','), f.label, s.Label)
}

func appendPair(b []byte, name, value string) []byte {
	b = append(append(b, name...), `="`...)
	return append(appendEscaped(b, value, true), '"')
}

func appendEscaped(b []byte, s string, quotes bool) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\\', c == '"' && quotes:
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendNumber appends f, which must be finite. In OpenMetrics it always has a decimal point or an
// exponent.
func appendNumber(b []byte, f float64, openMetrics bool) []byte {
	start := len(b)
	if n := uint64(f); f >= 0 && f < 1e6 && float64(n) == f { // most values; AppendFloat takes ten times as long
		b = strconv.AppendUint(b, n, 10)
	} else {
		b = strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	if openMetrics && !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}
