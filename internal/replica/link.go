package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	// repeatInterval is how often everything is offered again, rooms if they changed within
	// repeatRooms: a failover loses acknowledged writes, and nobody is told.
	repeatInterval = 15 * time.Second
	repeatRooms    = 4 * time.Minute
	// wholeInterval is how often all rooms are offered and read.
	wholeInterval = 5 * time.Minute
	// retryInterval is how long, at least, until that is tried again after a failure.
	retryInterval = 5 * time.Second
	// readAlways is up to how many applications are read every second. If they are more, those
	// that other replicas have changed are, and all of them every repeatInterval.
	readAlways = 500
	// roomsLate is how far the time of an event may lie before the last read.
	roomsLate = 2 * time.Minute
	// commitTime is how long a change may take from its receipt until it is visible.
	commitTime = 5 * time.Second
	// groupSize is how many applications one pipeline is for, wholeGroup if all rooms are read.
	groupSize, wholeGroup = 250, 20
	// wholeBudget is how long a round may take until no more applications are read as a whole.
	wholeBudget = 200 * time.Millisecond
	// pageSize is how many members are written or read by one command, firstPage how many by
	// one of a pipeline.
	pageSize, firstPage = 10_000, 1000
	// keyLife is how long the keys of an application stay that no replica offers any more.
	keyLife = 7 * 24 * time.Hour
)

// link is the exchange over one client. It is not safe for concurrent use.
type link struct {
	*Replicas
	*engine
	books   map[string]*book
	order   []*book // of the configured applications
	looked  int64   // when changes here were looked for, Unix milliseconds
	born    int64   // what was known before that is offered as a whole
	failing bool
	peers   map[string]peer
	problem error // the first one of this round
	reached bool  // the engine has answered in this round
}

type peer struct {
	sign float64 // its last sign of life, by its own clock
	seen time.Time
}

func newLink(r *Replicas, e *engine) *link {
	return &link{
		Replicas: r, engine: e, books: map[string]*book{}, peers: map[string]peer{},
		born: max(r.born, time.Now().Add(-commitTime).UnixMilli()),
	}
}

// round offers what has changed here, and takes what has changed elsewhere if read is set.
func (l *link) round(ctx context.Context, read bool) {
	began := time.Now()
	l.problem, l.reached = nil, false
	l.metrics.exchanges.Inc()
	c := newClock(began, l.o.Tolerance)
	apps := l.o.Known.Snapshot()
	l.follow(apps, began)
	var peers []Peer
	hinted := map[string]bool{}
	if read {
		peers = l.greet(ctx, c, hinted)
	}
	l.offer(ctx, apps, c, began)
	if read {
		l.take(ctx, hinted, c, began)
	}
	l.whole(ctx, began)
	if ctx.Err() != nil {
		return
	}
	if l.problem != nil {
		l.metrics.failures.Inc()
		l.failing = true
	} else if l.failing {
		l.failing = false
		for _, b := range l.order { // who knows what was lost
			b.nextWhole, b.nextRepeat = began, began
		}
	}
	l.note(l.problem, peers)
}

// leave offers what has changed, and takes this replica from those that are seen.
func (l *link) leave(ctx context.Context) {
	now := time.Now()
	apps := l.o.Known.Snapshot()
	l.follow(apps, now)
	l.offer(ctx, apps, newClock(now, l.o.Tolerance), now)
	_ = l.ZRem(ctx, l.keys.replicas, l.id).Err() // the others see it without that, too
}

// follow keeps a book for each configured application.
func (l *link) follow(apps []state.App, now time.Time) {
	l.order = l.order[:0]
	for _, app := range apps {
		b := l.books[app.ID]
		if b == nil {
			b = &book{id: app.ID, rooms: map[roomMember]uint64{}, nextRepeat: now.Add(spread(repeatInterval)), nextWhole: now}
			l.books[app.ID] = b
		}
		l.order = append(l.order, b)
	}
	if len(l.books) > len(apps) {
		clear(l.books)
		for _, b := range l.order {
			l.books[b.id] = b
		}
	}
}

// peerLife is how long another replica is seen after its last sign of life.
const peerLife = 10 * time.Second

// greet says that this replica lives, and returns the others; it adds the applications that
// they have changed to hinted.
func (l *link) greet(ctx context.Context, c clock, hinted map[string]bool) []Peer {
	ctx, cancel := bounded(ctx)
	defer cancel()
	pipe := l.Pipeline()
	added := pipe.ZAdd(ctx, l.keys.replicas, redis.Z{Score: float64(c.now), Member: l.id})
	others := pipe.ZRangeWithScores(ctx, l.keys.replicas, -1000, -1)
	pipe.ZRemRangeByScore(ctx, l.keys.replicas, "-inf", fmt.Sprint(c.now-time.Hour.Milliseconds()))
	since := fmt.Sprint(float64(c.now-roomsLate.Milliseconds()) * 1e3)
	changes := pipe.ZRangeByScoreWithScores(ctx, l.keys.changed, &redis.ZRangeBy{Min: since, Max: "+inf"})
	_, _ = pipe.Exec(ctx) // each command has its own error
	if l.fails(ctx, "ZADD "+l.keys.replicas, added.Err()) || l.fails(ctx, "ZRANGEBYSCORE "+l.keys.changed, changes.Err()) {
		return nil
	}
	for _, z := range changes.Val() {
		if id, ok := z.Member.(string); ok && l.books[id] != nil && l.books[id].hint != z.Score {
			l.books[id].hint = z.Score
			hinted[id] = true
		}
	}
	now, peers := time.Now(), []Peer{}
	for _, z := range others.Val() {
		id, ok := z.Member.(string)
		if !ok || id == l.id || len(id) > 300 {
			continue
		}
		p, known := l.peers[id]
		if !known && z.Score < float64(c.now-peerLife.Milliseconds()-poisonAge.Milliseconds()) {
			continue // it was gone before this one came
		}
		if p.sign != z.Score {
			p = peer{z.Score, now}
		}
		l.peers[id] = p
		if now.Sub(p.seen) < peerLife {
			peers = append(peers, Peer{id, p.seen})
		}
	}
	for id, p := range l.peers {
		if now.Sub(p.seen) > time.Hour {
			delete(l.peers, id)
		}
	}
	return peers
}
