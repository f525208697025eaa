package replica

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	// repeatInterval is the time between two offers of an unchanged record, and of its rooms if they
	// changed within repeatRooms: a failover loses acknowledged writes without an error.
	repeatInterval = 15 * time.Second
	repeatRooms    = 4 * time.Minute
	// wholeInterval is the time between two offers, and two reads, of all rooms of an application.
	wholeInterval = 5 * time.Minute
	// retryInterval is the least time until all rooms are exchanged after a failure.
	retryInterval = 5 * time.Second
	// readAlways is the largest number of applications that are all read every second. If there
	// are more, every second only those are read that other replicas have announced, and each
	// application every repeatInterval.
	readAlways = 500
	// roomsLate is how late the callback of a room may be: a read of the rooms that changed lately
	// begins this long before the last read.
	roomsLate = 2 * time.Minute
	// commitTime limits the time from the receipt of a change until it is visible.
	commitTime = 5 * time.Second
	// keepEvents is how many events of an application the engine keeps. The newest one may be
	// unusable.
	keepEvents = 8
	// groupSize is the number of applications in one pipeline, wholeGroup if all rooms are read.
	groupSize, wholeGroup = 250, 20
	// wholeBudget is the time in a round after which no further group is read with all rooms.
	wholeBudget = 200 * time.Millisecond
	// pageSize is the largest number of members that one command writes or reads, firstPage that
	// of a command in a pipeline that reads all rooms.
	pageSize, firstPage = 10_000, 1000
	// keyLife is how long the keys of an application stay after the last offer.
	keyLife = 7 * 24 * time.Hour
)

// link is the exchange over one client. It is not safe for concurrent use.
type link struct {
	*Replicas
	*engine
	books   map[string]*book
	newest  []state.Newest // of the configured applications, as this replica knows them
	order   []*book        // of the same applications
	looked  int64          // time of the last look for changes of this replica, Unix milliseconds
	greeted int64          // time of the last look for changes of other replicas, Unix milliseconds
	born    int64          // older records are only offered with all rooms, Unix milliseconds
	failing bool           // the last round has failed
	peers   map[string]peer
	problem error // the first error of this round
	reached bool  // the engine has answered in this round
	silent  int   // rounds in a row without an answer of the engine
}

// peer is what this replica knows of another one.
type peer struct {
	sign float64 // the time of its last exchange, by its own clock
	seen time.Time
}

func newLink(r *Replicas, e *engine) *link {
	return &link{
		Replicas: r, engine: e, books: map[string]*book{}, peers: map[string]peer{},
		born: max(r.born, time.Now().Add(-commitTime).UnixMilli()),
	}
}

// round offers the changes of this replica, and takes those of other replicas if read is set.
func (l *link) round(ctx context.Context, read bool) {
	began := time.Now()
	l.problem, l.reached = nil, false
	l.metrics.exchanges.Inc()
	c := newClock(began, l.o.Tolerance)
	l.follow(began)
	var peers []Peer
	if read {
		peers = l.greet(ctx, c)
	}
	l.offer(ctx, c, began)
	if read {
		l.take(ctx, c, began)
	}
	l.whole(ctx, began)
	if ctx.Err() != nil || l.problem == nil && !read {
		return // a round that reads nothing may have no command: it shows no recovery
	}
	if l.silent++; l.reached {
		l.silent = 0
	}
	if l.problem != nil {
		l.metrics.failures.Inc()
		l.failing = true
	} else if l.failing {
		l.failing = false
		for _, b := range l.order { // the engine may have lost any record
			b.nextWhole, b.nextRepeat = began, began
		}
	}
	l.note(l.problem, peers)
}

// leave offers the changes of this replica, and removes it from the replicas that are seen.
func (l *link) leave(ctx context.Context) {
	now := time.Now()
	l.follow(now)
	l.offer(ctx, newClock(now, l.o.Tolerance), now)
	_ = l.ZRem(ctx, l.keys.replicas, l.id).Err() // if this fails, they see it until peerLife has passed
}

// follow reads the records of this replica, and keeps a book for each configured application.
func (l *link) follow(now time.Time) {
	l.newest = l.o.Known.AppendNewest(l.newest[:0])
	if slices.EqualFunc(l.newest, l.order, func(n state.Newest, b *book) bool { return n.AppID == b.id }) {
		return
	}
	l.order = l.order[:0]
	for _, n := range l.newest {
		b := l.books[n.AppID]
		if b == nil {
			b = &book{id: n.AppID, rooms: map[roomMember]uint64{}, nextRepeat: now.Add(spread(repeatInterval)), nextWhole: now}
			l.books[n.AppID] = b
		}
		l.order = append(l.order, b)
	}
	if len(l.books) > len(l.order) {
		clear(l.books)
		for _, b := range l.order {
			l.books[b.id] = b
		}
	}
}

// peerLife is how long another replica is seen after its last exchange.
const peerLife = 10 * time.Second

// greet writes that this replica lives, and returns the other replicas. It marks the applications
// that they have changed.
func (l *link) greet(ctx context.Context, c clock) []Peer {
	ctx, cancel := bounded(ctx)
	defer cancel()
	pipe := l.Pipeline()
	added := pipe.ZAdd(ctx, l.keys.replicas, redis.Z{Score: float64(c.now), Member: l.id})
	others := pipe.ZRangeWithScores(ctx, l.keys.replicas, -1000, -1)
	pipe.ZRemRangeByScore(ctx, l.keys.replicas, "-inf", fmt.Sprint(c.now-time.Hour.Milliseconds()))
	if l.greeted == 0 {
		l.greeted = c.now // the first round reads all applications
	}
	since := fmt.Sprint(float64(l.greeted-repeatInterval.Milliseconds()) * 1e3)
	changes := pipe.ZRangeByScoreWithScores(ctx, l.keys.changed, &redis.ZRangeBy{Min: since, Max: "+inf"})
	exec(ctx, pipe)
	if l.fails(ctx, "ZADD "+l.keys.replicas, added.Err()) || l.fails(ctx, "ZRANGEBYSCORE "+l.keys.changed, changes.Err()) {
		return nil
	}
	l.greeted = c.now
	for _, z := range changes.Val() {
		id, _ := z.Member.(string)
		if b := l.books[id]; b != nil && b.hint != z.Score {
			b.hint, b.hinted = z.Score, true
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
			continue // it had stopped before this replica started
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
