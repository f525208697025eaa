package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
)

// ServePage answers the status page. ?refresh=off switches the refresh off. ?q= selects the
// applications with this text in their name or SDKAppID. ?app= selects the page of one
// application; if it is not configured, the status is 404. ?page= selects the rows. ?lang=zh or
// ?lang=en selects the language.
func (s *Status) ServePage(w http.ResponseWriter, r *http.Request) {
	p := s.page(r)
	var b bytes.Buffer
	if err := s.templates.of(p.Language).Execute(&b, p); err != nil {
		s.o.Log.WithError(err).Error("status page failed")
		http.Error(w, "the status page failed: see the log", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", p.Language.Tag())
	header.Set("Vary", "Accept-Language")
	header.Set("Content-Security-Policy", s.csp)
	header.Set("Referrer-Policy", "no-referrer")
	status := http.StatusOK
	if p.App != "" && p.One == nil {
		status = http.StatusNotFound
	}
	s.write(w, status, b.Bytes())
}

// ServeJSON answers the Report. ?app= selects one application and adds its recent events; if it
// is not configured, the status is 404.
func (s *Status) ServeJSON(w http.ResponseWriter, r *http.Request) {
	report := s.Report()
	if id := r.URL.Query().Get("app"); id != "" {
		report.Applications = slices.DeleteFunc(report.Applications, func(a AppStatus) bool { return a.ID != id })
		if len(report.Applications) == 0 {
			http.Error(w, "this SDKAppID is not in the configuration", http.StatusNotFound)
			return
		}
		s.addRecent(&report.Applications[0], report.Time)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		s.o.Log.WithError(err).Error("status failed")
		http.Error(w, "the status failed: see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.write(w, http.StatusOK, b.Bytes())
}

func (s *Status) write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(body) // an error means that the client has closed the connection
}
