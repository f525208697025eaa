// Package web is the web listener: metrics for Prometheus, the status page and its JSON for
// operators, health checks, reload and profiles.
//
// It shows plain values that StatusOptions return. It does not know how callbacks are answered
// or where the values come from.
package web

import (
	"net/http"
	"net/http/pprof"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Options are the parts of the listener.
type Options struct {
	// Health is served at /-/healthy and /-/ready.
	Health *Health
	// Metrics is served at MetricsPath.
	Metrics     http.Handler
	MetricsPath string
	// Status is served at / and, as JSON, at /api/v1/status.
	Status *Status
	// Reload is served at POST /-/reload, if not nil.
	Reload http.Handler
	// Profiles says whether profiles are served below /debug/pprof/.
	Profiles bool
}

// NewRouter returns the handler of the listener. It does not redirect. It answers any path that
// Options do not name with 404.
func NewRouter(o Options) http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.Handle(o.MetricsPath, get(o.Metrics.ServeHTTP))
	r.Handle("/-/healthy", get(o.Health.Healthy))
	r.Handle("/-/ready", get(o.Health.Ready))
	if o.Reload != nil {
		r.Handle("/-/reload", only(o.Reload.ServeHTTP, http.MethodPost))
	}
	if o.Profiles {
		addProfiles(r)
	}
	r.Handle("/api/v1/status", get(o.Status.ServeJSON))
	r.Handle("/", get(o.Status.ServePage))
	return r
}

// NewHealthRouter returns the handler of a listener that serves only /-/healthy and /-/ready.
func NewHealthRouter(h *Health) http.Handler {
	r := mux.NewRouter().SkipClean(true).UseEncodedPath()
	r.Handle("/-/healthy", get(h.Healthy))
	r.Handle("/-/ready", get(h.Ready))
	return r
}

func addProfiles(r *mux.Router) {
	r.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	r.HandleFunc("/debug/pprof/profile", pprof.Profile)
	r.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	r.HandleFunc("/debug/pprof/trace", pprof.Trace)
	r.PathPrefix("/debug/pprof/").HandlerFunc(pprof.Index)
}

func get(h http.HandlerFunc) http.Handler { return only(h, http.MethodGet, http.MethodHead) }

// only refuses any method that is not in methods with 405. It sets Allow, as RFC 9110, section
// 15.5.6 requires; the router would not.
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
