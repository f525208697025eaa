package exposition

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Registry is a prometheus.Registerer that exposes the registered collectors. Collectors must be
// registered before the first scrape.
type Registry struct {
	all     *prometheus.Registry
	others  *prometheus.Registry // all collectors except the sources
	sources []Source
}

// NewRegistry returns an empty Registry.
func NewRegistry() *Registry {
	return &Registry{all: prometheus.NewRegistry(), others: prometheus.NewRegistry()}
}

// Register implements prometheus.Registerer. A collector that is a Source is written by this
// package, any other by client_golang.
func (r *Registry) Register(c prometheus.Collector) error {
	if err := r.all.Register(c); err != nil {
		return err
	}
	if s, ok := c.(Source); ok {
		r.sources = append(r.sources, s)
		return nil
	}
	return r.others.Register(c)
}

// MustRegister implements prometheus.Registerer.
func (r *Registry) MustRegister(list ...prometheus.Collector) {
	for _, c := range list {
		if err := r.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister implements prometheus.Registerer.
func (r *Registry) Unregister(c prometheus.Collector) bool {
	r.sources = slices.DeleteFunc(r.sources, func(s Source) bool { return s == c })
	r.others.Unregister(c)
	return r.all.Unregister(c)
}

// part is one family to write.
type part struct {
	name   string
	set    Set               // of a source, if family is nil
	family *dto.MetricFamily // of another collector
}

// gather returns the families, sorted by name. If names is not empty, it returns only families
// with one of these names.
func (r *Registry) gather(format expfmt.Format, names []string) ([]part, error) {
	gatherer, sources := r.others, r.sources
	if !writes(format) {
		gatherer, sources = r.all, nil
	}
	families, err := gatherer.Gather()
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, family := range families {
		parts = append(parts, part{name: family.GetName(), family: family})
	}
	for _, source := range sources {
		for _, set := range source.Sets() {
			parts = append(parts, part{name: set.name, set: set})
		}
	}
	if len(names) > 0 {
		parts = slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(names, p.name) })
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return parts, nil
}

// writes reports whether this package writes format. client_golang writes the text forms of
// protobuf, which Prometheus does not request.
func writes(format expfmt.Format) bool {
	switch format.FormatType() {
	case expfmt.TypeTextPlain, expfmt.TypeOpenMetrics, expfmt.TypeProtoDelim:
		return true
	}
	return false
}

// write writes parts to w in format.
func write(w io.Writer, format expfmt.Format, parts []part) error {
	buf := bufio.NewWriterSize(w, bufferSize)
	encoder := expfmt.NewEncoder(buf, format, expfmt.WithCreatedLines())
	sets := setWriter(buf, format)
	for _, p := range parts {
		var err error
		if p.family != nil {
			err = encoder.Encode(p.family)
		} else {
			err = sets.write(p.set)
		}
		if err != nil {
			return err
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil { // writes # EOF of OpenMetrics
			return err
		}
	}
	return buf.Flush()
}

// setWriter returns the writer of sets in format.
func setWriter(w *bufio.Writer, format expfmt.Format) interface{ write(Set) error } {
	if format.FormatType() == expfmt.TypeProtoDelim {
		return &protoWriter{w: w}
	}
	return &textWriter{w: w, openMetrics: format.FormatType() == expfmt.TypeOpenMetrics}
}
