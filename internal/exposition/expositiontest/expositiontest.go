// Package expositiontest parses whole expositions, more strictly than Prometheus does, so that
// tests find what a strict parser would refuse, and can compare formats value by value. Only tests
// import it.
package expositiontest

import (
	"fmt"
	"io"
	"maps"
	"mime"
	"slices"
	"strings"
)

// Exposition is a parsed exposition.
type Exposition struct {
	// Families has the families by name. In all formats the name of a counter ends in "_total".
	Families map[string]*Family
}

// Family has the series of a metric.
type Family struct {
	Type string // counter, gauge, histogram or summary
	Help string
	// Values has the values of the samples of the text format, by name and sorted labels. A
	// histogram has _bucket, _sum and _count.
	Values map[string]float64
	// Created has the created timestamps in Unix seconds, by the labels of the series. The text
	// format has none.
	Created map[string]float64
}

// Read parses the body of an answer with this Content-Type. The body must not be compressed.
func Read(contentType string, body io.Reader) (*Exposition, error) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, err
	}
	var e *Exposition
	switch {
	case mediaType == "text/plain" && params["version"] == "0.0.4":
		e, err = readText(body, false)
	case mediaType == "application/openmetrics-text" && params["version"] == "1.0.0":
		e, err = readText(body, true)
	case mediaType == "application/vnd.google.protobuf" && params["encoding"] == "delimited":
		e, err = readProtobuf(body)
	default:
		return nil, fmt.Errorf("no parser for %s", contentType)
	}
	if err != nil {
		return nil, err
	}
	return e, e.check()
}

// check checks the rules of all formats: no two families, and no samples of two families, have the
// same name in OpenMetrics, and the series of each family are valid.
func (e *Exposition) check() error {
	of := map[string]string{} // family by the name of the family or of a sample
	for name, f := range e.Families {
		if f.Type == "counter" && !strings.HasSuffix(name, "_total") {
			return fmt.Errorf("%s: a counter without _total", name)
		}
		om := f.openMetricsName(name)
		for _, reserved := range []string{"_total", "_created", "_bucket", "_sum", "_count", "_gsum", "_gcount"} {
			if strings.HasSuffix(om, reserved) {
				return fmt.Errorf("%s: %s is reserved for samples", name, reserved)
			}
		}
		for _, suffix := range append(slices.Clone(suffixes[f.Type]), "") {
			if other, ok := of[om+suffix]; ok && other != name {
				return fmt.Errorf("%s and %s both have %s in OpenMetrics", other, name, om+suffix)
			}
			of[om+suffix] = name
		}
		if f.Help == "" {
			return fmt.Errorf("%s: no help", name)
		}
		if len(f.Values) == 0 {
			return fmt.Errorf("%s: no samples", name)
		}
		if err := f.check(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// openMetricsName returns the name that a family has in OpenMetrics.
func (f *Family) openMetricsName(name string) string {
	if f.Type == "counter" {
		return strings.TrimSuffix(name, "_total")
	}
	return name
}

// Diff returns the differences of two expositions, one line for each, sorted. Families for which
// skip returns true are ignored. Created timestamps are compared if both have them.
func Diff(a, b *Exposition, skip func(name string) bool) []string {
	var diff []string
	names := maps.Clone(a.Families)
	maps.Copy(names, b.Families)
	for name := range names {
		if skip(name) {
			continue
		}
		f, g := a.Families[name], b.Families[name]
		if f == nil || g == nil {
			diff = append(diff, fmt.Sprintf("%s: only in one exposition", name))
			continue
		}
		if f.Type != g.Type || f.Help != g.Help {
			diff = append(diff, fmt.Sprintf("%s: %s %q and %s %q", name, f.Type, f.Help, g.Type, g.Help))
		}
		diff = diffValues(diff, f.Values, g.Values)
		if len(f.Created) > 0 && len(g.Created) > 0 {
			diff = diffValues(diff, f.Created, g.Created)
		}
	}
	slices.Sort(diff)
	return diff
}

func diffValues(diff []string, a, b map[string]float64) []string {
	for series, v := range a {
		if w, ok := b[series]; !ok || v != w {
			diff = append(diff, fmt.Sprintf("%s: %v and %v (there: %t)", series, v, w, ok))
		}
	}
	for series := range b {
		if _, ok := a[series]; !ok {
			diff = append(diff, fmt.Sprintf("%s: only in the second exposition", series))
		}
	}
	return diff
}
