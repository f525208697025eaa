package handler

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Router returns a handler for a listener of its own: c at exactly path, and 404
// with an empty body, counted, for all the rest. Nothing is redirected.
func (c *Callback) Router(path string) http.Handler {
	r := newRouter()
	r.MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool { return r.URL.EscapedPath() == path }).Handler(c)
	r.NotFoundHandler = http.HandlerFunc(c.notFound)
	return r
}

// WebOptions are the parts of the listener for Prometheus and for people.
type WebOptions struct {
	Health *Health
	// Metrics is served at MetricsPath.
	Metrics     http.Handler
	MetricsPath string
	// Status is served at / and, as JSON, at /api/v1/status.
	Status *Status
	// Reload is served at POST /-/reload, if not nil.
	Reload http.Handler
	// Profiles is served below /debug/pprof/, if not nil.
	Profiles http.Handler
}

// NewWebRouter returns the handler of the listener for Prometheus and for people.
func NewWebRouter(o WebOptions) http.Handler {
	r := newRouter()
	r.Handle(o.MetricsPath, get(o.Metrics.ServeHTTP))
	r.Handle("/-/healthy", get(o.Health.Healthy))
	r.Handle("/-/ready", get(o.Health.Ready))
	if o.Reload != nil {
		r.Handle("/-/reload", only(o.Reload.ServeHTTP, http.MethodPost))
	}
	if o.Profiles != nil {
		r.PathPrefix("/debug/pprof/").Handler(o.Profiles)
	}
	r.Handle("/api/v1/status", get(o.Status.ServeJSON))
	r.Handle("/", get(o.Status.ServePage))
	return r
}

func get(h http.HandlerFunc) http.Handler { return only(h, http.MethodGet, http.MethodHead) }

// only refuses methods other than these, and says which they are: a 405 of the router
// itself would not.
func only(h http.HandlerFunc, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	})
}

// newRouter returns a router that takes paths as they are: a POST that is redirected
// to a cleaner path arrives there as a GET, and without its body.
func newRouter() *mux.Router { return mux.NewRouter().SkipClean(true).UseEncodedPath() }
