// Package state holds the state of this process: the counts and the rooms of each application,
// and the rules by which events and news change them.
//
// The newest threshold event wins, by (EventTime, Current, Max). This is a total order. So events
// may arrive twice, late or in any order, from callbacks, a file or another replica, and each
// process with the same events has the same counts. For each room, too, the newest event wins.
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

// RepeatWindow is the time after the receipt of an event in which exact repeats are recognized.
const RepeatWindow = 10 * time.Minute

// KnownRooms summarizes the known rooms of an application. Times are in Unix milliseconds.
type KnownRooms struct {
	// Open is the number of rooms known to be open. It is undefined before the first event or
	// news of a room: while Newest is 0.
	Open int64
	// AtEvent is the number of known rooms that were open at the newest threshold event.
	AtEvent int64
	// Newest is the newest time of all events and news of rooms, 0 before the first.
	Newest int64
	// Dropped is the number of rooms that were dropped because there were more than MaxRooms.
	Dropped uint64
}

// App is a configured application.
type App struct {
	ID   string // SDKAppID, canonical decimal
	Name string // the operator's name for the application
	// MaxRooms is the limit of rooms in the configuration, 0 if there is none.
	MaxRooms int64
	Counts
	Rooms KnownRooms
}

// Estimate returns Current, plus the rooms opened and minus the rooms closed since that event. It
// is at least 0. It is undefined before the first threshold event.
func (a App) Estimate() int64 { return max(a.Current+a.Rooms.Open-a.Rooms.AtEvent, 0) }

// Deviation returns the number of rooms known to have been open at the newest threshold event,
// minus Current: the rooms whose closing was missed, minus the rooms whose opening was missed. It
// is undefined before the first threshold event and before the first event of a room.
func (a App) Deviation() int64 { return a.Rooms.AtEvent - a.Current }

// Options are the settings of a Store.
type Options struct {
	// FutureTolerance is the maximum time by which the time of an event may be after its
	// receipt. If it is later, the time of receipt is used: otherwise the event would keep the
	// gauges until that time.
	FutureTolerance time.Duration
}

// ErrOverloaded is the error of a recorder that has too many queued events. The event is not
// recorded.
var ErrOverloaded = errors.New("overloaded")

// ErrNotDurable is the error of a recorder that could not make an event durable. The event is in
// memory only, and a crash may lose it.
var ErrNotDurable = errors.New("recorded, but not durable")

// Store holds the counts and the rooms of all applications. The methods may be called from
// several goroutines.
//
// Count is for callbacks of Tencent: it increases counters, and sets the gauges if the event is
// the newest. Learn, LearnRoom and LearnRooms are for news of other replicas and recounts: they
// set the gauges if the news are newer, and change no counter. To make changes durable before
// they are visible, use the methods of a Batch.
type Store struct {
	tolerance int64 // milliseconds

	// writing is held to change counts, and from Begin to Publish. It guards what follows.
	writing sync.Mutex
	seen    window
	batches uint64 // number of all batches
	spare   batchMemory

	later later

	mu    sync.RWMutex
	apps  map[string]*app // configured now or at any time before
	shown []*app          // the configured applications, ordered by id
}

type app struct {
	id, name string
	maxRooms int64
	counts   Counts
	rooms    roomTable

	// batch is the number of the last Batch with a record of the application, place the index of
	// that record. Both are guarded by writing.
	batch uint64
	place int
}

// New returns a Store without applications.
func New(o Options) *Store {
	return &Store{
		tolerance: o.FutureTolerance.Milliseconds(),
		apps:      make(map[string]*app),
		seen:      newWindow(RepeatWindow),
	}
}

// Configure makes apps the applications that Snapshot returns. Only ID, Name and MaxRooms are
// read. The state of a removed application is kept until it is configured again. The Since of a
// new application is now. Configure does not block for a Batch.
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

