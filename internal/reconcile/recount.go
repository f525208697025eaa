package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/restapi"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

const (
	// minPages is the least number of pages after which the list is taken for endless. If many
	// rooms are known, it takes more pages.
	minPages = 1000
	// maxReads is the largest number of times that one recount reads the list.
	maxReads = 8
	// fresh is the age in milliseconds below which a listed room is not opened by the recount: its
	// callback may still arrive.
	fresh = 10_000
)

// trusted is the number of rooms that are missing from an implausible list and prove to be open,
// from which on the list is taken for faulty.
const trusted = 20

// counter recounts the rooms of one application. Its first group of fields outlives a reload.
type counter struct {
	ids     *ids
	metrics *appMetrics
	due     *atomic.Int64 // when the next recount begins, Unix milliseconds

	app   App
	rooms Rooms
	lease func(ctx context.Context, appID string, interval time.Duration) bool
	log   logrus.FieldLogger
	pace  pace

	// absent are the rooms known by their hash only that the last complete list did not have,
	// with the time of the newest event of each.
	absent map[state.Room]int64

	listed int // rooms on the list of the last recount
}

// newCounter returns a counter that continues was, if that is not nil.
func newCounter(app App, r *Reconciler, was *counter) *counter {
	c := &counter{
		ids: &ids{}, metrics: &appMetrics{}, due: &atomic.Int64{},
		app: app, rooms: r.rooms, lease: r.lease, log: r.log, pace: pace{most: app.Rate, rate: app.Rate},
	}
	if was != nil {
		c.ids, c.metrics = was.ids, was.metrics
		if !c.metrics.stopped.Swap(false) {
			c.due.Store(min(was.due.Load(), time.Now().Add(app.Interval).UnixMilli()))
		}
	}
	return c
}

// recount reads the list, asks about the known rooms that are not on it, and applies the results.
func (c *counter) recount(ctx context.Context) error {
	listed, start, err := c.readUntilComplete(ctx)
	if err != nil {
		return err
	}
	known := c.rooms.OpenRooms(c.app.ID)
	// A list that is suddenly empty, or half as long as the last one, may be an error of Tencent.
	// In that case, each room is asked about before it is closed.
	plausible := len(listed)*2 >= min(c.listed, len(known)) && (len(listed) > 0 || len(known) == 0)
	if err := c.ask(ctx, known, listed, start, plausible); err != nil {
		return err
	}
	c.listed = len(listed)
	c.metrics.listed.Store(int64(len(listed)))
	c.ids.keep(c.rooms.OpenRooms(c.app.ID))
	c.rooms.Recounted(c.app.ID, start)
	return nil
}

// readUntilComplete reads the list, and again as long as that is worth it. The list is ordered by
// the number of entries to a room, highest first: while it is read, rooms overtake the cursor and
// are missed. So it is read again if it had rooms that were not known, since there may be more of
// them, and if so many known rooms are missing that to ask about each takes more calls. (The
// opposite order would miss none. But where rooms rise faster than the list is read, it has no
// end.) listed are the rooms that it had at any time, start is the time when the first reading
// began, by Tencent's clock.
func (c *counter) readUntilComplete(ctx context.Context) (listed map[state.Room]bool, start int64, err error) {
	listed = map[state.Room]bool{}
	missing := 0
	for read := 1; ; read++ {
		began, pages, unknown, err := c.readList(ctx, listed)
		if err != nil {
			return nil, 0, err
		}
		if read == 1 {
			start = began
		}
		before := missing
		missing = 0
		for hash, newest := range c.rooms.OpenRooms(c.app.ID) {
			if _, canAsk := c.ids.of(hash); canAsk && newest < start && !listed[hash] {
				missing++
			}
		}
		pays := missing > pages && (read == 1 || before-missing > pages)
		if unknown == 0 && !pays || read == maxReads {
			return listed, start, nil
		}
	}
}

