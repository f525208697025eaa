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
	// AllowUnsigned is true if callbacks need no signature. Anyone who can reach the URL can then
	// set the counts.
	AllowUnsigned bool `json:"allow_unsigned"`
	// Verdict is fresh, stale (the last threshold event is older than stale_after_seconds), or
	// never (there was no threshold event).
	Verdict string `json:"verdict"`
	// UsageLevel is low, notice (from 70 %), near_limit (from 80 %), critical (from 90 %),
	// exhausted (from 100 %), or empty. The last three are the levels of the alerts.
	UsageLevel string `json:"usage_level"`
	// UsageRatio is current_rooms divided by max_rooms.
	UsageRatio *float64 `json:"usage_ratio"`
	// Current is CurRoomCount of the newest threshold event.
	Current *int64 `json:"current_rooms"`
	// Max is MaxRoomCount of the same event.
	Max *int64 `json:"max_rooms"`
	// Estimate is current_rooms, plus the rooms created and minus the rooms destroyed since.
	Estimate *int64 `json:"estimated_rooms"`
	// Known is the number of rooms known to be open, from callbacks of rooms and from recounts,
	// null before the first.
	Known *int64 `json:"known_rooms"`
	// KnownTime is the time of the newest callback or recount of a room, null before the first.
	KnownTime *time.Time `json:"known_rooms_time"`
	// ConfiguredMax is max_rooms of the configuration, null if it is not set.
	ConfiguredMax *int64 `json:"configured_max_rooms"`
	// EventTime is Tencent's time of the newest threshold event.
	EventTime *time.Time `json:"last_event_time"`
	// Received is the exporter's time of the receipt of that event.
	Received *time.Time `json:"last_event_received_time"`
	// EventAgeSeconds is the time since last_event_time, at least 0.
	EventAgeSeconds *float64 `json:"last_event_age_seconds"`
	// Events is the number of threshold events.
	Events uint64 `json:"threshold_events_total"`
	// Created is the number of callbacks of rooms created.
	Created uint64 `json:"room_creations_total"`
	// Destroyed is the number of callbacks of rooms destroyed.
	Destroyed uint64 `json:"room_destructions_total"`
	// CountingSince is the time at which the three totals started at 0.
	CountingSince time.Time `json:"counting_since"`
	// Callbacks are the commands that were accepted since the start, the latest first.
	Callbacks []CallbackStatus `json:"callbacks"`
	// Relay is the relay to the application's own backend, null if there is none.
	Relay *RelayStatus `json:"relay"`
	// Reconcile is the state of the recounts of its rooms, null if there are none.
	Reconcile *RecountStatus `json:"reconcile"`
	// LastSelfTest is the time of the last self-test of doctor since the start, null if there was
	// none.
	LastSelfTest *time.Time `json:"last_self_test_time"`
	// RecentEvents are the last 20 threshold events since the start, the last received first,
	// null unless ?app= names the application.
	RecentEvents []EventStatus `json:"recent_events"`
	// LastRefusal is the last request with this SDKAppID that was refused before its body was
	// decoded, null if there was none.
	LastRefusal *RefusalStatus `json:"last_refusal"`
}

// CallbackStatus counts the callbacks of one command.
type CallbackStatus struct {
	// Command is Tencent's name of the command, or other.
	Command string `json:"command"`
	// Total is the number of accepted callbacks since the start.
	Total uint64 `json:"total"`
	// LastTime is the time of the last accepted callback.
	LastTime time.Time `json:"last_time"`
	// LastAgeSeconds is the time since the last accepted callback.
	LastAgeSeconds float64 `json:"last_age_seconds"`
}

// RefusalStatus is the last refused request of one reason.
type RefusalStatus struct {
	// Reason is the label of tuilivekit_webhook_rejections_total.
	Reason string `json:"reason"`
	// Title is the reason in words.
	Title string `json:"title"`
	// Total is the number of refused requests since the start, absent from last_refusal.
	Total uint64 `json:"total,omitempty"`
	// LastTime is the time of the last refused request.
	LastTime time.Time `json:"last_time"`
	// LastAgeSeconds is the time since the last refused request.
	LastAgeSeconds float64 `json:"last_age_seconds"`
	// AppID is the SDKAppID of the request, not checked: at most 20 characters, empty if the
	// request was refused before its SDKAppID was read.
	AppID string `json:"sdk_app_id"`
	// Detail says what was wrong with the request, for example which field, empty if the title
	// says all.
	Detail string `json:"detail"`
	// Check says what an operator should check.
	Check string `json:"check"`
}

// EventStatus is a threshold event and its outcome.
type EventStatus struct {
	// Time is Tencent's time of the event, null if the event had none.
	Time *time.Time `json:"event_time"`
	// Received is the exporter's time of the receipt.
	Received time.Time `json:"received_time"`
	// ReceivedAgeSeconds is the time since the receipt.
	ReceivedAgeSeconds float64 `json:"received_age_seconds"`
	// Current is CurRoomCount.
	Current int64 `json:"current_rooms"`
	// Max is MaxRoomCount.
	Max int64 `json:"max_rooms"`
	// Verdict is accepted, duplicate (an exact repeat, which is not counted), or out_of_order
	// (counted, but a newer event keeps the gauges).
	Verdict string `json:"verdict"`
	// Clamped is true if event_time was too far in the future. received_time was used instead.
	Clamped bool `json:"clamped"`
	// Durable is false if the event is in memory only and was answered 503.
	Durable bool `json:"durable"`
}
