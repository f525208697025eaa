package state

// Newest is the newest threshold event of a configured application, and when its rooms changed.
type Newest struct {
	News // without an event, only AppID is set
	// RoomsChanged is the time of the last change of a room, by the clock of this process, Unix
	// milliseconds, 0 if none has changed. Rooms returns nothing for a later time.
	RoomsChanged int64
}

// AppendNewest appends the newest event of each configured application to list, ordered by ID,
// and returns the longer list. It costs less than Snapshot, and less again if the list has been
// used before. It does not wait for a Batch.
func (s *Store) AppendNewest(list []Newest) []Newest {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.shown {
		c := &a.counts
		list = append(list, Newest{
			News{AppID: a.id, Current: c.Current, Max: c.Max, EventTime: c.EventTime, Received: c.Received, Operator: c.Operator},
			a.rooms.recent.newest,
		})
	}
	return list
}
