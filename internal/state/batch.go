package state

import "slices"

// Record is what is known of one application, as it is stored.
type Record struct {
	AppID string
	Rooms
}

// Changes is what a Batch changes, or all that a Store holds.
type Changes struct {
	// Records replace those of their applications.
	Records []Record
	// Repeats come on top of those before, in the order of their receipt.
	Repeats []Repeat
	// Forwards come behind those that wait already.
	Forwards []Forward
	// Removed wait no longer, also if they are among Forwards.
	Removed []ForwardKey
}

// Empty reports whether nothing changes.
func (c Changes) Empty() bool {
	return len(c.Records)+len(c.Repeats)+len(c.Forwards)+len(c.Removed) == 0
}

// Batch applies events without showing it: what is committed somewhere first is
// published after that, so that a scrape never shows what a crash can take back. While
// there is a Batch, nothing else may record events. It is not safe for concurrent use.
type Batch struct {
	store   *Store
	changed map[string]int // place in changes.Records, by application
	changes Changes
}

// Begin returns an empty Batch.
func (s *Store) Begin() *Batch {
	s.queues.keep()
	return &Batch{store: s, changed: make(map[string]int)}
}

// Apply applies e to what the Batch has made of the state so far.
func (b *Batch) Apply(e Event) Outcome {
	s := b.store
	if e.Forward != nil {
		b.changes.Forwards = append(b.changes.Forwards, s.queues.number(e))
	}
	if e.Kind == Nothing {
		return Outcome{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := e.repeatKey(); ok {
		if !s.seen.add(key, e.Received) {
			return Outcome{Verdict: Duplicate}
		}
		b.changes.Repeats = append(b.changes.Repeats, Repeat{key, e.Received})
	}
	i, ok := b.changed[e.AppID]
	if !ok {
		i = len(b.changes.Records)
		b.changed[e.AppID] = i
		b.changes.Records = append(b.changes.Records, Record{e.AppID, s.record(e.AppID, e.Received).rooms})
	}
	return b.changes.Records[i].apply(e, s.tolerance)
}

// Changes returns what the Batch has changed, and what has left the queues since the
// last time. It is valid until the next Apply.
func (b *Batch) Changes() Changes {
	b.changes.Removed = append(b.changes.Removed, b.store.queues.takeRemoved()...)
	return b.changes
}

// Publish makes the changes visible and empties the Batch.
func (b *Batch) Publish() {
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range b.changes.Records {
		s.record(r.AppID, r.Since).rooms = r.Rooms
	}
	s.queues.add(b.changes.Forwards)
	clear(b.changed)
	b.changes = Changes{}
}

// Restore puts back what was stored. It is for a Store that has recorded nothing yet.
func (s *Store) Restore(c Changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range c.Records {
		s.record(r.AppID, r.Since).rooms = r.Rooms
	}
	for _, r := range c.Repeats {
		s.seen.add(r.Key, r.At)
	}
	s.queues.keep()
	s.queues.add(c.Forwards)
}

// All returns all that the Store holds, of applications that are no longer configured
// too. The caller owns it.
func (s *Store) All() Changes {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := Changes{Records: make([]Record, 0, len(s.records)), Repeats: slices.Clone(s.seen.queue[s.seen.head:]), Forwards: s.queues.all()}
	for id, r := range s.records {
		if r.rooms.Events+r.rooms.Created+r.rooms.Destroyed > 0 {
			c.Records = append(c.Records, Record{id, r.rooms})
		}
	}
	return c
}
