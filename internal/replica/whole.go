package replica

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// whole exchanges all rooms of the applications that are due. If it takes longer than wholeBudget,
// the next round continues.
func (l *link) whole(ctx context.Context, now time.Time) {
	var due []*book
	for _, b := range l.order {
		if !b.failed && b.read > 0 && !now.Before(b.nextWhole) {
			due = append(due, b)
		}
	}
	began := time.Now()
	for len(due) > 0 && !l.away() && ctx.Err() == nil && time.Since(began) < wholeBudget {
		group := due[:min(wholeGroup, len(due))]
		due = due[len(group):]
		l.wholeGroup(ctx, group, now)
	}
}

// wholeGroup exchanges all rooms of a group of applications.
func (l *link) wholeGroup(ctx context.Context, group []*book, now time.Time) {
	bound, cancel := bounded(ctx)
	defer cancel()
	pipe, first := l.Pipeline(), make([]*redis.ZSliceCmd, len(group))
	for i, b := range group {
		pipe.Expire(bound, l.keys.event(b.id), keyLife)
		pipe.Expire(bound, l.keys.rooms(b.id), keyLife)
		first[i] = l.page(bound, pipe, b, 0, firstPage)
	}
	exec(bound, pipe)
	for i, b := range group {
		if l.fails(ctx, "ZRANGE "+l.keys.rooms(b.id), first[i].Err()) {
			b.failed = true
		} else if l.wholeApp(ctx, b, first[i].Val()) {
			// The first exchanges follow the start at once; the next ones are spread.
			b.nextWhole = now.Add(wholeInterval - spread(wholeInterval/5))
			continue
		}
		b.nextWhole = now.Add(retryInterval + spread(retryInterval))
	}
}

// page reads n members of the rooms of an application by descending score, after the first from
// members. Scores only rise: a member that changes between two pages moves to the front, so that
// the pages together miss no member that has not changed.
func (l *link) page(ctx context.Context, by redis.Cmdable, b *book, from, n int) *redis.ZSliceCmd {
	return by.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{Key: l.keys.rooms(b.id), Start: from, Stop: from + n - 1, Rev: true})
}

// wholeApp takes all rooms of an application, of which page is the first part, and offers the rooms
// that the engine does not have. It reports whether all commands succeeded.
func (l *link) wholeApp(ctx context.Context, b *book, page []redis.Z) bool {
	c := newClock(time.Now(), l.o.Tolerance)
	mine := map[roomMember]uint64{} // the members of this replica, and those that were read
	for _, r := range l.o.Known.Rooms(b.id, 0) {
		members(r, c, func(m roomMember, score uint64) { mine[m] = score })
	}
	n := &news{}
	for from, size := 0, firstPage; ; {
		l.newerRooms(b, page, mine, n, c)
		for _, z := range page { // the members that remain are offered
			if m, score, why, _, _ := decodeRoom(z, c); why == "" && mine[m] == score {
				delete(mine, m)
			}
		}
		l.learn(ctx, n)
		if from += len(page); len(page) < size {
			break
		}
		if from >= 2*state.MaxRooms { // with their openings
			l.metrics.dropped.WithLabelValues(string(tooMany)).Inc()
			break
		}
		size = pageSize
		cmd := l.page(ctx, l, b, from, size)
		if l.fails(ctx, "ZRANGE "+l.keys.rooms(b.id), cmd.Err()) {
			b.failed = true
			return false
		}
		page = cmd.Val()
	}
	l.purge(ctx, n) // after the last page: it changes the positions of members
	return l.offerMissing(ctx, b, mine)
}

// offerMissing writes members that the engine does not have, and reports whether all commands
// succeeded.
func (l *link) offerMissing(ctx context.Context, b *book, rooms map[roomMember]uint64) bool {
	o := &offering{book: b}
	flush := func() bool {
		l.write(ctx, []*offering{o}, time.Now())
		o = &offering{book: b}
		return !b.failed
	}
	for m, score := range rooms {
		o.rooms = append(o.rooms, redis.Z{Score: float64(score), Member: m.String()})
		if len(o.rooms) == pageSize && !flush() {
			return false
		}
	}
	return len(o.rooms) == 0 || flush()
}
