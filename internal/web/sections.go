package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// page is what the template gets.
type page struct {
	Report
	view
	// One is the application that ?app= names, nil without.
	One *AppStatus
	// Rows are the applications that the view asks for.
	Rows rows
	// Crowded says that a filter is offered.
	Crowded bool
	Links   []Link
	// Refresh is in seconds, 0 is never.
	Refresh int
	// Summary says how many applications are how, Never is how many have no event.
	Summary []string
	Never   int
	// Unheard says that no callback of any application has come yet.
	Unheard bool
	// Relays and Recounts are those of the applications that the view asks for, nil if there
	// are none.
	Relays   *relays
	Recounts *recounts
	// Checks are what has arrived of One.
	Checks []check
	// Yaml are the settings of One, or of all applications.
	Yaml         string
	ChangedFlags int

	SendCommand, DoctorCommand string
	// PublicURL is the callback URL to enter at Tencent's, and PublicURLNote says how it is
	// known.
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

// sum counts how many applications are how.
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
	Heading string // id of its heading
	Linked  bool   // each to its page
	View    view
}

// Table returns the table of apps below a heading.
func (p *page) Table(apps []*AppStatus, heading string) table {
	return table{Apps: apps, Heading: heading, Linked: p.One == nil, View: p.view}
}

// relays are the backends of applications.
type relays struct {
	Worst                   string // of their modes
	Backends, Open, Waiting int
	Rows                    []*AppStatus // the worst first
	Hidden                  int          // how many are not among the rows
	View                    view
}

// sumRelays returns nil if none of apps has a backend.
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

// sumRecounts returns nil if none of apps is recounted.
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
