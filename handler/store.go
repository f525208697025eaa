package handler

import (
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/queue"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// Recorder records events.
type Recorder interface {
	// Record returns when e is durable, when recording failed, or at deadline. If the error is
	// nil, the callback is acknowledged. ErrOverloaded means that e was not recorded. Any other
	// error, such as ErrNotDurable, means that e is in memory only. Record may be called from
	// several goroutines. It must return at deadline or shortly after; a zero deadline means no
	// deadline. It must not keep e.
	//
	// Events of kind Members are frequent, and are acknowledged before they are durable: if q
	// has no Data, Record must not block, and a crash may lose the events of the last second.
	//
	// If q has Data, Record also queues q for the application's own backend. Either both e and
	// q are recorded, or neither.
	Record(e Event, q Request, deadline time.Time) (Outcome, error)
}

// Store holds the counts and the rooms of applications. Package store has a durable Store. The
// methods may be called from several goroutines.
type Store interface {
	Recorder
	// Configure makes apps the configured applications. Only their ID, Name and MaxRooms are
	// read. The counts of an application that is removed are kept until it is configured again.
	Configure(apps []Counted)
	// Snapshot returns the configured applications ordered by ID, all as of one moment. The
	// caller owns the slice. It must not block.
	Snapshot() []Counted
}

// The types of the parameters and results of a Store.
type (
	// Event is the report of a callback about rooms.
	Event = state.Event
	// Kind says what an Event reports.
	Kind = state.Kind
	// Outcome is the effect of an Event on a Store.
	Outcome = state.Outcome
	// Verdict says whether the Event was new.
	Verdict = state.Verdict
	// Request is a packed callback that is queued for a Backend.
	Request = queue.Request
	// Counted is a configured application with its Counts.
	Counted = state.App
	// Counts are the counts of one application.
	Counts = state.Counts
	// Counters are the counters in Counts.
	Counters = state.Counters
	// Statistic has Tencent's statistics of destroyed rooms.
	Statistic = state.Statistic
	// DestroyCause is the cause of which a room was destroyed.
	DestroyCause = state.DestroyCause
	// MemberCause is the cause of which members entered or left.
	MemberCause = state.MemberCause
	// KnownRooms summarizes the known rooms of one application.
	KnownRooms = state.KnownRooms
)

// The kinds of events. The event of a callback that does not report rooms has the kind Nothing.
// A Recorder gets it only to queue the Request.
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

// The causes of which members enter and leave, and their number.
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

// memory is the default Store of a Callback. It does not queue requests.
type memory struct{ *state.Store }

func newMemory() memory {
	return memory{state.New(state.Options{FutureTolerance: DefaultFutureTolerance})}
}

func (m memory) Record(e Event, _ Request, _ time.Time) (Outcome, error) { return m.Count(e), nil }
