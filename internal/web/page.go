package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

//go:embed status.html
var statusHTML string

//go:embed status.css
var statusCSS string

// statusTemplate is the page. Nothing in it is marked as safe but our own style sheet.
var statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{
	"ago": ago, "inWords": inWords, "stamp": stamp, "percent": percent, "grouped": grouped, "plural": plural, "skew": skewWords, "skewLevel": skewLevel,
	"signed":   func(seconds float64) string { return fmt.Sprintf("%+.1f", seconds) },
	"relative": func(path string) string { return strings.TrimPrefix(path, "/") }, // a proxy may have put us elsewhere
	"iso":      func(t time.Time) string { return t.Format(time.RFC3339Nano) },
	"command":  commandWords,
	"width":    func(ratio float64) float64 { return min(ratio, 1) * 100 },
	"level":    func(ratio float64) string { return usage.Of(ratio).Words },
	"marks":    marks,
	"css":      func() template.CSS { return template.CSS(statusCSS) },
	"relay":    relayWords,
	"count":    func(n uint64) string { return grouped(int64(n)) },
}).Parse(statusHTML))

// marks are where the levels of usage begin inside the bar, in percent.
func marks() []float64 {
	var all []float64
	for _, l := range usage.Levels() {
		if l.From > 0 && l.From < 1 {
			all = append(all, 100*l.From)
		}
	}
	return all
}

// contentSecurityPolicy allows the page its own style sheet, its icon and its filter, and
// nothing else: no script, no frame, nothing of another origin.
func contentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(statusCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// page is what the template gets.
type page struct {
	Report
	view
	Shown   []AppStatus // the applications that the view asks for, but for quiet ones
	Quiet   []AppStatus // applications that are collapsed
	Crowded bool        // a filter is offered
	Send    string      // the --url of send that reaches this exporter, "" if it is not known
	Links   []Link
	Refresh int      // seconds; 0 is never
	Summary []string // how many applications are how
	Never   int      // applications without an event
	// Relays sums up the backends, nil if there is none.
	Relays *relays
	// Unheard says that no callback of any application has come yet.
	Unheard bool
}

// ServePage answers the status page. With ?refresh=off it does not load itself again, and
// with ?q= it shows only applications with that text in their name or SDKAppID.
func (s *Status) ServePage(w http.ResponseWriter, r *http.Request) {
	p := s.page(viewOf(r.URL))
	var b bytes.Buffer
	if err := statusTemplate.Execute(&b, p); err != nil {
		s.o.Log.WithError(err).Error("status page failed")
		http.Error(w, "the status page failed, the log says why", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", s.csp)
	header.Set("Referrer-Policy", "no-referrer")
	s.write(w, b.Bytes())
}

// ServeJSON answers the Report.
func (s *Status) ServeJSON(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(s.Report()); err != nil {
		s.o.Log.WithError(err).Error("status failed")
		http.Error(w, "the status failed, the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	s.write(w, b.Bytes())
}

func (s *Status) write(w http.ResponseWriter, body []byte) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(body) // the reader is gone if this fails: nobody to tell
}

func (s *Status) page(v view) page {
	p := page{Report: s.Report(), view: v, Send: s.o.CallbackURL(), Links: s.o.Links, Refresh: int(max(s.o.Refresh, time.Second) / time.Second), Unheard: true}
	if v.Paused {
		p.Refresh = 0
	}
	p.Shown, p.Quiet = v.show(p.Applications)
	p.Crowded = len(p.Applications) > crowded || v.Query != ""
	counts := map[string]int{}
	for _, a := range p.Applications {
		counts[a.UsageLevel]++
		counts[a.Verdict]++
		p.Unheard = p.Unheard && a.Verdict == VerdictNever && len(a.Callbacks) == 0
	}
	p.Never = counts[VerdictNever]
	p.Relays = sumRelays(p.Applications)
	say := func(key, words string) {
		if n := counts[key]; n > 0 {
			p.Summary = append(p.Summary, grouped(int64(n))+" "+words)
		}
	}
	for _, level := range slices.Backward(usage.Levels()) {
		say(level.Name, level.Words)
	}
	say(VerdictStale, "stale")
	say(VerdictNever, "without an event")
	return p
}

// relays sums up the backends of all applications.
type relays struct {
	Worst                   string // of their modes
	Backends, Open, Waiting int
}

// sumRelays returns nil if no application has a backend.
func sumRelays(apps []AppStatus) *relays {
	sum := &relays{Worst: RelayOK}
	for _, a := range apps {
		if a.Relay == nil {
			continue
		}
		sum.Backends++
		sum.Waiting += a.Relay.QueueRequests
		if a.Relay.Mode == RelayCircuitOpen {
			sum.Open++
		}
		if slices.Index(relayModes, a.Relay.Mode) > slices.Index(relayModes, sum.Worst) {
			sum.Worst = a.Relay.Mode
		}
	}
	if sum.Backends == 0 {
		return nil
	}
	return sum
}
