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

// recountModes has the modes, the best one first.
var recountModes = []string{RecountOK, RecountStandby, RecountWaiting, RecountLate, RecountFailing, RecountStopped}

// RecountStatus is how the recounts of the rooms of an application go. Counts are those since
// it was configured.
type RecountStatus struct {
	// Mode is ok, standby (another replica recounts), waiting (none has ended yet), late (none
	// has succeeded for three intervals), failing (the last one failed), or stopped (Tencent
	// refuses, and there are none until the configuration is reloaded).
	Mode string `json:"mode"`
	// IntervalSeconds is from the start of one recount to that of the next.
	IntervalSeconds float64 `json:"interval_seconds"`
	// Recounts counts recounts that have ended, also failed ones.
	Recounts uint64 `json:"recounts_total"`
	// Failures counts recounts that failed.
	Failures uint64 `json:"failures_total"`
	// Calls counts calls of Tencent's server API.
	Calls uint64 `json:"calls_total"`
	// Opened counts unknown rooms that were found open.
	Opened uint64 `json:"rooms_opened_total"`
	// Closed counts known rooms that were found closed.
	Closed uint64 `json:"rooms_closed_total"`
	// Listed is how many rooms Tencent's list had at the last recount that succeeded.
	Listed int64 `json:"listed_rooms"`
	// LastSuccess is when a recount last succeeded, null before the first.
	LastSuccess *time.Time `json:"last_success_time"`
	// LastSuccessAgeSeconds is how long ago that is, null before the first.
	LastSuccessAgeSeconds *float64 `json:"last_success_age_seconds"`
	// LastFailureTime is when a recount last failed, null if none did.
	LastFailureTime *time.Time `json:"last_failure_time"`
	// LastFailureAgeSeconds is how long ago that is, null if none did.
	LastFailureAgeSeconds *float64 `json:"last_failure_age_seconds"`
	// LastFailure says why it failed.
	LastFailure string `json:"last_failure"`
	// Advice says what to do about it, empty if nothing is known.
	Advice string `json:"advice"`
	// Stopped says that Tencent refuses recounts.
	Stopped bool `json:"stopped"`
	// Standby says that another replica had the lease when a recount was last due.
	Standby bool `json:"standby"`
}

// judge fills in what follows from the times. started is when recounts may have begun.
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
