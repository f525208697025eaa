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
}

func (c *ConfigStatus) utc() {
	c.LastAttempt, c.LastSuccess = utcOrNil(c.LastAttempt), utcOrNil(c.LastSuccess)
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

// The verdicts on the counts of an application.
const (
	VerdictFresh = "fresh"
	VerdictStale = "stale"
	VerdictNever = "never"
)

// AppStatus is one configured application. Counts are null before the first threshold
// event.
type AppStatus struct {
	// ID is the SDKAppID.
	ID string `json:"sdk_app_id"`
	// Name is the configured name.
	Name string `json:"name"`
	// AllowUnsigned says that callbacks need no signature, so that anyone can set its counts.
	AllowUnsigned bool `json:"allow_unsigned"`
	// Verdict is fresh, stale (the last threshold event is older than
	// stale_after_seconds), or never (none has come).
	Verdict string `json:"verdict"`
	// UsageLevel is low, notice (from 70 %), near_limit (from 80 %), critical (from 90 %),
	// exhausted (from 100 %), or empty. The last three are those of the alerts.
	UsageLevel string `json:"usage_level"`
	// UsageRatio is current_rooms divided by max_rooms.
	UsageRatio *float64 `json:"usage_ratio"`
	// Current is CurRoomCount of the newest threshold event.
	Current *int64 `json:"current_rooms"`
	// Max is MaxRoomCount of the same event.
	Max *int64 `json:"max_rooms"`
	// Estimate is current_rooms plus the rooms created and minus those destroyed since.
	Estimate *int64 `json:"estimated_rooms"`
	// EventTime is Tencent's time of that event.
	EventTime *time.Time `json:"last_event_time"`
	// Received is our time of its receipt.
	Received *time.Time `json:"last_event_received_time"`
	// EventAgeSeconds is how long ago last_event_time is, at least 0.
	EventAgeSeconds *float64 `json:"last_event_age_seconds"`
	// Events counts threshold events.
	Events uint64 `json:"threshold_events_total"`
	// Created counts callbacks of rooms created.
	Created uint64 `json:"room_creations_total"`
	// Destroyed counts callbacks of rooms destroyed.
	Destroyed uint64 `json:"room_destructions_total"`
	// CountingSince is when these three began at 0.
	CountingSince time.Time `json:"counting_since"`
	// Callbacks are the commands that have come since the start, the latest first.
	Callbacks []CallbackStatus `json:"callbacks"`
	// Relay is the application's own backend, null if it has none.
	Relay *RelayStatus `json:"relay"`
	// LastRefusal is the last request that named this application and was refused
	// before its body was read, null if there was none.
	LastRefusal *RefusalStatus `json:"last_refusal"`
}

func (a AppStatus) ratio() float64 {
	if a.UsageRatio == nil {
		return -1
	}
	return *a.UsageRatio
}

// The modes of RelayStatus.
const (
	RelayOK          = "ok"
	RelaySetAside    = "set_aside"
	RelayDelayed     = "delayed"
	RelayDropping    = "dropping"
	RelayCircuitOpen = "circuit_open"
)

// relayModes has the modes, the best one first.
var relayModes = []string{RelayOK, RelaySetAside, RelayDelayed, RelayDropping, RelayCircuitOpen}

const (
	// relayDelay is the age from which a queued callback is called delayed.
	relayDelay = time.Minute
	// relayDropMemory is how long a backend is called dropping after the last drop.
	relayDropMemory = 5 * time.Minute
)

// RelayStatus is an application's own backend. Counts are those since it was configured.
type RelayStatus struct {
	// Mode is ok, set_aside (callbacks that fail were set aside), delayed (a callback is
	// queued for over a minute), dropping (a callback was dropped in the last five minutes),
	// or circuit_open (the backend failed too often in a row). The last one that holds counts.
	Mode string `json:"mode"`
	// CircuitOpen says that the backend is not asked for decisions.
	CircuitOpen bool `json:"circuit_open"`
	// DeliveryCircuitOpen says that one queued callback at a time is tried, until the
	// backend takes it.
	DeliveryCircuitOpen bool `json:"delivery_circuit_open"`
	// Backend is scheme and host of relay.url.
	Backend string `json:"backend"`
	// QueueRequests is how many callbacks are queued.
	QueueRequests int `json:"queue_requests"`
	// QueueLanes is in how many lanes they are: rooms, users or commands whose callbacks
	// are delivered one after the other.
	QueueLanes int `json:"queue_lanes"`
	// InDelivery is how many of them are being delivered.
	InDelivery int `json:"in_delivery"`
	// SetAside is how many of them failed for five minutes while the backend took others.
	SetAside int `json:"set_aside_requests"`
	// QueueBytes is their size.
	QueueBytes int64 `json:"queue_bytes"`
	// QueueOldest is when the oldest that is not set aside came, null if there is none.
	QueueOldest *time.Time `json:"queue_oldest_time"`
	// QueueOldestAgeSeconds is how long ago that is, null if there is none.
	QueueOldestAgeSeconds *float64 `json:"queue_oldest_age_seconds"`
	// Delivered counts callbacks that the backend has taken from the queue.
	Delivered uint64 `json:"deliveries_total"`
	// Dropped counts callbacks that it will not get.
	Dropped uint64 `json:"dropped_total"`
	// LastDropTime is when the last one was dropped, null if none was.
	LastDropTime *time.Time `json:"last_drop_time"`
	// Decisions counts callbacks that ask for a decision.
	Decisions uint64 `json:"decisions_total"`
	// DecisionFailures counts those that it did not decide.
	DecisionFailures uint64 `json:"decision_failures_total"`
	// LastFailureTime is when something last went wrong, null if it never did.
	LastFailureTime *time.Time `json:"last_failure_time"`
	// LastFailureAgeSeconds is how long ago that is, null if nothing ever did.
	LastFailureAgeSeconds *float64 `json:"last_failure_age_seconds"`
	// LastFailure says what it was.
	LastFailure string `json:"last_failure"`
}

// judge fills in what follows from the times.
func (r *RelayStatus) judge(now time.Time) {
	r.QueueOldest, r.LastFailureTime, r.LastDropTime = utcOrNil(r.QueueOldest), utcOrNil(r.LastFailureTime), utcOrNil(r.LastDropTime)
	r.QueueOldestAgeSeconds, r.LastFailureAgeSeconds = ageOrNil(now, r.QueueOldest), ageOrNil(now, r.LastFailureTime)
	switch {
	case r.CircuitOpen || r.DeliveryCircuitOpen:
		r.Mode = RelayCircuitOpen
	case r.LastDropTime != nil && now.Sub(*r.LastDropTime) < relayDropMemory:
		r.Mode = RelayDropping
	case r.QueueOldestAgeSeconds != nil && *r.QueueOldestAgeSeconds > relayDelay.Seconds():
		r.Mode = RelayDelayed
	case r.SetAside > 0:
		r.Mode = RelaySetAside
	default:
		r.Mode = RelayOK
	}
}

// CallbackStatus is a command that has come.
type CallbackStatus struct {
	// Command is Tencent's name, or other.
	Command string `json:"command"`
	// Total counts it since the start.
	Total uint64 `json:"total"`
	// LastTime is when the last one was taken.
	LastTime time.Time `json:"last_time"`
	// LastAgeSeconds is how long ago that is.
	LastAgeSeconds float64 `json:"last_age_seconds"`
}

// RefusalStatus is a reason for which requests were refused.
type RefusalStatus struct {
	// Reason is the label of tuilivekit_webhook_rejections_total.
	Reason string `json:"reason"`
	// Title is the reason in words.
	Title string `json:"title"`
	// Total counts it since the start; absent from last_refusal.
	Total uint64 `json:"total,omitempty"`
	// LastTime is when the last one was refused.
	LastTime time.Time `json:"last_time"`
	// LastAgeSeconds is how long ago that is.
	LastAgeSeconds float64 `json:"last_age_seconds"`
	// AppID is the SDKAppID that it named, if it got so far: 20 characters at most, not
	// checked.
	AppID string `json:"sdk_app_id"`
	// Detail says what was wrong with it, as for a field or a clock.
	Detail string `json:"detail"`
	// Check says what to check.
	Check string `json:"check"`
}
