// Package state holds the truth of this process: what is known of each application, and
// the rules by which events and news change it.
//
// The rule is that the newest event wins, by (EventTime, Current, Max). That is
// a total order, so events may come twice, late or in any order, from callbacks,
// a file or another replica, and every process that has seen the same events
// holds the same pair of counts. Each room is a register, and the newest event wins there
// too.
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

// KnownRooms is what the registers of rooms say of an application. Times are Unix
// milliseconds.
type KnownRooms struct {
	// Open is how many rooms are known to be open. It means nothing before the first event or
	// news of a room: while Newest is 0.
	Open int64
	// AtEvent is how many of the rooms known now were open at the newest threshold event.
	AtEvent int64
	// Newest is the newest time of all events and news of rooms.
	Newest int64
	// Dropped counts the rooms that are not known any more because there were more than
	// MaxRooms.
	Dropped uint64
}

// App is a configured application.
type App struct {
	ID   string // SDKAppID, canonical decimal
	Name string // the operator's name for it
	// MaxRooms is the limit that the operator gives, 0 without one.
	MaxRooms int64
	Counts
	Rooms KnownRooms
}

// Estimate is Current, plus the rooms that were opened and minus those that were closed
// since that event. It is never negative, and means nothing before the first threshold
// event.
func (a App) Estimate() int64 { return max(a.Current+a.Rooms.Open-a.Rooms.AtEvent, 0) }

// Deviation is how many rooms more than Current were known to be open at that event: those
// whose closing was not heard of, minus those whose opening was not. It means nothing
// before the first threshold event, nor before the first event of a room.
func (a App) Deviation() int64 { return a.Rooms.AtEvent - a.Current }

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

	later later

	mu    sync.RWMutex
	apps  map[string]*app // configured now or at any time before
	shown []*app          // the configured ones, ordered by id
}

type app struct {
	id, name string
	maxRooms int64
	counts   Counts
	rooms    roomTable
}

// New returns a Store without applications.
func New(o Options) *Store {
	return &Store{
		tolerance: o.FutureTolerance.Milliseconds(),
		apps:      make(map[string]*app),
		seen:      newWindow(RepeatWindow),
	}
}

// Configure makes apps the applications that Snapshot returns; only ID, Name
// and MaxRooms are read. What is known of one that is no longer among them is kept, and comes back
// with its application. The counts of a new one begin now. It does not wait for a Batch.
func (s *Store) Configure(apps []App) {
	now := time.Now().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = make([]*app, 0, len(apps))
	for _, a := range apps {
		one := s.app(a.ID, now)
		one.name, one.maxRooms = a.Name, a.MaxRooms
		s.shown = append(s.shown, one)
	}
	slices.SortFunc(s.shown, func(a, b *app) int { return cmp.Compare(a.id, b.id) })
}

// app returns an application, a new one whose counts begin now if there is none. The
// caller holds mu.
func (s *Store) app(id string, now int64) *app {
	a := s.apps[id]
	if a == nil {
		a = &app{id: id, counts: Counts{Since: now}, rooms: newRoomTable(MaxRooms)}
		s.apps[id] = a
	}
	return a
}

// record returns what is stored of an application, whose counts begin now if there is
// none.
func (s *Store) record(id string, now int64) Record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.apps[id]; a != nil {
		return a.record()
	}
	return Record{AppID: id, Counts: Counts{Since: now}}
}

// record returns what is stored of a.
func (a *app) record() Record { return Record{a.id, a.counts, a.rooms.RoomState} }

// restoreRooms puts back what was known of rooms. The caller holds writing.
func (s *Store) restoreRooms(c Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, r := range c.Records {
		rooms := &s.app(r.AppID, r.Since).rooms
		rooms.RoomState = r.RoomState
		rooms.anchor, rooms.stale = anchor{r.EventTime, r.Operator}, true
	}
	for _, r := range c.Rooms {
		rooms := &s.app(r.AppID, now).rooms
		if r.Closed() && r.Time() < rooms.Cutoff {
			continue // it had been dropped after it was written
		}
		rooms.put(r.Room, r.Register, 0)
	}
	for _, a := range s.apps {
		a.rooms.recent = changes{lost: now}
	}
}

// put makes c visible. now is when its rooms have changed, Unix milliseconds. The caller
// holds writing.
func (s *Store) put(c Changes, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range c.Records {
		s.app(r.AppID, r.Since).counts = r.Counts
	}
	for _, r := range c.Rooms {
		s.app(r.AppID, now).rooms.put(r.Room, r.Register, now)
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
	a := s.app(e.AppID, e.Received)
	o := a.counts.count(e, s.tolerance)
	if room, re, ok := e.room(s.tolerance); ok {
		a.merge(room, re, e.Received)
		if re.Closed {
			o.Opened = a.rooms.get(room).openedFor(re)
		}
	}
	return o
}

// room returns what is known of a room.
func (s *Store) room(appID string, room Room) Register {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.apps[appID]; a != nil {
		return a.rooms.get(room)
	}
	return Register{}
}

// merge applies an event or news of a room, and reports whether it changed anything. now is
// Unix milliseconds.
func (a *app) merge(room Room, e RoomEvent, now int64) bool {
	reg := a.rooms.get(room)
	was := reg
	if reg.merge(e, a.counts.EventTime); reg == was {
		return false
	}
	a.rooms.put(room, reg, now)
	return true
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

// LearnRoom applies news of a room, and reports whether it was news. It is visible at once
// and not durable. It blocks while there is a Batch.
func (s *Store) LearnRoom(n RoomNews) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app(n.AppID, n.Received).merge(n.Room, n.RoomEvent, n.Received)
}

// Rooms returns the registers of all rooms of an application that are known, open and
// closed, or of those that have changed since a time, Unix milliseconds, and some more. The
// caller owns them. It does not wait for a Batch.
func (s *Store) Rooms(appID string, since int64) []RoomRecord {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.apps[appID]
	if a == nil {
		return nil
	}
	var list []RoomRecord
	if since > 0 && a.rooms.recent.since(since, func(room Room) {
		list = append(list, RoomRecord{appID, room, a.rooms.get(room)})
	}) {
		return list
	}
	list = make([]RoomRecord, 0, a.rooms.n)
	for room, reg := range a.rooms.all() {
		list = append(list, RoomRecord{appID, room, reg})
	}
	return list
}

// Snapshot returns the configured applications ordered by ID, all as of one
// moment. The caller owns the slice. It does not wait for a Batch.
func (s *Store) Snapshot() []App {
	s.mu.Lock() // for the sums of rooms
	defer s.mu.Unlock()
	apps := make([]App, len(s.shown))
	for i, a := range s.shown {
		apps[i] = App{ID: a.id, Name: a.name, MaxRooms: a.maxRooms, Counts: a.counts, Rooms: a.known()}
	}
	return apps
}

func (a *app) known() KnownRooms {
	r := &a.rooms
	r.move(anchor{a.counts.EventTime, a.counts.Operator})
	return KnownRooms{Open: int64(r.open), AtEvent: r.at(), Newest: r.Newest, Dropped: r.Dropped}
}
