package web

import "time"

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

// Decided is how many callbacks that ask for a decision the backend has decided.
func (r *RelayStatus) Decided() uint64 { return r.Decisions - min(r.DecisionFailures, r.Decisions) }
