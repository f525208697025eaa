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

// Registry is a prometheus.Registerer that exposes what is registered. Register what
// there is before the first scrape.
type Registry struct {
	all     *prometheus.Registry
	others  *prometheus.Registry // all but the sources
	sources []Source
}

// NewRegistry returns an empty Registry.
func NewRegistry() *Registry {
	return &Registry{all: prometheus.NewRegistry(), others: prometheus.NewRegistry()}
}

// Register implements prometheus.Registerer. A Collector that is a Source is written
// without the help of client_golang.
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

// part is one family, to be written.
type part struct {
	name   string
	set    Set               // of a source
	family *dto.MetricFamily // else
}

// gather returns the families by name: all of them, or those with one of names if there
// are any.
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

// writes reports whether sets are written in format. Nobody asks for the others, which are
// protobuf for people.
func writes(format expfmt.Format) bool {
	switch format.FormatType() {
	case expfmt.TypeTextPlain, expfmt.TypeOpenMetrics, expfmt.TypeProtoDelim:
		return true
	}
	return false
}

// write writes parts, through a buffer.
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
		if err := closer.Close(); err != nil { // of OpenMetrics it writes the end
			return err
		}
	}
	return buf.Flush()
}

// setWriter returns what writes sets in format.
func setWriter(w *bufio.Writer, format expfmt.Format) interface{ write(Set) error } {
	if format.FormatType() == expfmt.TypeProtoDelim {
		return &protoWriter{w: w}
	}
	return &textWriter{w: w, openMetrics: format.FormatType() == expfmt.TypeOpenMetrics}
}
