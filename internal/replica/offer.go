package replica

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// offering is what one application offers in a round.
type offering struct {
	book   *book
	event  string // "" if the engine has it
	rooms  []redis.Z
	scores map[roomMember]uint64 // the same rooms
	repeat bool                  // the engine should have all of it

	eventAdded, roomsAdded *redis.IntCmd
}

// offer writes what has changed since the last look, and, when its time has come, what was
// written lately.
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

// collect returns what an application offers, nil if that is nothing.
func (l *link) collect(n state.Newest, b *book, since int64, c clock, now time.Time) *offering {
	event, repeat := b.encoded(n.News), !now.Before(b.nextRepeat)
	if event <= b.event && n.RoomsChanged < since && !repeat {
		return nil
	}
	o := &offering{book: b, repeat: repeat}
	if repeat {
		since = max(c.now-repeatRooms.Milliseconds(), l.born)
		for m, score := range b.rooms { // what is read and looked at again is younger
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

// write writes a group of offerings with one pipeline, and tells other replicas what is new.
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
	_, _ = pipe.Exec(bound) // each command has its own error
	var news []redis.Z
	for _, o := range group {
		if !l.written(ctx, o, now) {
			continue
		}
		news = append(news, redis.Z{Score: float64(time.Now().UnixMicro()), Member: o.book.id})
		if o.eventAdded != nil && o.eventAdded.Val() > 0 { // if that fails, the next event does it
			pipe.ZRemRangeByRank(bound, l.keys.event(o.book.id), 0, -keepEvents-1)
		}
	}
	if len(news) == 0 {
		return
	}
	pipe.ZAdd(bound, l.keys.changed, news...)
	if _, err := pipe.Exec(bound); l.fails(ctx, "ZADD "+l.keys.changed, err) {
		return // the others read all applications before long
	}
	for _, z := range news {
		l.books[z.Member.(string)].hint = z.Score // nobody else's
	}
}

// written notes what became of an offering, and reports whether the engine has changed.
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
		if changed && !b.failed && b.read > 0 { // it was flushed, or is an older copy
			l.metrics.restored.Inc()
			b.nextWhole = now
		}
	}
	if b.failed {
		b.recover(now)
	}
	return changed
}
