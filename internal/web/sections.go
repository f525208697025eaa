package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// page is the data of the template.
type page struct {
	Report
	view
	// One is the application of ?app=, nil if there is no ?app= or it is not configured.
	One *AppStatus
	// Rows are the applications that the view asks for.
	Rows rows
	// Crowded says that the page has a filter.
	Crowded bool
	Links   []Link
	// Refresh is the interval of the refresh in seconds, 0 if it is switched off.
	Refresh int
	// Summary has the number of applications of each level of usage and of each verdict.
	Summary []string
	// Never is the number of applications without an event.
	Never int
	// Unheard says that no application has received a callback yet.
	Unheard bool
	// Relays and Recounts are those of the applications that the view asks for, nil if there
	// are none.
	Relays   *relays
	Recounts *recounts
	// Checks is the setup checklist of One.
	Checks []check
	// Yaml has the settings of One, or of all applications.
	Yaml string
	// ChangedFlags is the number of flags that differ from their default.
	ChangedFlags int

	SendCommand, DoctorCommand string
	// PublicURL is the callback URL to enter in Tencent's console. PublicURLNote names its
	// source.
	PublicURL, PublicURLNote string
}

func (s *Status) page(r *http.Request) *page {
	p := &page{Report: s.Report(), view: viewOf(r), Links: s.o.Links, Refresh: int(max(s.o.Refresh, time.Second) / time.Second), Unheard: true}
	if p.Paused {
		p.Refresh = 0
	}
	wanted := p.filter(p.Applications)
	p.Rows = p.rows(wanted)
	p.Crowded = len(p.Applications) > crowded || p.Query != ""
	if p.App != "" && len(wanted) == 1 {
		p.One = wanted[0]
		s.addRecent(p.One, p.Time)
		p.Checks = p.Language.checks(p.One)
	}
	p.sum()
	p.Relays, p.Recounts = p.sumRelays(wanted), p.sumRecounts(wanted)
	p.Yaml = s.o.Settings(p.App)
	for _, f := range p.Configuration.Flags {
		if f.Changed {
			p.ChangedFlags++
		}
	}
	p.PublicURL, p.PublicURLNote = p.publicURL(r.Host)
	p.SendCommand, p.DoctorCommand = p.sendCommand(), p.doctorCommand()
	return p
}

// sum sets Summary, Never and Unheard.
func (p *page) sum() {
	counts := map[string]int{}
	for i := range p.Applications {
		a := &p.Applications[i]
		counts[a.UsageLevel]++
		counts[a.Verdict]++
		p.Unheard = p.Unheard && a.Verdict == VerdictNever && len(a.Callbacks) == 0
	}
	p.Never = counts[VerdictNever]
	say := func(key, words string) {
		if n := counts[key]; n > 0 {
			p.Summary = append(p.Summary, grouped(int64(n))+" "+p.Language.t(words))
		}
	}
	for _, level := range slices.Backward(usage.Levels()) {
		say(level.Name, level.Words)
	}
	say(VerdictStale, "stale")
	say(VerdictNever, "without an event")
}

// table is a table of applications.
type table struct {
	Apps    []*AppStatus
	Heading string // id of the heading of the table
	Linked  bool   // names are links to the pages of the applications
	View    view
}

// Table returns the table of apps. heading is the id of its heading.
func (p *page) Table(apps []*AppStatus, heading string) table {
	return table{Apps: apps, Heading: heading, Linked: p.One == nil, View: p.view}
}

// relays are the backends of applications.
type relays struct {
	Worst                   string // the worst mode of all backends
	Backends, Open, Waiting int
	Rows                    []*AppStatus // the worst first
	Hidden                  int          // how many are not among the rows
	View                    view
}

// sumRelays returns the relays of apps, nil if no application has a relay.
func (p *page) sumRelays(apps []*AppStatus) *relays {
	sum := &relays{Worst: RelayOK, View: p.view}
	rank := func(a *AppStatus) int { return slices.Index(relayModes, a.Relay.Mode) }
	sum.Rows, sum.Backends = worst(apps, func(a *AppStatus) bool { return a.Relay != nil }, rank)
	if sum.Backends == 0 {
		return nil
	}
	for _, a := range apps {
		if a.Relay != nil {
			sum.Waiting += a.Relay.QueueRequests
			if a.Relay.Mode == RelayCircuitOpen {
				sum.Open++
			}
		}
	}
	sum.Worst, sum.Hidden = sum.Rows[0].Relay.Mode, sum.Backends-len(sum.Rows)
	return sum
}

// recounts are the recounts of applications.
type recounts struct {
	Rows   []*AppStatus // the worst first
	Hidden int          // how many are not among the rows
	View   view
}

// sumRecounts returns the recounts of apps, nil if no application has recounts.
func (p *page) sumRecounts(apps []*AppStatus) *recounts {
	rank := func(a *AppStatus) int { return slices.Index(recountModes, a.Reconcile.Mode) }
	rows, all := worst(apps, func(a *AppStatus) bool { return a.Reconcile != nil }, rank)
	if all == 0 {
		return nil
	}
	return &recounts{Rows: rows, Hidden: all - len(rows), View: p.view}
}

// worst returns the sectionRows applications with the highest rank among those for which has is
// true, the highest rank first, and the number of all of these.
func worst(apps []*AppStatus, has func(*AppStatus) bool, rank func(*AppStatus) int) (rows []*AppStatus, all int) {
	for _, a := range apps {
		if has(a) {
			rows = append(rows, a)
		}
	}
	all = len(rows)
	slices.SortStableFunc(rows, func(a, b *AppStatus) int { return rank(b) - rank(a) })
	return rows[:min(all, sectionRows)], all
}
