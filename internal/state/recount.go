package state

// OpenRooms returns the rooms of an application that are known to be open, with the time of the
// newest event or news of each in Unix milliseconds. The caller owns the map. It does not block
// for a Batch.
func (s *Store) OpenRooms(appID string) map[Room]int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	open := make(map[Room]int64)
	if a := s.apps[appID]; a != nil {
		for room, r := range a.rooms.all() {
			if !r.Closed() {
				open[room] = r.Time()
			}
		}
	}
	return open
}

// LearnRooms applies news of rooms of one application, as LearnRoom does. It returns the number
// of rooms that the news opened, and the number of rooms that they closed. It blocks until the
// current Batch is published.
func (s *Store) LearnRooms(appID string, news []RoomNews) (opened, closed int) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range news {
		a := s.app(appID, n.Received)
		was := a.rooms.get(n.Room)
		a.merge(n.Room, n.RoomEvent, n.Received)
		now := a.rooms.get(n.Room)
		switch wasOpen, isOpen := was.Newest != 0 && !was.Closed(), now.Newest != 0 && !now.Closed(); {
		case isOpen && !wasOpen:
			opened++
		case wasOpen && !isOpen:
			closed++
		}
	}
	return opened, closed
}

// Recounted records that a recount has listed all rooms of an application at the time at, in
// Unix milliseconds. From then on the number of known rooms is valid, also if it is 0. It blocks
// until the current Batch is published.
func (s *Store) Recounted(appID string, at int64) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	rooms := &s.app(appID, at).rooms
	rooms.Newest = max(rooms.Newest, at)
}
