package handler

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// The defaults of StatusOptions. An event is stale from the age on from which the
// shipped alerts no longer trust it.
const (
	DefaultStatusStaleAfter = time.Hour
	DefaultStatusRefresh    = 10 * time.Second
)

// StatusOptions are what a Status shows. Only Callback is required.
type StatusOptions struct {
	Callback *Callback
	// Health says whether callbacks are being answered. Nil shows that they are.
	Health *Health
	// Storage and Config say how these are now. Nil means memory only, and a
	// configuration that cannot be reloaded. They must not block.
	Storage func() StorageStatus
	Config  func() ConfigStatus
	// Relay says how the backend of an application is, but for Mode and ages, which are
	// filled in; nil if it has none. Nil means that nobody has one. It must not block.
	Relay func(appID string) *RelayStatus
	Build BuildStatus
	// Links lead to the other pages of the listener, in this order.
	Links []Link
	// StaleAfter is the age from which an event is called stale, by default
	// DefaultStatusStaleAfter.
	StaleAfter time.Duration
	// Refresh is how often the page loads itself again, by default
	// DefaultStatusRefresh.
	Refresh time.Duration
}

// Link is a link of the status page.
type Link struct{ Path, Text string }

// Status answers how the exporter and its applications are, as a page and as JSON. All
// its methods may be called from several goroutines.
type Status struct {
	o       StatusOptions
	started time.Time
	csp     string
}

// NewStatus returns the Status of o. The time that it shows as the start is now.
func NewStatus(o StatusOptions) *Status {
	if o.Storage == nil {
		o.Storage = func() StorageStatus { return StorageStatus{Mode: StorageMemory} }
	}
	if o.Config == nil {
		o.Config = func() ConfigStatus { return ConfigStatus{OK: true} }
	}
	if o.Relay == nil {
		o.Relay = func(string) *RelayStatus { return nil }
	}
	o.StaleAfter = cmp.Or(o.StaleAfter, DefaultStatusStaleAfter)
	o.Refresh = cmp.Or(o.Refresh, DefaultStatusRefresh)
	return &Status{o: o, started: time.Now(), csp: contentSecurityPolicy()}
}

// Report is what is known now. It does no I/O. The caller owns it.
func (s *Status) Report() Report {
	now, c := time.Now(), s.o.Callback
	r := Report{
		Time: utc(now), StartTime: utc(s.started), UptimeSeconds: age(now, s.started),
		Ready: s.o.Health == nil || s.o.Health.ready.Load(),
		Build: s.o.Build, Configuration: s.o.Config(), Storage: s.o.Storage(),
		StaleAfterSeconds: s.o.StaleAfter.Seconds(),
		Applications:      []AppStatus{}, Refusals: c.refusalStatus(now),
	}
	if skew := math.Float64frombits(c.metrics.clockSkew.Load()); !math.IsNaN(skew) {
		r.ClockSkewSeconds = &skew
	}
	r.Configuration.utc()
	r.Storage.DegradedSince = utcOrNil(r.Storage.DegradedSince)
	configured := c.apps.Load().byID
	for _, a := range c.Snapshot() {
		if app := configured[a.ID]; app != nil { // else it is being reconfigured right now
			r.Applications = append(r.Applications, s.appStatus(a, app, now))
		}
	}
	slices.SortStableFunc(r.Applications, func(a, b AppStatus) int {
		return cmp.Or(-cmp.Compare(a.ratio(), b.ratio()), cmp.Compare(a.Name, b.Name))
	})
	return r
}

func (s *Status) appStatus(a state.App, app *app, now time.Time) AppStatus {
	status := AppStatus{
		ID: a.ID, Name: a.Name, AllowUnsigned: app.allowUnsigned, Verdict: VerdictNever,
		Events: a.Events, Created: a.Created, Destroyed: a.Destroyed, CountingSince: fromMilli(a.Since),
		Callbacks: app.stats.callbackStatus(now), Relay: s.o.Relay(a.ID),
	}
	if status.Relay != nil {
		status.Relay.judge(now)
	}
	if n := app.stats.refused.Load(); n != nil {
		status.LastRefusal = n.status(now)
	}
	if !a.Known() {
		return status
	}
	ratio := float64(a.Current) / float64(a.Max)
	event, received := fromMilli(a.EventTime), fromMilli(a.Received)
	old := max(age(now, event), 0)
	status.Current, status.Max, status.Estimate, status.UsageRatio = &a.Current, &a.Max, &a.Estimate, &ratio
	status.EventTime, status.Received, status.EventAgeSeconds = &event, &received, &old
	status.UsageLevel = usageLevel(ratio)
	status.Verdict = VerdictFresh
	if old > s.o.StaleAfter.Seconds() {
		status.Verdict = VerdictStale
	}
	return status
}

// callbackStatus returns the commands that have come, the last one first.
func (s *appStats) callbackStatus(now time.Time) []CallbackStatus {
	list := []CallbackStatus{}
	for i := range s.commands {
		if n := s.commands[i].Load(); n > 0 {
			last := fromMilli(s.last[i].Load())
			list = append(list, CallbackStatus{tuilivekit.Command(i).String(), n, last, age(now, last)})
		}
	}
	slices.SortStableFunc(list, func(a, b CallbackStatus) int { return b.LastTime.Compare(a.LastTime) })
	return list
}

// refusalStatus returns the reasons for which requests were refused, the last one
// first.
func (c *Callback) refusalStatus(now time.Time) []RefusalStatus {
	list := []RefusalStatus{}
	for i := range c.notes {
		if n := c.notes[i].last.Load(); n != nil {
			status := *n.status(now)
			status.Total = c.notes[i].total.Load()
			list = append(list, status)
		}
	}
	slices.SortStableFunc(list, func(a, b RefusalStatus) int { return b.LastTime.Compare(a.LastTime) })
	return list
}

func (n *note) status(now time.Time) *RefusalStatus {
	h := n.reason.hint()
	return &RefusalStatus{
		Reason: reasons[n.reason].label, LastTime: utc(n.at), LastAgeSeconds: age(now, n.at),
		AppID: n.appID, Detail: n.detail, Title: h.title, Check: h.check,
	}
}

// age returns the seconds from then to now, to the millisecond.
func age(now, then time.Time) float64 { return float64(now.Sub(then).Milliseconds()) / 1000 }

func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func fromMilli(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func ageOrNil(now time.Time, then *time.Time) *float64 {
	if then == nil {
		return nil
	}
	a := max(age(now, *then), 0)
	return &a
}

func utcOrNil(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := utc(*t)
	return &u
}
