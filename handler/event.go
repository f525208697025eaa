package handler

import (
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// eventOf returns the event that a callback of app reports. received is in Unix milliseconds.
func eventOf(app *app, cb tuilivekit.Callback, received int64) Event {
	e := Event{AppID: app.id, Time: cb.EventTime, Received: received, Subject: cb.Subject}
	switch cb.Command {
	case tuilivekit.RoomThreshold:
		e.Kind, e.Current, e.Max, e.Operator = Threshold, cb.Current, cb.Max, cb.Operator
	case tuilivekit.RoomCreated:
		e.Kind, e.RoomID, e.Operator = Created, cb.RoomID, cb.Operator
	case tuilivekit.RoomDestroyed:
		e.Kind, e.RoomID, e.Opened = Destroyed, cb.RoomID, cb.Opened
		e.Cause = destroyCauses[string(cb.Cause)]
		if cb.Statistic != nil {
			e.Statistic = (*Statistic)(cb.Statistic)
		}
	case tuilivekit.QuotaAlarm:
		e.Kind, e.QuotaUsed, e.Quota = Quota, cb.QuotaUsed, cb.Quota
	case tuilivekit.MembersChanged:
		e.Kind, e.RoomID, e.Members, e.MemberCause = Members, cb.RoomID, cb.Members, memberCauses[string(cb.Cause)]
	}
	return e
}

// destroyCauses and memberCauses have the causes by Tencent's names. Any other name is the zero
// value.
var (
	destroyCauses = map[string]state.DestroyCause{
		"DestroyByUser":   state.DestroyedByUser,
		"DestroyBySystem": state.DestroyedBySystem,
	}
	memberCauses = map[string]state.MemberCause{
		"Enter":              state.MemberEntered,
		"Leave":              state.MemberLeft,
		"HeartbeatInterrupt": state.MemberHeartbeatInterrupted,
		"HeartbeatRecover":   state.MemberHeartbeatRecovered,
		"Kicked":             state.MemberKicked,
	}
)
