package storage

import (
	"context"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// learning are news that wait for a commit.
type learning struct {
	events []state.News
	rooms  []state.RoomNews

	newEvents, newRooms int
	done                chan struct{}
}

// Learn merges the news that are newer than the known records, and returns their numbers. It returns
// when they are visible, and durable unless the storage is degraded. They are part of the next commit.
// The error is that of ctx, and means that no news were merged. No counter changes.
func (s *Storage) Learn(ctx context.Context, events []state.News, rooms []state.RoomNews) (newEvents, newRooms int, err error) {
	l := &learning{events: events, rooms: rooms, done: make(chan struct{})}
	select {
	case s.learning <- l:
		<-l.done
		return l.newEvents, l.newRooms, nil
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
}

// apply adds the news to batch.
func (l *learning) apply(batch *state.Batch) {
	for _, n := range l.events {
		if batch.Learn(n) {
			l.newEvents++
		}
	}
	for _, n := range l.rooms {
		if batch.LearnRoom(n) {
			l.newRooms++
		}
	}
}

// Learn merges the news that are newer than the known records, and returns their numbers. They are
// visible when it returns. The error is nil. No counter changes.
func (m Memory) Learn(_ context.Context, events []state.News, rooms []state.RoomNews) (newEvents, newRooms int, err error) {
	batch := m.Store.Begin()
	l := learning{events: events, rooms: rooms}
	l.apply(batch)
	batch.Publish()
	return l.newEvents, l.newRooms, nil
}
