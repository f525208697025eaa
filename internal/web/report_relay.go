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

// relayModes has the modes, the best mode first.
var relayModes = []string{RelayOK, RelaySetAside, RelayDelayed, RelayDropping, RelayCircuitOpen}

const (
	// relayDelay is the age above which a queued callback is delayed.
	relayDelay = time.Minute
	// relayDropMemory is the time after a drop for which the mode is dropping.
	relayDropMemory = 5 * time.Minute
)

// RelayStatus is the relay to an application's own backend. Totals count since the relay was
// configured.
type RelayStatus struct {
	// Mode is ok, set_aside (at least one queued callback is set aside), delayed (the oldest
	// queued callback is older than a minute), dropping (a callback was dropped in the last five
	// minutes), or circuit_open (the backend failed too often in a row). If several are true, it
	// is the last of them.
	Mode string `json:"mode"`
	// CircuitOpen is true while the backend is not asked for decisions, except by probes.
	CircuitOpen bool `json:"circuit_open"`
	// DeliveryCircuitOpen is true while the backend accepts no queued callbacks. Deliveries are
	// then tried one at a time.
	DeliveryCircuitOpen bool `json:"delivery_circuit_open"`
	// Backend is the scheme and the host of relay.url.
	Backend string `json:"backend"`
	// QueueRequests is the number of queued callbacks.
	QueueRequests int `json:"queue_requests"`
	// QueueLanes is the number of lanes that have queued callbacks. A lane is a room, a user or a
	// command, whose callbacks are delivered in their order.
	QueueLanes int `json:"queue_lanes"`
	// InDelivery is the number of deliveries in progress.
	InDelivery int `json:"in_delivery"`
	// SetAside is the number of queued callbacks that failed for five minutes while the backend
	// accepted others.
	SetAside int `json:"set_aside_requests"`
	// QueueBytes is the size of the queued callbacks.
	QueueBytes int64 `json:"queue_bytes"`
	// QueueOldest is the time of receipt of the oldest queued callback that is not set aside,
	// null if there is none.
	QueueOldest *time.Time `json:"queue_oldest_time"`
	// QueueOldestAgeSeconds is the age of that callback, null if there is none.
	QueueOldestAgeSeconds *float64 `json:"queue_oldest_age_seconds"`
	// Delivered is the number of queued callbacks that the backend has accepted.
	Delivered uint64 `json:"deliveries_total"`
	// Dropped is the number of callbacks that were dropped and not delivered.
	Dropped uint64 `json:"dropped_total"`
	// LastDropTime is the time of the last drop, null if there was none.
	LastDropTime *time.Time `json:"last_drop_time"`
	// Decisions is the number of callbacks that asked for a decision.
	Decisions uint64 `json:"decisions_total"`
	// DecisionFailures is the number of decisions that the backend failed to make.
	DecisionFailures uint64 `json:"decision_failures_total"`
	// LastFailureTime is the time of the last failure of a decision or a delivery, null if there
	// was none.
	LastFailureTime *time.Time `json:"last_failure_time"`
	// LastFailureAgeSeconds is the time since the last failure, null if there was none.
	LastFailureAgeSeconds *float64 `json:"last_failure_age_seconds"`
	// LastFailure is the text of the last failure.
	LastFailure string `json:"last_failure"`
}

// judge sets Mode and the ages, and makes the times UTC.
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

// Decided returns the number of decisions that the backend has made.
func (r *RelayStatus) Decided() uint64 { return r.Decisions - min(r.DecisionFailures, r.Decisions) }
