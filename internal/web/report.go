package web

import "time"

// Report is the answer of /api/v1/status. Fields keep their names and meanings; new fields may
// be added. Times are in UTC; ages and other durations are in seconds. An unknown value is
// null.
type Report struct {
	// Time is the time of the report. Ages are as of this time.
	Time time.Time `json:"time"`
	// StartTime is the time of the start of the exporter.
	StartTime time.Time `json:"start_time"`
	// UptimeSeconds is the time since the start.
	UptimeSeconds float64 `json:"uptime_seconds"`
	// Ready is true while callbacks are answered, as for /-/ready.
	Ready bool `json:"ready"`
	// Build is the version of the exporter.
	Build BuildStatus `json:"build"`
	// Callback is the callback URL.
	Callback CallbackURLStatus `json:"callback_url"`
	// Configuration is the result of the last load of the configuration.
	Configuration ConfigStatus `json:"configuration"`
	// Storage is the state of the storage.
	Storage StorageStatus `json:"storage"`
	// Replica is the exchange with other replicas, null if there is none.
	Replica *ReplicaStatus `json:"replica"`
	// ClockSkewSeconds is the exporter's clock minus RequestTime at the last request with a valid
	// signature, null before the first.
	ClockSkewSeconds *float64 `json:"clock_skew_seconds"`
	// StaleAfterSeconds is the age from which an event is stale.
	StaleAfterSeconds float64 `json:"stale_after_seconds"`
	// Applications are the configured applications, the highest usage first. Applications without
	// an event come last.
	Applications []AppStatus `json:"applications"`
	// Refusals are the reasons for which requests were refused since the start, the latest
	// refusal first.
	Refusals []RefusalStatus `json:"refusals"`
}

// BuildStatus is the version of the exporter.
type BuildStatus struct {
	// Version is the version of the release.
	Version string `json:"version"`
	// Revision is the commit, empty if it is not known.
	Revision string `json:"revision"`
	// GoVersion is the version of the Go compiler.
	GoVersion string `json:"go_version"`
	// Platform is the operating system and the processor architecture.
	Platform string `json:"platform"`
}

// ConfigStatus is the result of the last load of the configuration.
type ConfigStatus struct {
	// OK is false if the last load of the configuration, or of a changed certificate of the
	// webhook listener, has failed. The previous one is then still in use.
	OK bool `json:"ok"`
	// File is the value of --config.file, empty if flags name the applications.
	File string `json:"file"`
	// LastAttempt is the time of the last load.
	LastAttempt *time.Time `json:"last_attempt_time"`
	// LastSuccess is the time of the last successful load.
	LastSuccess *time.Time `json:"last_success_time"`
	// Error is the error of the last load, empty if it succeeded.
	Error string `json:"error"`
	// Flags are the flags of the process, in the order of --help.
	Flags []FlagStatus `json:"flags"`
}

// FlagStatus is a flag of the process. No flag has a secret: secrets come from files.
type FlagStatus struct {
	// Name is the name of the flag, without dashes.
	Name string `json:"name"`
	// Value is the value in use.
	Value string `json:"value"`
	// Changed is true if the value is not the default.
	Changed bool `json:"changed"`
}

// The sources of CallbackURLStatus.
const (
	CallbackURLConfigured  = "flag"
	CallbackURLCertificate = "certificate"
)

// CallbackURLStatus is the callback URL.
type CallbackURLStatus struct {
	// Local is the callback URL on this machine, empty before the webhook listener is bound.
	Local string `json:"local"`
	// Public is the URL to enter in Tencent's console, empty if it is not known.
	Public string `json:"public"`
	// Source is the source of the public URL: flag (--webhook.external-url), certificate (a
	// guess: the first name in the certificate of the webhook listener), or empty.
	Source string `json:"source"`
}

// The modes of StorageStatus.
const (
	StorageDurable  = "durable"
	StorageDegraded = "degraded"
	StorageMemory   = "memory"
)

// StorageStatus is the state of the storage.
type StorageStatus struct {
	// Mode is durable, degraded (events are in memory only and are answered 503), or memory
	// (--storage.path is empty).
	Mode string `json:"mode"`
	// Path is the value of --storage.path.
	Path string `json:"path"`
	// DegradedSince is the time since which the storage is degraded, null if it is not.
	DegradedSince *time.Time `json:"degraded_since"`
	// Error is the error that degraded the storage.
	Error string `json:"error"`
}

// ReplicaStatus is the exchange of records with other replicas.
type ReplicaStatus struct {
	// ID is the name of this replica.
	ID string `json:"id"`
	// Engine is the address of the Redis or Valkey.
	Engine string `json:"engine"`
	// Connected is false if the last exchange failed. This replica then works alone.
	Connected bool `json:"connected"`
	// Error is the error of the last exchange, empty if it succeeded.
	Error string `json:"error"`
	// LastSuccess is the time of the last successful exchange, null before the first.
	LastSuccess *time.Time `json:"last_success_time"`
	// LastSuccessAgeSeconds is the time since the last successful exchange, null before the
	// first.
	LastSuccessAgeSeconds *float64 `json:"last_success_age_seconds"`
	// Peers are the other replicas that were seen in the last ten seconds.
	Peers []PeerStatus `json:"peers"`
}

// PeerStatus is another replica.
type PeerStatus struct {
	// ID is the name of the replica.
	ID string `json:"id"`
	// Seen is the time at which the replica was last seen.
	Seen time.Time `json:"last_seen_time"`
}

// judge sets the ages and makes the times UTC. r may be nil.
func (r *ReplicaStatus) judge(now time.Time) {
	if r == nil {
		return
	}
	r.LastSuccess = utcOrNil(r.LastSuccess)
	r.LastSuccessAgeSeconds = ageOrNil(now, r.LastSuccess)
	for i := range r.Peers {
		r.Peers[i].Seen = utc(r.Peers[i].Seen)
	}
}

func (c *ConfigStatus) utc() {
	c.LastAttempt, c.LastSuccess = utcOrNil(c.LastAttempt), utcOrNil(c.LastSuccess)
}
