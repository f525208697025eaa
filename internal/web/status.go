package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// The defaults of StatusOptions.
const (
	DefaultStaleAfter = time.Hour
	DefaultRefresh    = 10 * time.Second
)

// StatusOptions are the sources of the values that a Status shows. Only Webhook and Log are
// required. The functions must not block and may be called from several goroutines.
type StatusOptions struct {
	// Webhook returns the report of the webhook listener.
	Webhook func() handler.Report
	// Log gets the errors of rendering a page.
	Log logrus.FieldLogger
	// Health has the readiness. Nil means ready.
	Health *Health
	// Storage returns the state of the storage. Nil means memory only.
	Storage func() StorageStatus
	// Config returns the state of the configuration. Nil means that it cannot be reloaded.
	Config func() ConfigStatus
	// Relay returns the state of the relay of an application, nil if it has no relay. Status
	// sets Mode and the ages. Nil means that no application has a relay.
	Relay func(appID string) *RelayStatus
	// Replica returns the state of the exchange with other replicas, nil if there is no
	// exchange. Status sets the ages. Nil means no exchange.
	Replica func() *ReplicaStatus
	// Recount returns the state of the recounts of an application, nil if it has no recounts.
	// Status sets Mode and the ages. Nil means that no application has recounts.
	Recount func(appID string) *RecountStatus
	// RecentEvents returns the last threshold events of an application, the last received first.
	// Nil means no events.
	RecentEvents func(appID string) []handler.EventReport
	// CallbackURL returns the callback URL. Nil means that it is not known.
	CallbackURL func() CallbackURLStatus
	// Settings returns the settings of an application as text without secrets, or those of all
	// applications if appID is empty. Nil means no settings.
	Settings func(appID string) string
	// Build is the version of the exporter.
	Build BuildStatus
	// Links are links to other pages of the listener, in this order.
	Links []Link
	// StaleAfter is the age from which an event is stale. The default is DefaultStaleAfter.
	StaleAfter time.Duration
	// Refresh is the interval at which the page loads itself again. The default is
	// DefaultRefresh.
	Refresh time.Duration
}

// Link is a link of the status page. Path begins with a slash.
type Link struct{ Path, Text string }

// Status serves the state of the exporter and its applications, as a page and as JSON. Its
// methods may be called from several goroutines.
type Status struct {
	o       StatusOptions
	started time.Time
	csp     string

	templates templates
}

// NewStatus returns the Status of o. The current time becomes the start time that it shows.
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
		o.CallbackURL = func() CallbackURLStatus { return CallbackURLStatus{} }
	}
	if o.Recount == nil {
		o.Recount = func(string) *RecountStatus { return nil }
	}
	if o.RecentEvents == nil {
		o.RecentEvents = func(string) []handler.EventReport { return nil }
	}
	if o.Settings == nil {
		o.Settings = func(string) string { return "" }
	}
	o.StaleAfter = cmp.Or(o.StaleAfter, DefaultStaleAfter)
	o.Refresh = cmp.Or(o.Refresh, DefaultRefresh)
	return &Status{o: o, started: time.Now(), csp: contentSecurityPolicy()}
}

// Report returns the current state. It does no I/O. The caller owns the result.
func (s *Status) Report() Report {
	now, webhook := time.Now(), s.o.Webhook()
	r := Report{
		Time: utc(now), StartTime: utc(s.started), UptimeSeconds: age(now, s.started),
		Ready: s.o.Health == nil || s.o.Health.ready.Load(),
		Build: s.o.Build, Callback: s.o.CallbackURL(), Configuration: s.o.Config(), Storage: s.o.Storage(),
		Replica:           s.o.Replica(),
		StaleAfterSeconds: s.o.StaleAfter.Seconds(),
		ClockSkewSeconds:  webhook.ClockSkew,
		Applications:      make([]AppStatus, 0, len(webhook.Apps)),
		Refusals:          make([]RefusalStatus, 0, len(webhook.Refusals)),
	}
	r.Configuration.utc()
	if r.Configuration.Flags == nil {
		r.Configuration.Flags = []FlagStatus{}
	}
	r.Storage.DegradedSince = utcOrNil(r.Storage.DegradedSince)
	r.Replica.judge(now)
	for _, a := range byUsage(webhook.Apps) {
		r.Applications = append(r.Applications, s.appStatus(a, now))
	}
	for _, f := range webhook.Refusals {
		r.Refusals = append(r.Refusals, refusalStatus(f, now))
	}
	return r
}

// byUsage returns pointers to apps, the highest usage first; applications without an event come
// last. Applications of the same usage are ordered by name.
func byUsage(apps []handler.AppReport) []*handler.AppReport {
	sorted := make([]*handler.AppReport, len(apps))
	for i := range apps {
		sorted[i] = &apps[i]
	}
	slices.SortStableFunc(sorted, func(a, b *handler.AppReport) int {
		return cmp.Or(-cmp.Compare(ratio(a), ratio(b)), cmp.Compare(a.Name, b.Name))
	})
	return sorted
}

// ratio returns the rooms of an application divided by their limit, -1 before the first event.
func ratio(a *handler.AppReport) float64 {
	if !a.Known() {
		return -1
	}
	return float64(a.Current) / float64(a.Max)
}

func (s *Status) appStatus(a *handler.AppReport, now time.Time) AppStatus {
	status := AppStatus{
		ID: a.ID, Name: a.Name, AllowUnsigned: a.AllowUnsigned, Verdict: VerdictNever,
		Events: a.Events, Created: a.Created, Destroyed: a.DestroyedRooms(), CountingSince: fromMilli(a.Since),
		Callbacks: callbackStatus(a.Commands, now), Relay: s.o.Relay(a.ID), Reconcile: s.o.Recount(a.ID),
	}
	if status.Reconcile != nil {
		status.Reconcile.judge(now, s.started)
	}
	if a.MaxRooms > 0 {
		status.ConfiguredMax = &a.MaxRooms
	}
	if a.Rooms.Newest > 0 {
		newest := fromMilli(a.Rooms.Newest)
		status.Known, status.KnownTime = &a.Rooms.Open, &newest
	}
	if !a.LastSelfTest.IsZero() {
		at := utc(a.LastSelfTest)
		status.LastSelfTest = &at
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
	estimate, ratio := a.Estimate(), ratio(a)
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

// addRecent sets the recent events of a. now is the time of the report.
func (s *Status) addRecent(a *AppStatus, now time.Time) {
	a.RecentEvents = []EventStatus{}
	for _, e := range s.o.RecentEvents(a.ID) {
		status := EventStatus{
			Received: utc(e.Received), ReceivedAgeSeconds: age(now, e.Received), Current: e.Current, Max: e.Max,
			Verdict: e.Verdict, Clamped: e.Clamped, Durable: e.Durable,
		}
		if !e.Time.IsZero() {
			at := utc(e.Time)
			status.Time = &at
		}
		a.RecentEvents = append(a.RecentEvents, status)
	}
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
