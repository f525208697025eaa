package web

import "time"

// Report is the answer of /api/v1/status. Names and meanings of its fields stay as
// they are; new ones may come. Times are in UTC, ages and other durations in seconds.
// What is not known is null.
type Report struct {
	// Time is when the report was made; ages are as of this time.
	Time time.Time `json:"time"`
	// StartTime is when the exporter started.
	StartTime time.Time `json:"start_time"`
	// UptimeSeconds is how long ago that was.
	UptimeSeconds float64 `json:"uptime_seconds"`
	// Ready says whether callbacks are being answered, as /-/ready does.
	Ready bool `json:"ready"`
	// Build is what runs.
	Build BuildStatus `json:"build"`
	// Callback is where Tencent is to send callbacks.
	Callback CallbackURLStatus `json:"callback_url"`
	// Configuration is how the last load of the configuration went.
	Configuration ConfigStatus `json:"configuration"`
	// Storage is whether events are durable.
	Storage StorageStatus `json:"storage"`
	// Replica is how records are exchanged with other replicas, null if they are not.
	Replica *ReplicaStatus `json:"replica"`
	// ClockSkewSeconds is our clock minus RequestTime at the last signed request, null
	// before the first.
	ClockSkewSeconds *float64 `json:"clock_skew_seconds"`
	// StaleAfterSeconds is the age from which an event is called stale.
	StaleAfterSeconds float64 `json:"stale_after_seconds"`
	// Applications are the configured applications, the highest usage first; those
	// without an event last.
	Applications []AppStatus `json:"applications"`
	// Refusals are the reasons for which requests were refused since the start, the
	// latest first.
	Refusals []RefusalStatus `json:"refusals"`
}

// BuildStatus is what runs.
type BuildStatus struct {
	// Version is that of the release.
	Version string `json:"version"`
	// Revision is the commit, if it is known.
	Revision string `json:"revision"`
	// GoVersion is the compiler's.
	GoVersion string `json:"go_version"`
	// Platform is operating system and processor.
	Platform string `json:"platform"`
}

// ConfigStatus is how the last load of the configuration went.
type ConfigStatus struct {
	// OK is false while the last attempt to load failed, or the last one to load a changed
	// certificate of the webhook listener: what was there before stays.
	OK bool `json:"ok"`
	// File is that of --config.file, empty if applications are given by flags.
	File string `json:"file"`
	// LastAttempt is when it was last tried.
	LastAttempt *time.Time `json:"last_attempt_time"`
	// LastSuccess is when the configuration in use was loaded.
	LastSuccess *time.Time `json:"last_success_time"`
	// Error says why the last attempt failed.
	Error string `json:"error"`
	// Flags are the flags of the process, in the order of --help.
	Flags []FlagStatus `json:"flags"`
}

// FlagStatus is a flag of the process. No flag has a secret: secrets come from files.
type FlagStatus struct {
	// Name is that of the flag, without dashes.
	Name string `json:"name"`
	// Value is the value in use.
	Value string `json:"value"`
	// Changed says that it is not the default.
	Changed bool `json:"changed"`
}

// The sources of CallbackURLStatus.
const (
	CallbackURLConfigured  = "flag"
	CallbackURLCertificate = "certificate"
)

// CallbackURLStatus is where Tencent is to send callbacks.
type CallbackURLStatus struct {
	// Local is the URL as this machine sees it, empty while the webhook listener is not bound.
	Local string `json:"local"`
	// Public is the URL to enter at Tencent's, empty if it is not known.
	Public string `json:"public"`
	// Source is how the public one is known: flag (--webhook.external-url), certificate (a
	// guess: the first name in the certificate of the webhook listener), or empty.
	Source string `json:"source"`
}

// The modes of StorageStatus.
const (
	StorageDurable  = "durable"
	StorageDegraded = "degraded"
	StorageMemory   = "memory"
)

// StorageStatus is whether events are durable.
type StorageStatus struct {
	// Mode is durable, degraded (events are kept in memory and answered 503), or
	// memory (there is no --storage.path).
	Mode string `json:"mode"`
	// Path is that of --storage.path.
	Path string `json:"path"`
	// DegradedSince is when it stopped being durable, null while it is.
	DegradedSince *time.Time `json:"degraded_since"`
	// Error says why it is degraded.
	Error string `json:"error"`
}

// ReplicaStatus is how records are exchanged with other replicas.
type ReplicaStatus struct {
	// ID is the name of this replica among the others.
	ID string `json:"id"`
	// Engine is where the Redis is through which they are exchanged.
	Engine string `json:"engine"`
	// Connected is false while the last exchange failed: this replica goes on alone.
	Connected bool `json:"connected"`
	// Error says why it failed.
	Error string `json:"error"`
	// LastSuccess is the time of the last exchange that succeeded, null before the first.
	LastSuccess *time.Time `json:"last_success_time"`
	// LastSuccessAgeSeconds is how long ago that is, null before the first.
	LastSuccessAgeSeconds *float64 `json:"last_success_age_seconds"`
	// Peers are the other replicas that were seen within the last ten seconds.
	Peers []PeerStatus `json:"peers"`
}

// PeerStatus is another replica.
type PeerStatus struct {
	// ID is its name.
	ID string `json:"id"`
	// Seen is the time of its last sign of life.
	Seen time.Time `json:"last_seen_time"`
}

// judge fills in what follows from the times.
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
