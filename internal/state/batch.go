package state

import "time"

// Record is the stored state of one application, without its rooms.
type Record struct {
	AppID string
	Counts
	RoomState
}

// RoomRecord is the stored state of one room.
type RoomRecord struct {
	AppID string
	Room  Room
	Register
	// Counted says that the newest event of the room was counted in the same changes. Then its
	// Repeat is not in Repeats, but follows from the record.
	Counted bool
}

// Repeat returns the repeat of the newest event of the room. at is its receipt, Unix milliseconds.
func (r RoomRecord) Repeat(at int64) Repeat { return Repeat{r.Room.repeat(r.Newest), at} }

// Changes are the changes of a Batch, or the whole state of a Store. The caller may keep them and
// must not change them.
type Changes struct {
	// Records replace the records of their applications. In those of a Batch, Newest is 0 if it
	// follows from earlier records and from the rooms: it is the largest of them.
	Records []Record
	// Rooms replace the records of their rooms.
	Rooms []RoomRecord
	// Repeats are added to the stored repeats. They are in the order of their receipt. Those of the
	// Rooms that are Counted are not among them.
	Repeats []Repeat
}

// Empty reports whether there are no changes.
func (c Changes) Empty() bool { return len(c.Records)+len(c.Rooms)+len(c.Repeats) == 0 }

// Batch is a set of changes that is not visible before Publish. The changes are committed to disk
// first, so that a scrape never shows a state that a crash could undo. From Begin to Publish only
// the Batch can change its Store. It is not safe for concurrent use.
type Batch struct {
	store  *Store
	number uint64 // from 1 on
	batchMemory
	now    int64 // receipt of the newest event, Unix milliseconds
	forget bool  // nobody uses the changes after Publish
}

// batchMemory is what a Batch can leave to the next one.
type batchMemory struct {
	changes Changes
	changed []*app          // the applications of changes.Records
	rooms   map[roomKey]int // index in changes.Rooms, nil if there are none
}

// maxSpare is the maximum number of elements of a list that a Batch leaves to the next one.
const maxSpare = 1 << 11

type roomKey struct {
	appID string
	room  Room
}

// Begin returns a Batch with the counts of CountLater. It blocks until the previous Batch is
// published.
func (s *Store) Begin() *Batch {
	s.writing.Lock()
	s.batches++
	b := &Batch{store: s, number: s.batches, batchMemory: s.spare}
	s.spare = batchMemory{}
	b.takeLater(time.Now().UnixMilli())
	return b
}

// takeLater adds the counts of CountLater to b.
func (b *Batch) takeLater(now int64) {
	l := &b.store.later
	l.mu.Lock()
	members := l.members
	l.members = nil
	l.mu.Unlock()
	for appID, counts := range members {
		of := b.record(appID, now)
		for cause, n := range counts {
			of.Members[cause] += n
		}
	}
}

// Count applies e to the state with the changes so far, and increases the counters.
func (b *Batch) Count(e Event) Outcome {
	if e.Kind == Nothing {
		return Outcome{}
	}
	s := b.store
	room, re, ofRoom := e.room(s.tolerance)
	key, repeatable := e.repeatKey(room, ofRoom)
	if repeatable && !s.seen.add(key, e.Received) {
		return Outcome{Verdict: Duplicate}
	}
	c := b.record(e.AppID, e.Received)
	o := c.count(e, s.tolerance)
	counted := false
	if ofRoom {
		b.merge(e.AppID, room, re, c.EventTime, e.Received)
		if i, changed := b.rooms[roomKey{e.AppID, room}]; changed {
			r := &b.changes.Rooms[i]
			if re.Closed {
				o.Opened = r.openedFor(re)
			}
			counted = repeatable && r.Newest == e.newest()
			r.Counted = r.Counted || counted
		}
	}
	if repeatable && !counted {
		b.changes.Repeats = append(b.changes.Repeats, Repeat{key, e.Received})
	}
	return o
}

// merge applies an event of a room and reports whether the room has changed. now is in Unix
// milliseconds.
func (b *Batch) merge(appID string, room Room, e RoomEvent, anchor, now int64) bool {
	key := roomKey{appID, room}
	i, known := b.rooms[key]
	var reg Register
	if known {
		reg = b.changes.Rooms[i].Register
	} else {
		reg = b.store.room(appID, room)
	}
	was := reg
	if reg.merge(e, anchor); reg == was {
		return false
	}
	b.now = max(b.now, now)
	if known {
		r := &b.changes.Rooms[i]
		if r.Counted && r.Newest != reg.Newest { // the record will have another event
			b.changes.Repeats = append(b.changes.Repeats, r.Repeat(now))
			r.Counted = false
		}
		r.Register = reg
		return true
	}
	if b.rooms == nil {
		b.rooms = make(map[roomKey]int)
	}
	b.rooms[key] = len(b.changes.Rooms)
	b.changes.Rooms = append(b.changes.Rooms, RoomRecord{AppID: appID, Room: room, Register: reg})
	return true
}

