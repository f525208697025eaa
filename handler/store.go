package handler

import (
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Recorder records events.
type Recorder interface {
	// Record returns when e is recorded as well as it can be. After a nil error the
	// callback is acknowledged; ErrOverloaded means that e was not recorded, any other
	// error (as ErrNotDurable) that it is in memory only. It may be called from several
	// goroutines and must return at deadline, or little later; a zero deadline is none. It
	// does not keep e.
	//
	// An event of kind Members comes often, and no answer waits for it: without Data in q,
	// Record must not block, and e may be lost by a crash within a second.
	//
	// Record also queues q for the application's own backend, if q has Data. Both are
	// recorded or none is.
	Record(e Event, q Request, deadline time.Time) (Outcome, error)
}

// Store holds what is known of the rooms of applications. Package store has one that is
// durable. Its methods may be called from several goroutines.
type Store interface {
	Recorder
	// Configure makes apps the applications that Snapshot returns; only their ID, Name
	// and MaxRooms are read. An application that comes back has the counts that it left with.
	Configure(apps []Counted)
	// Snapshot returns the configured applications ordered by ID, all as of one moment. The
	// caller owns the slice. It must not block.
	Snapshot() []Counted
}

// These types are what a Store is told and what it says.
type (
	// Event is what a callback says of rooms.
	Event = state.Event
	// Kind says what an Event reports.
	Kind = state.Kind
	// Outcome is what a Store made of an Event.
	Outcome = state.Outcome
	// Verdict says whether the Event was new.
	Verdict = state.Verdict
	// Request is a callback as its Backend has packed it, which waits for delivery.
	Request = queue.Request
	// Counted is a configured application with its Counts.
	Counted = state.App
	// Counts is what is known of the rooms of one application.
	Counts = state.Counts
	// Counters are those of the Counts.
	Counters = state.Counters
	// Statistic is what Tencent has counted of rooms.
	Statistic = state.Statistic
	// DestroyCause says why a room was destroyed.
	DestroyCause = state.DestroyCause
	// MemberCause says why members came or went.
	MemberCause = state.MemberCause
	// KnownRooms is what is known of the rooms of one application, of each by itself.
	KnownRooms = state.KnownRooms
)

// The kinds of events. A callback that says nothing of rooms is of kind Nothing; it comes
// to a Recorder because of its Request.
const (
	Nothing   = state.Nothing
	Threshold = state.Threshold
	Created   = state.Created
	Destroyed = state.Destroyed
	Quota     = state.Quota
	Members   = state.Members
)

// The causes of which rooms are destroyed, and their number.
const (
	DestroyedOtherwise = state.DestroyedOtherwise
	DestroyedByUser    = state.DestroyedByUser
	DestroyedBySystem  = state.DestroyedBySystem
	NumDestroyCauses   = state.NumDestroyCauses
)

// The causes of which members come and go, and their number.
const (
	MemberOtherwise            = state.MemberOtherwise
	MemberEntered              = state.MemberEntered
	MemberLeft                 = state.MemberLeft
	MemberHeartbeatInterrupted = state.MemberHeartbeatInterrupted
	MemberHeartbeatRecovered   = state.MemberHeartbeatRecovered
	MemberKicked               = state.MemberKicked
	NumMemberCauses            = state.NumMemberCauses
)

// The verdicts on events.
const (
	Accepted   = state.Accepted
	OutOfOrder = state.OutOfOrder
	Duplicate  = state.Duplicate
)

// The errors of Record.
var (
	ErrOverloaded = state.ErrOverloaded
	ErrNotDurable = state.ErrNotDurable
)

// memory is the Store of a Callback that has no other. It does not keep requests: nobody
// could ask it for them.
type memory struct{ *state.Store }

func newMemory() memory {
	return memory{state.New(state.Options{FutureTolerance: DefaultFutureTolerance})}
}

func (m memory) Record(e Event, _ Request, _ time.Time) (Outcome, error) { return m.Count(e), nil }
