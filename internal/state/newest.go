package state

// Newest is the newest threshold event of a configured application, and the time of the last
// change of its rooms.
type Newest struct {
	News // before the first event, only AppID is set
	// RoomsChanged is the time of the last change of a room in Unix milliseconds, by the clock
	// of this process, 0 if there was none. Rooms returns nothing for a later time.
	RoomsChanged int64
}

// AppendNewest appends the newest event of each configured application to list, ordered by ID,
// and returns the longer list. It costs less than Snapshot, and allocates nothing if list has
// enough capacity. It does not block for a Batch.
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