// readList reads all pages of the list, applies each, and adds its rooms to listed. It returns
// when it began, by Tencent's clock, how many pages there were, and how many rooms were not known.
func (c *counter) readList(ctx context.Context, listed map[state.Room]bool) (start int64, pages, unknown int, err error) {
	cursors := map[string]bool{}
	limit := max(minPages, len(c.rooms.OpenRooms(c.app.ID))/restapi.MaxPage*2)
	for next := ""; ; {
		var page restapi.RoomPage
		seen, err := c.call(ctx, func() (err error) {
			page, err = c.app.API.Rooms(ctx, next)
			return err
		})
		if err != nil {
			return 0, 0, 0, err
		}
		if pages++; pages == 1 {
			start = seen
		}
		unknown += c.applyPage(page, seen, listed)
		switch next = page.Next; {
		case next == "":
			return start, pages, unknown, nil
		case cursors[next]:
			return 0, 0, 0, errors.New("the list of rooms repeats: a cursor was returned twice")
		case pages >= limit:
			return 0, 0, 0, fmt.Errorf("the list of rooms has no end: %d pages were read", pages)
		}
		cursors[next] = true
	}
}

// applyPage applies a page that was asked for at the time seen, and adds its rooms to listed. It
// returns how many of them were not known.
func (c *counter) applyPage(page restapi.RoomPage, seen int64, listed map[state.Room]bool) (opened int) {
	var news []state.RoomNews
	for _, room := range page.Rooms {
		hash := state.RoomOf(c.app.ID, room.ID)
		c.ids.add(hash, room.ID)
		if !listed[hash] && room.Created.UnixMilli() < seen-fresh {
			news = append(news, c.open(hash, room, seen))
		}
		listed[hash] = true
	}
	return c.learn(news)
}

// learn applies news, and returns the number of rooms that they have opened.
func (c *counter) learn(news []state.RoomNews) int {
	if len(news) == 0 {
		return 0
	}
	opened, closed := c.rooms.LearnRooms(c.app.ID, news)
	c.metrics.opened.Add(uint64(opened))
	c.metrics.closed.Add(uint64(closed))
	return opened
}

// ask asks about the rooms that were open before start and are not on the list. A room that is
// known by its hash only cannot be asked about: it is closed when a second complete list does
// not have it and no event of it came meanwhile.
func (c *counter) ask(ctx context.Context, known map[state.Room]int64, listed map[state.Room]bool, start int64, plausible bool) error {
	absent := map[state.Room]int64{}
	stillOpen := 0
	for hash, newest := range known {
		if listed[hash] || newest >= start {
			continue
		}
		news := c.news(hash, state.RoomEvent{Closed: true, Time: start})
		if id, ok := c.ids.of(hash); !ok {
			if was, twice := c.absent[hash]; !twice || was != newest || !plausible {
				absent[hash] = newest
				continue
			}
		} else {
			var room restapi.Room
			seen, err := c.call(ctx, func() (err error) {
				room, err = c.app.API.Room(ctx, id)
				return err
			})
			switch {
			case restapi.IsCode(err, restapi.CodeRoomGone):
				news.Time = seen
			case err != nil:
				return err
			default:
				news = c.open(hash, room, seen)
				stillOpen++
			}
		}
		c.learn([]state.RoomNews{news})
		if !plausible && stillOpen >= trusted {
			return fmt.Errorf("the list of rooms is not complete: it has %d rooms, and %d others are open", len(listed), stillOpen)
		}
	}
	if plausible {
		c.absent = absent
	}
	return nil
}

// open returns the news that a room was open at the time seen.
func (c *counter) open(hash state.Room, room restapi.Room, seen int64) state.RoomNews {
	e := state.RoomEvent{Seen: true, Time: seen}
	if !room.Created.IsZero() {
		e.Opened = room.Created.UnixMilli()
		e.Time = max(e.Time, e.Opened)
	}
	return c.news(hash, e)
}

func (c *counter) news(hash state.Room, e state.RoomEvent) state.RoomNews {
	return state.RoomNews{AppID: c.app.ID, Room: hash, RoomEvent: e, Received: time.Now().UnixMilli()}
}
