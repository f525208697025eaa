package web

import "time"

// The modes of RecountStatus.
const (
	RecountOK      = "ok"
	RecountStandby = "standby"
	RecountWaiting = "waiting"
	RecountLate    = "late"
	RecountFailing = "failing"
	RecountStopped = "stopped"
)

// recountModes has the modes, the best mode first.
var recountModes = []string{RecountOK, RecountStandby, RecountWaiting, RecountLate, RecountFailing, RecountStopped}

// RecountStatus is the state of the recounts of the rooms of an application. Totals count since
// the recounts were configured.
type RecountStatus struct {
	// Mode is ok, standby (another replica recounts), waiting (before the first recount), late
	// (no recount has succeeded for three intervals), failing (the last recount failed), or
	// stopped (Tencent refuses the calls; there are no recounts until the configuration is
	// reloaded).
	Mode string `json:"mode"`
	// IntervalSeconds is the time from the start of one recount to the start of the next.
	IntervalSeconds float64 `json:"interval_seconds"`
	// Recounts is the number of ended recounts, including failed recounts.
	Recounts uint64 `json:"recounts_total"`
	// Failures is the number of failed recounts.
	Failures uint64 `json:"failures_total"`
	// Calls is the number of calls of Tencent's server API.
	Calls uint64 `json:"calls_total"`
	// Opened is the number of rooms that recounts found open and that were not known to be open.
	Opened uint64 `json:"rooms_opened_total"`
	// Closed is the number of rooms that recounts found closed and that were known to be open.
	Closed uint64 `json:"rooms_closed_total"`
	// Listed is the number of rooms on Tencent's list at the last successful recount.
	Listed int64 `json:"listed_rooms"`
	// LastSuccess is the time of the last successful recount, null before the first.
	LastSuccess *time.Time `json:"last_success_time"`
	// LastSuccessAgeSeconds is the time since the last successful recount, null before the first.
	LastSuccessAgeSeconds *float64 `json:"last_success_age_seconds"`
	// LastFailureTime is the time of the last failed recount, null if there was none.
	LastFailureTime *time.Time `json:"last_failure_time"`
	// LastFailureAgeSeconds is the time since the last failed recount, null if there was none.
	LastFailureAgeSeconds *float64 `json:"last_failure_age_seconds"`
	// LastFailure is the error of the last failed recount.
	LastFailure string `json:"last_failure"`
	// Advice says what to do about the error, empty if there is no advice.
	Advice string `json:"advice"`
	// Stopped is true if Tencent refuses the calls.
	Stopped bool `json:"stopped"`
	// Standby is true if another replica had the lease when the last recount was due.
	Standby bool `json:"standby"`
}

// judge sets Mode and the ages, and makes the times UTC. started is the start of the exporter.
func (r *RecountStatus) judge(now, started time.Time) {
	r.LastSuccess, r.LastFailureTime = utcOrNil(r.LastSuccess), utcOrNil(r.LastFailureTime)
	r.LastSuccessAgeSeconds, r.LastFailureAgeSeconds = ageOrNil(now, r.LastSuccess), ageOrNil(now, r.LastFailureTime)
	since := started
	if r.LastSuccess != nil {
		since = *r.LastSuccess
	}
	switch {
	case r.Stopped:
		r.Mode = RecountStopped
	case r.Standby:
		r.Mode = RecountStandby
	case r.LastFailureTime != nil && (r.LastSuccess == nil || r.LastFailureTime.After(*r.LastSuccess)):
		r.Mode = RecountFailing
	case now.Sub(since).Seconds() > 3*r.IntervalSeconds:
		r.Mode = RecountLate
	case r.LastSuccess == nil:
		r.Mode = RecountWaiting
	default:
		r.Mode = RecountOK
	}
}
