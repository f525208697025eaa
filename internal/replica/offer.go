package replica

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// offering is the members of one application that a round writes.
type offering struct {
	book   *book
	event  string // "" if the engine has the newest event
	rooms  []redis.Z
	scores map[roomMember]uint64 // of the same members
	repeat bool                  // unchanged members are written, too

	eventAdded, roomsAdded *redis.IntCmd
}

// offer writes the records that have changed since the last look, and every repeatInterval those
// that were written lately.
func (l *link) offer(ctx context.Context, c clock, now time.Time) {
	since := max(l.looked-commitTime.Milliseconds(), l.born)
	var group []*offering
	rooms := 0
	complete := true
	flush := func() {
		if len(group) > 0 && !l.away() {
			l.write(ctx, group, now)
		}
		complete = complete && !l.away()
		group, rooms = nil, 0
	}
	for i, b := range l.order {
		o := l.collect(l.newest[i], b, since, c, now)
		if o == nil {
			continue
		}
		group = append(group, o)
		if rooms += len(o.rooms); len(group) == groupSize || rooms >= pageSize {
			flush()
		}
	}
	if flush(); complete {
		l.looked = c.now
	}
}

// collect returns the offering of an application, nil if there is nothing to write.
func (l *link) collect(n state.Newest, b *book, since int64, c clock, now time.Time) *offering {
	event, repeat := b.encoded(n.News), !now.Before(b.nextRepeat)
	if event <= b.event && n.RoomsChanged < since && !repeat {
		return nil
	}
	o := &offering{book: b, repeat: repeat}
	if repeat {
		since = max(c.now-repeatRooms.Milliseconds(), l.born)
		for m, score := range b.rooms { // older members are neither read nor offered again
			if int64(score>>1) < c.now-2*roomsLate.Milliseconds() {
				delete(b.rooms, m)
			}
		}
	}
	if event > b.event || repeat {
		o.event = event
	}
	for _, r := range l.o.Known.Rooms(b.id, since) {
		members(r, c, func(m roomMember, score uint64) {
			if has := b.rooms[m]; has >= score && !repeat {
				return
			}
			if o.scores == nil {
				o.scores = map[roomMember]uint64{}
			}
			if _, twice := o.scores[m]; !twice {
				o.scores[m] = score
				o.rooms = append(o.rooms, redis.Z{Score: float64(score), Member: m.String()})
			}
		})
	}
	if o.event == "" && len(o.rooms) == 0 {
		if repeat {
			b.nextRepeat = now.Add(repeatInterval)
		}
		return nil
	}
	return o
}

// write writes a group of offerings with one pipeline. With a second one it announces the
// applications that have changed in the engine.
func (l *link) write(ctx context.Context, group []*offering, now time.Time) {
	bound, cancel := bounded(ctx)
	defer cancel()
	pipe := l.Pipeline()
	for _, o := range group {
		if o.event != "" {
			o.eventAdded = pipe.ZAdd(bound, l.keys.event(o.book.id), redis.Z{Member: o.event})
		}
		if len(o.rooms) > 0 {
			o.roomsAdded = pipe.ZAddArgs(bound, l.keys.rooms(o.book.id), redis.ZAddArgs{GT: true, Ch: true, Members: o.rooms})
		}
	}
	exec(bound, pipe)
	var news []redis.Z
	for _, o := range group {
		if !l.written(ctx, o, now) {
			continue
		}
		news = append(news, redis.Z{Score: float64(time.Now().UnixMicro()), Member: o.book.id})
		if o.eventAdded != nil && o.eventAdded.Val() > 0 { // if this fails, the next event trims more
			pipe.ZRemRangeByRank(bound, l.keys.event(o.book.id), 0, -keepEvents-1)
		}
	}
	if len(news) == 0 {
		return
	}
	announced := pipe.ZAdd(bound, l.keys.changed, news...)
	if exec(bound, pipe); l.fails(ctx, "ZADD "+l.keys.changed, announced.Err()) {
		return // the other replicas read all applications every repeatInterval
	}
	for _, z := range news {
		l.books[z.Member.(string)].hint = z.Score // this replica need not read its own change
	}
}

// written notes the results of an offering, and reports whether it has changed the engine.
func (l *link) written(ctx context.Context, o *offering, now time.Time) (changed bool) {
	b, failed := o.book, false
	if o.eventAdded != nil {
		if l.fails(ctx, "ZADD "+l.keys.event(b.id), o.eventAdded.Err()) {
			failed = true
		} else {
			l.metrics.offered.WithLabelValues("event").Inc()
			changed = o.eventAdded.Val() > 0
			b.event = max(b.event, o.event)
		}
	}
	if o.roomsAdded != nil {
		if l.fails(ctx, "ZADD "+l.keys.rooms(b.id), o.roomsAdded.Err()) {
			failed = true
		} else {
			l.metrics.offered.WithLabelValues("room").Add(float64(len(o.rooms)))
			changed = changed || o.roomsAdded.Val() > 0
			for m, score := range o.scores {
				b.rooms[m] = max(b.rooms[m], score)
			}
		}
	}
	switch {
	case failed:
		b.failed = true
		return changed
	case o.repeat:
		b.nextRepeat = now.Add(repeatInterval)
		if changed && !b.failed && b.read > 0 { // the engine had been flushed, or is an older copy
			l.metrics.restored.Inc()
			b.nextWhole = now
		}
	}
	if b.failed {
		b.recover(now)
	}
	return changed
}
