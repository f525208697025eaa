package exposition

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// write writes s in Prometheus' text format or in that of OpenMetrics, byte for byte as
// expfmt does:
// https://prometheus.io/docs/instrumenting/exposition_formats/
// https://prometheus.io/docs/specs/om/open_metrics_spec/
func (s Set) write(w *bufio.Writer, openMetrics bool) error {
	counter := s.kind == prometheus.CounterValue
	name, kind := s.name, "gauge"
	if counter {
		kind = "counter"
	}
	if counter && openMetrics {
		name = strings.TrimSuffix(name, "_total")
	}
	created := name + "_created"
	line := append([]byte("# HELP "), name...)
	line = appendEscaped(append(line, ' '), s.help, openMetrics)
	line = append(line, "\n# TYPE "+name+" "+kind+"\n"...)
	for sample := range s.Samples {
		line = s.appendSeries(line, s.name, sample)
		line = appendNumber(line, sample.Value, openMetrics)
		line = append(line, '\n')
		if counter && openMetrics {
			line = s.appendSeries(line, created, sample)
			line = appendNumber(line, float64(sample.Created.UnixNano())/1e9, true)
			line = append(line, '\n')
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	return nil // and nothing of a set without samples
}

// appendSeries appends the name and the labels of a sample, and a space.
func (f *Family) appendSeries(b []byte, name string, s Sample) []byte {
	b = append(b, name...)
	switch {
	case f.label == "":
		b = appendPair(b, '{', appLabel, s.AppID)
	case f.label < appLabel: // labels are in the order of their names
		b = appendPair(b, '{', f.label, s.Label)
		b = appendPair(b, ',', appLabel, s.AppID)
	default:
		b = appendPair(b, '{', appLabel, s.AppID)
		b = appendPair(b, ',', f.label, s.Label)
	}
	return append(b, "} "...)
}

func appendPair(b []byte, separator byte, name, value string) []byte {
	b = append(append(b, separator), name...)
	b = appendEscaped(append(b, `="`...), value, true)
	return append(b, '"')
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

// appendNumber appends f, in OpenMetrics as one that is visibly no integer. f is finite.
func appendNumber(b []byte, f float64, openMetrics bool) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if openMetrics && !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, ".0"...)
	}
	return b
}
