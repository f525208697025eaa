package handler

import (
	"net/http"

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
	get := []string{http.MethodGet, http.MethodHead}
	r := newRouter()
	r.Handle(o.MetricsPath, o.Metrics).Methods(get...)
	r.HandleFunc("/-/healthy", o.Health.Healthy).Methods(get...)
	r.HandleFunc("/-/ready", o.Health.Ready).Methods(get...)
	if o.Reload != nil {
		r.Handle("/-/reload", o.Reload).Methods(http.MethodPost, http.MethodPut)
	}
	if o.Profiles != nil {
		r.PathPrefix("/debug/pprof/").Handler(o.Profiles)
	}
	r.HandleFunc("/api/v1/status", o.Status.ServeJSON).Methods(get...)
	r.HandleFunc("/", o.Status.ServePage).Methods(get...)
	return r
}

// newRouter returns a router that takes paths as they are: a POST that is redirected
// to a cleaner path arrives there as a GET, and without its body.
func newRouter() *mux.Router { return mux.NewRouter().SkipClean(true).UseEncodedPath() }
