package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// The defaults of StatusOptions. An event is stale from the age on from which the
// shipped alerts no longer trust it.
const (
	DefaultStaleAfter = time.Hour
	DefaultRefresh    = 10 * time.Second
)

// StatusOptions are what a Status shows. Only Webhook and Log are required.
type StatusOptions struct {
	// Webhook returns what the webhook listener knows. It must not block.
	Webhook func() handler.Report
	// Log gets the errors of writing a page.
	Log logrus.FieldLogger
	// Health says whether callbacks are being answered. Nil shows that they are.
	Health *Health
	// Storage and Config say how these are now. Nil means memory only, and a
	// configuration that cannot be reloaded. They must not block.
	Storage func() StorageStatus
	Config  func() ConfigStatus
	// Relay says how the backend of an application is, but for Mode and ages, which are
	// filled in; nil if it has none. Nil means that nobody has one. It must not block.
	Relay func(appID string) *RelayStatus
	// Replica says how records are exchanged with other replicas, but for ages, which are filled
	// in; nil if they are not. Nil means that they never are. It must not block.
	Replica func() *ReplicaStatus
	// CallbackURL returns the URL that a callback of this machine goes to, "" if it is not
	// known yet. Nil means never.
	CallbackURL func() string
	Build       BuildStatus
	// Links lead to the other pages of the listener, in this order.
	Links []Link
	// StaleAfter is the age from which an event is called stale, by default
	// DefaultStaleAfter.
	StaleAfter time.Duration
	// Refresh is how often the page loads itself again, by default
	// DefaultRefresh.
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
	if o.Replica == nil {
		o.Replica = func() *ReplicaStatus { return nil }
	}
	if o.CallbackURL == nil {
		o.CallbackURL = func() string { return "" }
	}
	o.StaleAfter = cmp.Or(o.StaleAfter, DefaultStaleAfter)
	o.Refresh = cmp.Or(o.Refresh, DefaultRefresh)
	return &Status{o: o, started: time.Now(), csp: contentSecurityPolicy()}
}

// Report is what is known now. It does no I/O. The caller owns it.
func (s *Status) Report() Report {
	now, webhook := time.Now(), s.o.Webhook()
	r := Report{
		Time: utc(now), StartTime: utc(s.started), UptimeSeconds: age(now, s.started),
		Ready: s.o.Health == nil || s.o.Health.ready.Load(),
		Build: s.o.Build, Configuration: s.o.Config(), Storage: s.o.Storage(),
		Replica:           s.o.Replica(),
		StaleAfterSeconds: s.o.StaleAfter.Seconds(),
		ClockSkewSeconds:  webhook.ClockSkew,
		Applications:      []AppStatus{}, Refusals: []RefusalStatus{},
	}
	r.Configuration.utc()
	r.Storage.DegradedSince = utcOrNil(r.Storage.DegradedSince)
	r.Replica.judge(now)
	for _, a := range webhook.Apps {
		r.Applications = append(r.Applications, s.appStatus(a, now))
	}
	for _, f := range webhook.Refusals {
		r.Refusals = append(r.Refusals, refusalStatus(f, now))
	}
	slices.SortStableFunc(r.Applications, func(a, b AppStatus) int {
		return cmp.Or(-cmp.Compare(a.ratio(), b.ratio()), cmp.Compare(a.Name, b.Name))
	})
	return r
}

func (s *Status) appStatus(a handler.AppReport, now time.Time) AppStatus {
	status := AppStatus{
		ID: a.ID, Name: a.Name, AllowUnsigned: a.AllowUnsigned, Verdict: VerdictNever,
		Events: a.Events, Created: a.Created, Destroyed: a.DestroyedRooms(), CountingSince: fromMilli(a.Since),
		Callbacks: callbackStatus(a.Commands, now), Relay: s.o.Relay(a.ID),
	}
	if status.Relay != nil {
		status.Relay.judge(now)
	}
	if a.LastRefusal != nil {
		refusal := refusalStatus(*a.LastRefusal, now)
		status.LastRefusal = &refusal
	}
	if !a.Known() {
		return status
	}
	estimate := a.Estimate()
	ratio := float64(a.Current) / float64(a.Max)
	event, received := fromMilli(a.EventTime), fromMilli(a.Received)
	old := max(age(now, event), 0)
	status.Current, status.Max, status.Estimate, status.UsageRatio = &a.Current, &a.Max, &estimate, &ratio
	status.EventTime, status.Received, status.EventAgeSeconds = &event, &received, &old
	status.UsageLevel = usage.Of(ratio).Name
	status.Verdict = VerdictFresh
	if old > s.o.StaleAfter.Seconds() {
		status.Verdict = VerdictStale
	}
	return status
}

func callbackStatus(commands []handler.CommandReport, now time.Time) []CallbackStatus {
	list := make([]CallbackStatus, len(commands))
	for i, c := range commands {
		list[i] = CallbackStatus{c.Name, c.Total, utc(c.Last), age(now, c.Last)}
	}
	return list
}

func refusalStatus(f handler.Refusal, now time.Time) RefusalStatus {
	return RefusalStatus{
		Reason: f.Reason, Title: f.Title, Total: f.Total, LastTime: utc(f.Time), LastAgeSeconds: age(now, f.Time),
		AppID: f.AppID, Detail: f.Detail, Check: f.Check,
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
