package web

import "time"

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
	// Known is the number of rooms known to be open, from the callbacks of rooms and from
	// recounts, null before the first.
	Known *int64 `json:"known_rooms"`
	// KnownTime is the time of the newest callback or recount of a room, null before the first.
	KnownTime *time.Time `json:"known_rooms_time"`
	// ConfiguredMax is max_rooms of the configuration, null without.
	ConfiguredMax *int64 `json:"configured_max_rooms"`
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
	// Reconcile is how the recounts of its rooms go, null if they are not recounted.
	Reconcile *RecountStatus `json:"reconcile"`
	// LastSelfTest is when a self-test of doctor last arrived, null if none did since the
	// start.
	LastSelfTest *time.Time `json:"last_self_test_time"`
	// RecentEvents are the last 20 threshold events since the start, the last received first;
	// null unless ?app= names the application.
	RecentEvents []EventStatus `json:"recent_events"`
	// LastRefusal is the last request that named this application and was refused
	// before its body was read, null if there was none.
	LastRefusal *RefusalStatus `json:"last_refusal"`
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

// EventStatus is a threshold event and what became of it.
type EventStatus struct {
	// Time is Tencent's time of the event, null if the event had none.
	Time *time.Time `json:"event_time"`
	// Received is our time of its receipt.
	Received time.Time `json:"received_time"`
	// ReceivedAgeSeconds is how long ago that is.
	ReceivedAgeSeconds float64 `json:"received_age_seconds"`
	// Current is its CurRoomCount.
	Current int64 `json:"current_rooms"`
	// Max is its MaxRoomCount.
	Max int64 `json:"max_rooms"`
	// Verdict is accepted, duplicate (it came again and was not counted again), or
	// out_of_order (a newer one had come before: it was counted and moved no gauge).
	Verdict string `json:"verdict"`
	// Clamped says that event_time was too far in the future: received_time was used instead.
	Clamped bool `json:"clamped"`
	// Durable is false if it was kept in memory only, and answered 503.
	Durable bool `json:"durable"`
}
