package exposition

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// Handler returns a handler that answers as promhttp does, with OpenMetrics and its
// created samples. errorLog gets what goes wrong.
func (r *Registry) Handler(errorLog promhttp.Logger) http.Handler {
	all := promhttp.HandlerFor(r.all, promhttp.HandlerOpts{
		ErrorLog: errorLog, EnableOpenMetrics: true, EnableOpenMetricsTextCreatedSamples: true,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		format := expfmt.NegotiateAccept(req.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
		if !isText(format) || req.URL.RawQuery != "" { // which may name the metrics that are wanted
			all.ServeHTTP(w, req)
			return
		}
		parts, err := r.gather()
		if err != nil {
			errorLog.Println("error gathering metrics:", err)
			http.Error(w, "An error has occurred while serving metrics:\n\n"+err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", string(format))
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Accept-Encoding")
		if err := send(w, req, format, parts); err != nil {
			errorLog.Println("error sending metrics:", err)
			panic(http.ErrAbortHandler) // or a part would be taken for the whole
		}
	})
}

func isText(format expfmt.Format) bool {
	t := format.FormatType()
	return t == expfmt.TypeTextPlain || t == expfmt.TypeOpenMetrics
}

// part is one family, to be written.
type part struct {
	name  string
	write func(w *bufio.Writer, encoder expfmt.Encoder, openMetrics bool) error
}

// gather returns all families by name.
func (r *Registry) gather() ([]part, error) {
	others, err := r.others.Gather()
	if err != nil {
		return nil, err
	}
	var parts []part
	for _, family := range others {
		parts = append(parts, part{family.GetName(), func(_ *bufio.Writer, encoder expfmt.Encoder, _ bool) error {
			return encoder.Encode(family)
		}})
	}
	for _, source := range r.sources {
		for _, set := range source.Sets() {
			parts = append(parts, part{set.name, func(w *bufio.Writer, _ expfmt.Encoder, openMetrics bool) error {
				return set.write(w, openMetrics)
			}})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return parts, nil
}

// send writes parts as the body of the answer, compressed if that is welcome.
func send(w http.ResponseWriter, req *http.Request, format expfmt.Format, parts []part) error {
	body := io.Writer(w)
	var zip *gzip.Writer
	if acceptsGzip(req.Header) {
		w.Header().Set("Content-Encoding", "gzip")
		zip = zips.Get().(*gzip.Writer)
		defer zips.Put(zip)
		zip.Reset(w)
		body = zip
	}
	buf := bufio.NewWriterSize(body, 32<<10)
	encoder := expfmt.NewEncoder(buf, format, expfmt.WithCreatedLines())
	openMetrics := format.FormatType() == expfmt.TypeOpenMetrics
	for _, p := range parts {
		if err := p.write(buf, encoder, openMetrics); err != nil {
			return err
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		if err := closer.Close(); err != nil { // of OpenMetrics it writes the end
			return err
		}
	}
	if err := buf.Flush(); err != nil || zip == nil {
		return err
	}
	return zip.Close()
}

// zips compress little, which is much of this text, for a fraction of the time.
var zips = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for other levels
	return w
}}

func acceptsGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h["Accept-Encoding"], ","), ",") {
		name, params, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			quality, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(params), "q="), 64)
			return err != nil || quality > 0
		}
	}
	return false
}