// LearnRoom applies news of a room to the state with the changes so far, and reports whether the
// room has changed. It changes no counter.
func (b *Batch) LearnRoom(n RoomNews) bool {
	anchor := b.counts(b.app(n.AppID, n.Received)).EventTime
	return b.merge(n.AppID, n.Room, n.RoomEvent, anchor, n.Received)
}

// Learn applies n to the state with the changes so far, if n is newer, and reports whether it
// was. It changes no counter.
func (b *Batch) Learn(n News) bool {
	if known := *b.counts(b.app(n.AppID, n.Received)); !known.learn(n) {
		return false
	}
	return b.record(n.AppID, n.Received).learn(n)
}

// app returns an application. If there is none, it makes one without events: it is not visible.
func (b *Batch) app(id string, now int64) *app {
	s := b.store
	s.mu.RLock()
	a := s.apps[id]
	s.mu.RUnlock()
	if a == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		a = s.app(id, now)
	}
	return a
}

// counts returns the counts of a with the changes so far. The caller must not change them.
func (b *Batch) counts(a *app) *Counts {
	if a.batch == b.number {
		return &b.changes.Records[a.place].Counts
	}
	return &a.counts
}

// record returns the counts of an application in the changes. It adds the record if there is none.
func (b *Batch) record(appID string, now int64) *Counts {
	a := b.app(appID, now)
	if a.batch != b.number {
		a.batch, a.place = b.number, len(b.changes.Records)
		b.changed = append(b.changed, a)
		b.changes.Records = append(b.changes.Records, b.store.record(a))
	}
	return &b.changes.Records[a.place].Counts
}

// Changes returns the changes so far. The result is valid until the next call of Count, Learn or
// LearnRoom. After Publish it stays valid, unless Forget was called.
func (b *Batch) Changes() Changes { return b.changes }

// Forget says that nobody uses the Changes after Publish. The next Batch uses their memory again.
func (b *Batch) Forget() { b.forget = true }

// Publish makes the changes visible and ends the Batch, which must not be used again.
func (b *Batch) Publish() {
	s := b.store
	s.mu.Lock()
	for i, a := range b.changed {
		a.counts = b.changes.Records[i].Counts
	}
	for i := range b.changes.Rooms {
		r := &b.changes.Rooms[i]
		s.app(r.AppID, b.now).rooms.put(r.Room, r.Register, b.now)
	}
	s.mu.Unlock()
	b.store = nil // so that any further use panics
	if b.forget {
		s.spare = b.spare()
	}
	s.writing.Unlock()
}

// spare returns the memory of b without its content, none if it is large.
func (b *Batch) spare() batchMemory {
	m := b.batchMemory
	if max(cap(m.changed), cap(m.changes.Records), cap(m.changes.Rooms), cap(m.changes.Repeats)) > maxSpare {
		return batchMemory{}
	}
	clear(m.rooms)
	m.changed = m.changed[:0]
	m.changes = Changes{m.changes.Records[:0], m.changes.Rooms[:0], m.changes.Repeats[:0]}
	return m
}

// Restore adds the stored state c. It must be called before the first event is counted.
func (s *Store) Restore(c Changes) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.restore(c)
	for _, r := range c.Repeats {
		s.seen.add(r.Key, r.At)
	}
}

// All returns the whole state, including the records of applications that are not configured. It
// blocks until the current Batch is published.
func (s *Store) All() Changes {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	now, rooms := time.Now().UnixMilli(), 0
	for _, a := range s.apps {
		a.rooms.expire(now)
		rooms += a.rooms.n
	}
	c := Changes{Records: make([]Record, 0, len(s.apps)), Rooms: make([]RoomRecord, 0, rooms), Repeats: s.seen.all()}
	for _, a := range s.apps {
		if a.counts.empty() && a.rooms.n == 0 {
			continue
		}
		c.Records = append(c.Records, a.record())
		for room, reg := range a.rooms.all() {
			c.Rooms = append(c.Rooms, RoomRecord{AppID: a.id, Room: room, Register: reg})
		}
	}
	return c
}
