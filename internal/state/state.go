// Package state holds the truth of this process: what is known of each application, and
// the rules by which events and news change it.
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

// Counts is what is known of the rooms of one application. Times are Unix
// milliseconds. The zero value is an application without any event.
type Counts struct {
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
func (c Counts) Known() bool { return c.Received != 0 }

// compare orders the event (t, current, max) against the one that c holds: +1 if
// it is newer, 0 if it is the same. Of two events of one millisecond the one that
// counts more rooms is the later one, since every event is the creation of a room.
func (c Counts) compare(t, current, max int64) int {
	if !c.Known() {
		return +1
	}
	return cmp.Or(cmp.Compare(t, c.EventTime), cmp.Compare(current, c.Current), cmp.Compare(max, c.Max))
}

// App is a configured application.
type App struct {
	ID   string // SDKAppID, canonical decimal
	Name string // the operator's name for it
	Counts
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

// Store holds what is known of all applications. All methods may be called from several
// goroutines.
//
// A callback of Tencent is counted (Count): it moves counters, and the gauges if it is
// newer. News of the same rooms from elsewhere (another replica, a recount) are learned
// (Learn): they move the gauges if they are newer, and never a counter. If the changes
// are to be durable before they are visible, both are calls of a Batch.
type Store struct {
	tolerance int64 // milliseconds

	// writing is held by the one who changes counts. It guards seen.
	writing sync.Mutex
	seen    window

	mu    sync.RWMutex
	apps  map[string]*app // configured now or at any time before
	shown []*app          // the configured ones, ordered by id
}

type app struct {
	id, name string
	counts   Counts
}

// New returns a Store without applications.
func New(o Options) *Store {
	return &Store{
		tolerance: o.FutureTolerance.Milliseconds(),
		apps:      make(map[string]*app),
		seen:      newWindow(RepeatWindow),
	}
}

// Configure makes apps the applications that Snapshot returns; only ID and Name
// are read. What is known of one that is no longer among them is kept, and comes back
// with its application. The counts of a new one begin now. It does not wait for a Batch.
func (s *Store) Configure(apps []App) {
	now := time.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = make([]*app, 0, len(apps))
	for _, a := range apps {
		one := s.app(a.ID, now)
		one.name = a.Name
		s.shown = append(s.shown, one)
	}
	slices.SortFunc(s.shown, func(a, b *app) int { return cmp.Compare(a.id, b.id) })
}

// app returns an application, a new one whose counts begin now if there is none. The
// caller holds mu.
func (s *Store) app(id string, now int64) *app {
	a := s.apps[id]
	if a == nil {
		a = &app{id: id, counts: Counts{Since: now}}
		s.apps[id] = a
	}
	return a
}

// counts returns what is known of an application, whose counts begin now if there is
// none.
func (s *Store) counts(id string, now int64) Counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.apps[id]; a != nil {
		return a.counts
	}
	return Counts{Since: now}
}

// put makes records those of their applications. The caller holds writing.
func (s *Store) put(records []Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		s.app(r.AppID, r.Since).counts = r.Counts
	}
}

// Count applies e, which is visible at once and not durable. It blocks while there is a
// Batch.
func (s *Store) Count(e Event) Outcome {
	if e.Kind == Nothing {
		return Outcome{}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if key, ok := e.repeatKey(); ok && !s.seen.add(key, e.Received) {
		return Outcome{Verdict: Duplicate}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app(e.AppID, e.Received).counts.count(e, s.tolerance)
}

// Learn applies n if it is news, and reports whether it was. It is visible at once and
// not durable. It blocks while there is a Batch.
func (s *Store) Learn(n News) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app(n.AppID, n.Received).counts.learn(n)
}

// Snapshot returns the configured applications ordered by ID, all as of one
// moment. The caller owns the slice. It does not wait for a Batch.
func (s *Store) Snapshot() []App {
	s.mu.RLock()
	defer s.mu.RUnlock()
	apps := make([]App, len(s.shown))
	for i, a := range s.shown {
		apps[i] = App{ID: a.id, Name: a.name, Counts: a.counts}
	}
	return apps
}
