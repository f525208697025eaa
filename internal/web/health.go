package web

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Health answers the health checks. The zero value is not ready. Its methods may be called from
// several goroutines.
type Health struct{ ready atomic.Bool }

// SetReady sets whether callbacks are answered.
func (h *Health) SetReady(ready bool) { h.ready.Store(ready) }

// Healthy answers 200 always.
func (h *Health) Healthy(w http.ResponseWriter, _ *http.Request) {
	health(w, http.StatusOK, "healthy\n")
}

// Ready answers 200 while callbacks are answered, else 503.
func (h *Health) Ready(w http.ResponseWriter, _ *http.Request) {
	if !h.ready.Load() {
		health(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	health(w, http.StatusOK, "ready\n")
}

func health(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text)
}
