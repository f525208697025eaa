package replica

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// reading is the commands that read one application.
type reading struct {
	book   *book
	events *redis.StringSliceCmd
	rooms  *redis.ZSliceCmd
}

// news is the records that were read and are newer than those of this replica.
type news struct {
	events []state.News
	rooms  []state.RoomNews
	poison map[string][]any // members to remove, by key
}

// remove notes that a member must be removed from the engine.
func (n *news) remove(key, member string) {
	if n.poison == nil {
		n.poison = map[string][]any{}
	}
	if len(n.poison[key]) < pageSize {
		n.poison[key] = append(n.poison[key], member)
	}
}

// take reads the applications that are due, and those that other replicas have changed.
func (l *link) take(ctx context.Context, c clock, now time.Time) {
	interval := repeatInterval
	if len(l.order) <= readAlways {
		interval = 0
	}
	var due []*book
	for _, b := range l.order {
		if b.hinted || !now.Before(b.nextRead) {
			due = append(due, b)
		}
	}
	for group := range slices.Chunk(due, groupSize) {
		if l.away() {
			return
		}
		n := &news{}
		for _, r := range l.read(ctx, group, c) {
			b := r.book
			failed := l.fails(ctx, "ZRANGE "+l.keys.event(b.id), r.events.Err())
			failed = l.fails(ctx, "ZRANGEBYSCORE "+l.keys.rooms(b.id), r.rooms.Err()) || failed
			l.newestEvent(b, r.events.Val(), n, c)
			l.newerRooms(b, r.rooms.Val(), b.rooms, n, c)
			switch {
			case failed:
				b.failed = true
				continue
			case len(r.rooms.Val()) == pageSize || b.failed:
				b.recover(now)
			}
			if b.read == 0 && interval > 0 { // the next reads are spread over the interval
				b.nextRead = now.Add(spread(interval))
			} else {
				b.nextRead = now.Add(interval)
			}
			b.read, b.hinted = c.now, false
		}
		l.learn(ctx, n)
		l.purge(ctx, n)
	}
}

// read reads the events, and the rooms that changed lately, of a group of applications with one
// pipeline.
func (l *link) read(ctx context.Context, group []*book, c clock) []reading {
	ctx, cancel := bounded(ctx)
	defer cancel()
	pipe, list := l.Pipeline(), make([]reading, len(group))
	for i, b := range group {
		since := max(b.read, l.born) - roomsLate.Milliseconds()
		list[i] = reading{
			book:   b,
			events: pipe.ZRange(ctx, l.keys.event(b.id), -keepEvents, -1),
			rooms: pipe.ZRangeByScoreWithScores(ctx, l.keys.rooms(b.id), &redis.ZRangeBy{
				Min: fmt.Sprint(2 * since), Max: "+inf", Count: pageSize,
			}),
		}
	}
	exec(ctx, pipe)
	return list
}

// newestEvent adds the newest usable event of members, which are in order, to n, if it is newer
// than the newest event of the book.
func (l *link) newestEvent(b *book, members []string, n *news, c clock) {
	for _, text := range slices.Backward(members) {
		if text == b.event {
			return
		}
		event, why, remove := decodeEvent(b.id, text, c)
		if why != "" {
			l.metrics.dropped.WithLabelValues(string(why)).Inc()
		}
		if remove {
			n.remove(l.keys.event(b.id), text)
		}
		if why == "" && text > b.event {
			n.events = append(n.events, event)
			b.event = text
			if b.read > 0 { // before the first read the event may have been in the engine for long
				l.metrics.lag.Observe(max(float64(time.Now().UnixMilli()-event.Received), 0) / 1e3)
			}
			return
		}
	}
}

// newerRooms adds the members with a higher score than in known to n, and notes them in known.
func (l *link) newerRooms(b *book, members []redis.Z, known map[roomMember]uint64, n *news, c clock) {
	var openings []roomMember
	var registers []state.RoomNews
	for _, z := range members {
		m, score, why, old, remove := decodeRoom(z, c)
		if why != "" {
			l.metrics.dropped.WithLabelValues(string(why)).Inc()
		}
		if remove {
			n.remove(l.keys.rooms(b.id), fmt.Sprint(z.Member))
		}
		if why != "" || old || known[m] >= score {
			continue
		}
		known[m] = score
		if m.opening {
			openings = append(openings, m)
		} else if one, ok := m.news(b.id, score, score, c); ok {
			registers = append(registers, one)
		}
	}
	// An opening may need the register of its room, so the registers come first.
	n.rooms = append(n.rooms, registers...)
	for _, m := range openings {
		if one, ok := m.news(b.id, known[m], known[roomMember{room: m.room}], c); ok {
			n.rooms = append(n.rooms, one)
		}
	}
}

// learn passes the events and rooms of n to the Learner.
func (l *link) learn(ctx context.Context, n *news) {
	const most = 1000 // callbacks of the same commit wait for these
	for events := range slices.Chunk(n.events, most) {
		l.hand(ctx, events, nil)
	}
	for rooms := range slices.Chunk(n.rooms, most) {
		l.hand(ctx, nil, rooms)
	}
	n.events, n.rooms = nil, nil
}

func (l *link) hand(ctx context.Context, events []state.News, rooms []state.RoomNews) {
	newEvents, newRooms, err := l.o.Learner.Learn(ctx, events, rooms)
	if err != nil {
		return // ctx has ended
	}
	l.metrics.taken.WithLabelValues("event").Add(float64(newEvents))
	l.metrics.taken.WithLabelValues("room").Add(float64(newRooms))
}

// purge removes the unusable members of n from the engine.
func (l *link) purge(ctx context.Context, n *news) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	for key, members := range n.poison {
		l.fails(ctx, "ZREM "+key, l.ZRem(ctx, key, members...).Err())
	}
	n.poison = nil
}