// app returns an application. If there is none, it makes one whose Since is now. The caller holds
// mu.
func (s *Store) app(id string, now int64) *app {
	a := s.apps[id]
	if a == nil {
		a = &app{id: id, counts: Counts{Since: now}, rooms: newRoomTable(MaxRooms)}
		s.apps[id] = a
	}
	return a
}

// record returns the record of an application for a Batch.
func (s *Store) record(a *app) Record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := a.record()
	if r.Newest == a.rooms.ofRooms {
		r.Newest = 0
	}
	return r
}

// record returns the record of a.
func (a *app) record() Record { return Record{a.id, a.counts, a.rooms.RoomState} }

// restore restores the records and the rooms of c. The caller holds writing.
func (s *Store) restore(c Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, r := range c.Records {
		a := s.app(r.AppID, r.Since)
		a.counts = r.Counts
		rooms := &a.rooms
		rooms.RoomState = r.RoomState
		rooms.anchor, rooms.stale = anchor{r.EventTime, r.Operator}, true
	}
	for _, r := range c.Rooms {
		rooms := &s.app(r.AppID, now).rooms
		if r.Closed() && r.Time() < rooms.Cutoff {
			continue // dropped after it was written
		}
		rooms.put(r.Room, r.Register, 0)
	}
	for _, a := range s.apps {
		a.rooms.recent = changes{lost: now}
	}
}

// Count counts e. It is visible at once and not durable. Count blocks until the current Batch is
// published.
func (s *Store) Count(e Event) Outcome {
	if e.Kind == Nothing {
		return Outcome{}
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	room, re, ofRoom := e.room(s.tolerance)
	if key, ok := e.repeatKey(room, ofRoom); ok && !s.seen.add(key, e.Received) {
		return Outcome{Verdict: Duplicate}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.app(e.AppID, e.Received)
	o := a.counts.count(e, s.tolerance)
	if ofRoom {
		a.merge(room, re, e.Received)
		if re.Closed {
			o.Opened = a.rooms.get(room).openedFor(re)
		}
	}
	return o
}

// room returns the register of a room, the zero value if the room is not known.
func (s *Store) room(appID string, room Room) Register {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.apps[appID]; a != nil {
		return a.rooms.get(room)
	}
	return Register{}
}

// merge applies an event or news of a room and reports whether the room has changed. now is in
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

// Learn applies n if it is newer, and reports whether it was. The change is visible at once and
// not durable. Learn blocks until the current Batch is published.
func (s *Store) Learn(n News) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app(n.AppID, n.Received).counts.learn(n)
}

// LearnRoom applies news of a room and reports whether the room has changed. The change is
// visible at once and not durable. LearnRoom blocks until the current Batch is published.
func (s *Store) LearnRoom(n RoomNews) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.app(n.AppID, n.Received).merge(n.Room, n.RoomEvent, n.Received)
}

// Rooms returns the registers of the rooms of an application, open and closed, that have changed
// since since, in Unix milliseconds; some rooms are returned twice. If since is 0, or the changes
// since then are not known any more, it returns all rooms. The caller owns the slice. It does not
// block for a Batch.
func (s *Store) Rooms(appID string, since int64) []RoomRecord {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.apps[appID]
	if a == nil {
		return nil
	}
	var list []RoomRecord
	if since > 0 && a.rooms.recent.since(since, func(room Room) {
		list = append(list, RoomRecord{AppID: appID, Room: room, Register: a.rooms.get(room)})
	}) {
		return list
	}
	list = make([]RoomRecord, 0, a.rooms.n)
	for room, reg := range a.rooms.all() {
		list = append(list, RoomRecord{AppID: appID, Room: room, Register: reg})
	}
	return list
}

// Snapshot returns the configured applications ordered by ID, all as of one moment. The caller
// owns the slice. It does not block for a Batch.
func (s *Store) Snapshot() []App {
	s.mu.Lock() // known updates the sums of rooms
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
