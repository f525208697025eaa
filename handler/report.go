package handler

import (
	"math"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// Report is the state of a Callback, its applications and its refusals, to show to operators.
// It has plain values, which the caller owns.
type Report struct {
	// ClockSkew is the exporter's clock minus RequestTime, in seconds, at the last request with
	// a valid signature. Nil before the first such request.
	ClockSkew *float64
	// Apps are the configured applications, ordered by ID.
	Apps []AppReport
	// Refusals are the reasons for which requests were refused since the start, the
	// latest refusal first.
	Refusals []Refusal
}

// AppReport is one configured application.
type AppReport struct {
	Counted
	// AllowUnsigned says that callbacks need no signature.
	AllowUnsigned bool
	// Commands are the commands that were accepted since the start, the latest first.
	Commands []CommandReport
	// LastSelfTest is the time of the last self-test of doctor, zero if there was none since
	// the start.
	LastSelfTest time.Time
	// LastRefusal is the last request with the SDKAppID of this application that was refused
	// before its body was decoded, nil if there was none.
	LastRefusal *Refusal
}

// CommandReport counts the accepted callbacks of one command.
type CommandReport struct {
	// Name is Tencent's name, or other.
	Name string
	// Total is the number of callbacks since the start, and Last the time of the last one.
	Total uint64
	Last  time.Time
}

// Refusal is the last refused request of one reason.
type Refusal struct {
	// Reason is the label of tuilivekit_webhook_rejections_total.
	Reason string
	// Title is the reason in words. Check says what an operator should check.
	Title, Check string
	// Total is the number of requests that were refused for this reason since the start, 0 in
	// an AppReport.
	Total uint64
	// Time is the time of the refusal.
	Time time.Time
	// AppID is the SDKAppID of the request: at most 20 printable characters, not checked; empty
	// if the request was refused before its SDKAppID was read.
	AppID string
	// Detail says what was wrong with the request, empty if Title says all.
	Detail string
}

// Report returns the current state. It does no I/O and may be called from several goroutines.
func (c *Callback) Report() Report {
	r := Report{Refusals: report(c.refusals)}
	if skew := math.Float64frombits(c.metrics.clockSkew.Load()); !math.IsNaN(skew) {
		r.ClockSkew = &skew
	}
	configured := c.apps.Load().byID
	for _, a := range c.store.Snapshot() {
		app := configured[a.ID]
		if app == nil {
			continue // Configure is running
		}
		report := AppReport{Counted: a, AllowUnsigned: app.allowUnsigned, Commands: app.stats.report()}
		if at := app.stats.selfTested.Load(); at != 0 {
			report.LastSelfTest = time.UnixMilli(at)
		}
		if n := app.stats.refused.Load(); n != nil {
			refusal := n.report()
			report.LastRefusal = &refusal
		}
		r.Apps = append(r.Apps, report)
	}
	return r
}

// report returns the accepted commands, the latest first.
func (s *appStats) report() []CommandReport {
	var list []CommandReport
	for i := range s.commands {
		if n := s.commands[i].total.Load(); n > 0 {
			list = append(list, CommandReport{tuilivekit.Command(i).String(), n, time.UnixMilli(s.commands[i].last.Load())})
		}
	}
	slices.SortStableFunc(list, func(a, b CommandReport) int { return b.Last.Compare(a.Last) })
	return list
}

// report returns the last refusal of each reason, the latest first.
func report(all []*refusals) []Refusal {
	var list []Refusal
	for _, of := range all {
		if n := of.last.Load(); n != nil {
			refusal := n.report()
			refusal.Total = of.total.Load()
			list = append(list, refusal)
		}
	}
	slices.SortStableFunc(list, func(a, b Refusal) int { return b.Time.Compare(a.Time) })
	return list
}
