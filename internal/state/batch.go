package state

// Record is what is stored of one application.
type Record struct {
	AppID string
	Counts
}

// Changes is what a Batch changes, or all that a Store holds. It is a value: whoever has
// it may keep it, and must not change it.
type Changes struct {
	// Records replace those of their applications.
	Records []Record
	// Repeats are added to those before, in the order of their receipt.
	Repeats []Repeat
}

// Empty reports whether nothing changes.
func (c Changes) Empty() bool { return len(c.Records)+len(c.Repeats) == 0 }

// Batch is a set of changes that is not visible until Publish: what is committed to disk
// first is published after that, so that a scrape never shows what a crash can take back.
// It has the exclusive right to change its Store from Begin to Publish. It is not safe
// for concurrent use.
type Batch struct {
	store   *Store
	changed map[string]int // place in changes.Records, by application
	changes Changes
}

// Begin returns an empty Batch. It blocks while there is another one.
func (s *Store) Begin() *Batch {
	s.writing.Lock()
	return &Batch{store: s, changed: make(map[string]int)}
}

// Count applies e to what the Batch has made of the state so far, and moves the counters.
func (b *Batch) Count(e Event) Outcome {
	if e.Kind == Nothing {
		return Outcome{}
	}
	s := b.store
	if key, ok := e.repeatKey(); ok {
		if !s.seen.add(key, e.Received) {
			return Outcome{Verdict: Duplicate}
		}
		b.changes.Repeats = append(b.changes.Repeats, Repeat{key, e.Received})
	}
	return b.record(e.AppID, e.Received).count(e, s.tolerance)
}

// Learn applies n to what the Batch has made of the state so far, if it is news, and
// reports whether it was. No counter moves.
func (b *Batch) Learn(n News) bool {
	if i, ok := b.changed[n.AppID]; ok {
		return b.changes.Records[i].learn(n)
	}
	if counts := b.store.counts(n.AppID, n.Received); !counts.learn(n) {
		return false
	}
	return b.record(n.AppID, n.Received).learn(n)
}

// record returns the record of an application for a change.
func (b *Batch) record(appID string, now int64) *Counts {
	i, ok := b.changed[appID]
	if !ok {
		i = len(b.changes.Records)
		b.changed[appID] = i
		b.changes.Records = append(b.changes.Records, Record{appID, b.store.counts(appID, now)})
	}
	return &b.changes.Records[i].Counts
}

// Changes returns what the Batch has changed so far. It is valid until the next call of
// Count or Learn, and after Publish.
func (b *Batch) Changes() Changes { return b.changes }

// Publish makes the changes visible and ends the Batch, which must not be used again.
func (b *Batch) Publish() {
	s := b.store
	s.put(b.changes.Records)
	b.store = nil // using it again is a fault that is seen
	s.writing.Unlock()
}

// Restore makes the Store hold what was stored. It is for a Store that has counted
// nothing yet.
func (s *Store) Restore(c Changes) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.put(c.Records)
	for _, r := range c.Repeats {
		s.seen.add(r.Key, r.At)
	}
}

// All returns all that the Store holds, including the records of applications that are
// no longer configured. It blocks while there is a Batch.
func (s *Store) All() Changes {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := Changes{Records: make([]Record, 0, len(s.apps)), Repeats: s.seen.all()}
	for id, a := range s.apps {
		if a.counts.Known() || a.counts.Events+a.counts.Created+a.counts.Destroyed > 0 {
			c.Records = append(c.Records, Record{id, a.counts})
		}
	}
	return c
}
