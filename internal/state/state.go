// Package state holds the truth of this process: one record for an
// application, and the rule by which an event changes it.
//
// The rule is that the newest event wins, by (EventTime, Current, Max). That is
// a total order, so events may come twice, late or in any order, from callbacks,
// a file or another replica, and every process that has seen the same events
// holds the same pair of counts.
//
// The package does no I/O. It knows nothing of HTTP, of Tencent's formats or of
// Prometheus.
package state

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

// RepeatWindow is how long an exact repeat of an event is recognized, counted
// from the receipt of the first one.
const RepeatWindow = 10 * time.Minute

// Rooms is what is known of the rooms of one application. Times are Unix
// milliseconds. The zero value is an application without any event.
type Rooms struct {
	// Current and Max are CurRoomCount and MaxRoomCount of the newest threshold
	// event. They are always of the same event, and mean nothing before the first
	// one (Known).
	Current, Max int64
	// EventTime is Tencent's time of that event, Received ours.
	EventTime, Received int64
	// Events counts the threshold events that were accepted, ever.
	Events uint64
	// Created and Destroyed count the callbacks of rooms created and destroyed
	// that were accepted, ever.
	Created, Destroyed uint64
	// Estimate is Current, plus the rooms created and minus those destroyed after
	// EventTime, as far as their callbacks came after that of the event. It is never
	// negative, and means nothing before the first threshold event.
	Estimate int64
	// Since is when the counts Events, Created and Destroyed began at zero.
	Since int64
}

// Known reports whether a threshold event has been accepted.
func (r Rooms) Known() bool { return r.Received != 0 }

// compare orders the event (t, current, max) against the one that r holds: +1 if
// it is newer, 0 if it is the same. Of two events of one millisecond the one that
// counts more rooms is the later one, since every event is the creation of a room.
func (r Rooms) compare(t, current, max int64) int {
	if !r.Known() {
		return +1
	}
	return cmp.Or(cmp.Compare(t, r.EventTime), cmp.Compare(current, r.Current), cmp.Compare(max, r.Max))
}

// App is a configured application.
type App struct {
	ID   string // SDKAppID, canonical decimal
	Name string // the operator's name for it
	Rooms
}

// Options are the settings of a Store.
type Options struct {
	// FutureTolerance is how far the time of an event may lie ahead of its
	// receipt. An event further ahead is taken as of its receipt: it must neither
	// hold the gauges until that time comes nor be lost.
	FutureTolerance time.Duration
}

// ErrOverloaded is returned by what records events when more of them wait than it can
// take in time. The event is not recorded.
var ErrOverloaded = errors.New("overloaded")

// ErrNotDurable is returned by what records events durably when it could not. The
// event is recorded in memory, and may be lost by a crash.
var ErrNotDurable = errors.New("recorded, but not durable")

// Store holds the records of all applications. All methods may be called from
// several goroutines.
type Store struct {
	tolerance int64 // milliseconds

	mu      sync.RWMutex
	records map[string]*record // configured now or at any time before
	shown   []*record          // the configured ones, ordered by id
	seen    window

	queues Queues
}

type record struct {
	id, name string
	rooms    Rooms
}

// New returns a Store without applications.
func New(o Options) *Store {
	return &Store{
		tolerance: o.FutureTolerance.Milliseconds(),
		records:   make(map[string]*record),
		seen:      newWindow(RepeatWindow),
	}
}

// Configure makes apps the applications that Snapshot returns; only ID and Name
// are read. A record that is no longer among them is kept and comes back with
// its values when its application does. The counts of a new one begin now.
func (s *Store) Configure(apps []App) {
	now := time.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = make([]*record, 0, len(apps))
	for _, a := range apps {
		r := s.record(a.ID, now)
		r.name = a.Name
		s.shown = append(s.shown, r)
	}
	slices.SortFunc(s.shown, func(a, b *record) int { return cmp.Compare(a.id, b.id) })
}

// record returns the record of an application, a new one if there is none. The
// caller holds mu.
func (s *Store) record(id string, now int64) *record {
	r := s.records[id]
	if r == nil {
		r = &record{id: id, rooms: Rooms{Since: now}}
		s.records[id] = r
	}
	return r
}

// Record applies e and says what became of it. It does not block on anything but
// other calls, and the error is always nil: nothing is durable here.
func (s *Store) Record(e Event) (Outcome, error) {
	if e.Forward != nil {
		s.queues.add([]Forward{s.queues.number(e)})
	}
	if e.Kind == Nothing {
		return Outcome{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := e.repeatKey(); ok && !s.seen.add(key, e.Received) {
		return Outcome{Verdict: Duplicate}, nil
	}
	return s.record(e.AppID, e.Received).rooms.apply(e, s.tolerance), nil
}

// Queues returns what waits for the backends of applications.
func (s *Store) Queues() *Queues { return &s.queues }

// Snapshot returns the configured applications ordered by ID, all as of one
// moment. The caller owns the slice.
func (s *Store) Snapshot() []App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	apps := make([]App, len(s.shown))
	for i, r := range s.shown {
		apps[i] = App{ID: r.id, Name: r.name, Rooms: r.rooms}
	}
	return apps
}
