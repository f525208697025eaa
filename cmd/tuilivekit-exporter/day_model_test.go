package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// threshold is the share of the limit from which Tencent sends events.
const threshold = 0.7

// never is the arrival of a callback that is lost.
const never = math.MaxInt64

// appDay is a day of one application: what is true, and which callbacks arrive when. Times
// are Unix milliseconds.
type appDay struct {
	id         string
	start, max int64
	lives      []*life
	events     []*thresholdEvent
	deliveries []delivery // in the order of their arrival; those that are left
	moments    []int64    // seconds in which anything happens, likewise

	settled, settledAboveThreshold int // moments that were compared when nothing was on its way
	tally                          dayTally
}

// life is that of a room. Each has its own RoomId: RoomIds that are used again are tested in
// internal/state.
type life struct {
	opened, closed           int64
	heardOpened, heardClosed int64 // arrival of the first callback, or never
}

type thresholdEvent struct {
	time    int64 // as Tencent says, some milliseconds from the creation
	created int64 // of the room
	current int64
	heard   int64
}

type delivery struct {
	at            int64
	command, body string
}

// newAppDay makes a day with its peak at 20:00 and a limit of which 93 % are used then. Rooms
// live 10 to 90 minutes, and all are closed in the end. No two of them are opened or closed
// within 20 ms, so that it is clear which of them a threshold event counts.
func newAppDay(id string, start int64, rooms int, lost float64, seed uint64) *appDay {
	random := rand.New(rand.NewPCG(seed, 0))
	a := &appDay{id: id, start: start}
	const end, grid = 24*3600_000 - 120_000, 20 // callbacks of the last ones arrive within the day
	taken := map[int64]bool{}
	for len(a.lives) < rooms {
		opened := random.Int64N(end/grid) * grid
		closed := opened + 600_000 + random.Int64N(4800_000/grid)*grid
		if closed > end || taken[opened] || taken[closed] || random.Float64() > busy(opened) {
			continue
		}
		taken[opened], taken[closed] = true, true
		a.lives = append(a.lives, &life{opened: start + opened, closed: start + closed})
	}
	slices.SortFunc(a.lives, func(x, y *life) int { return cmp.Compare(x.opened, y.opened) })
	peak := int64(0)
	for _, l := range a.lives {
		peak = max(peak, a.open(l.opened))
	}
	a.max = int64(math.Ceil(float64(peak) / 0.93))
	post := &dayPost{random: random, lost: lost}
	for n, l := range a.lives {
		operator := fmt.Sprintf("host-%d", random.IntN(rooms/3))
		roomID := fmt.Sprintf("room-%d", n)
		l.heardOpened = post.send(l.opened, createRoom, fmt.Sprintf(
			`{"CallbackCommand":%q,"Operator_Account":%q,"RoomInfo":{"RoomId":%q,"RoomType":"Live","CreateTime":%d},"EventTime":%d}`,
			createRoom, operator, roomID, l.opened/1000, l.opened))
		l.heardClosed = post.send(l.closed, destroyRoom, fmt.Sprintf(
			`{"CallbackCommand":%q,"Operator_Account":%q,"RoomId":%q,"EventType":"DestroyByUser","RoomInfo":{"CreateTime":%d},"EventTime":%d}`,
			destroyRoom, operator, roomID, l.opened/1000, l.closed))
		if current := a.open(l.opened); float64(current) >= threshold*float64(a.max) {
			e := &thresholdEvent{time: l.opened + random.Int64N(5) - 1, created: l.opened, current: current}
			e.heard = post.send(e.time, thresholdCommand, fmt.Sprintf(
				`{"CallbackCommand":%q,"Operator_Account":%q,"CurRoomCount":%d,"MaxRoomCount":%d,"EventTime":%d}`,
				thresholdCommand, operator, current, a.max, e.time))
			a.events = append(a.events, e)
		}
	}
	a.deliveries = post.deliveries
	slices.SortFunc(a.deliveries, func(x, y delivery) int { return cmp.Compare(x.at, y.at) })
	a.findMoments()
	return a
}

// busy returns how likely it is that a room is opened, against 20:00.
func busy(ms int64) float64 {
	hours := float64(ms) / 3600_000
	noon, evening := (hours-12)/2.5, (hours-20)/2
	return 0.15 + 0.15*math.Exp(-noon*noon) + 0.7*math.Exp(-evening*evening)
}

// dayPost makes deliveries of callbacks: 5 % arrive up to a minute late, 2 % twice, and some
// not at all.
type dayPost struct {
	random     *rand.Rand
	lost       float64
	deliveries []delivery
}

// send returns when the callback arrives.
func (p *dayPost) send(at int64, command, body string) int64 {
	arrival := at + 50 + p.random.Int64N(200)
	late, twice, lost := p.random.Float64() < 0.05, p.random.Float64() < 0.02, p.random.Float64() < p.lost
	if late {
		arrival = at + 1000 + p.random.Int64N(59_000)
	}
	if lost {
		return never
	}
	p.deliveries = append(p.deliveries, delivery{arrival, command, body})
	if twice {
		p.deliveries = append(p.deliveries, delivery{arrival + 1 + p.random.Int64N(30_000), command, body})
	}
	return arrival
}

// findMoments finds the seconds in which anything happens.
func (a *appDay) findMoments() {
	seconds := map[int64]bool{}
	for _, d := range a.deliveries {
		seconds[d.at/1000] = true
	}
	for _, l := range a.lives {
		seconds[l.opened/1000], seconds[l.closed/1000] = true, true
	}
	for s := range seconds {
		a.moments = append(a.moments, s*1000)
	}
	slices.Sort(a.moments)
}

// open returns how many rooms are open at a moment: the truth.
func (a *appDay) open(now int64) (n int64) {
	for _, l := range a.lives {
		if l.opened <= now && now < l.closed {
			n++
		}
	}
	return n
}

// moment is what is true at a moment, and what the exporter has not heard of until then.
type moment struct {
	open                             int64
	unheardOpenings, unheardClosings int64 // of rooms that are open, or closed after an opening that was heard of
	settled                          bool  // all callbacks until now have arrived

	event        *thresholdEvent // the newest one that has arrived, nil before the first
	deviation    int64           // rooms known to be open at that event, minus those that were
	unheardSince int64           // callbacks of rooms opened or closed after it that have not arrived
}

func (a *appDay) at(now int64) moment {
	m := moment{settled: true}
	for _, e := range a.events {
		if e.heard <= now && (m.event == nil || e.time > m.event.time) {
			m.event = e
		}
		m.settled = m.settled && (e.time > now || e.heard <= now)
	}
	for _, l := range a.lives {
		if l.opened > now {
			break // the rest is later
		}
		heardOpened, closed, heardClosed := l.heardOpened <= now, l.closed <= now, l.heardClosed <= now
		m.settled = m.settled && heardOpened && closed == heardClosed
		switch {
		case !closed:
			m.open++
			if !heardOpened {
				m.unheardOpenings++
			}
		case heardOpened && !heardClosed:
			m.unheardClosings++
		}
		if m.event != nil {
			m.compareEvent(l, heardOpened, closed, heardClosed)
		}
	}
	return m
}

// compareEvent adds what is not heard of l before the event and since.
func (m *moment) compareEvent(l *life, heardOpened, closed, heardClosed bool) {
	e := m.event
	if l.opened > e.created && !heardOpened {
		m.unheardSince++
	}
	if closed && l.closed > e.created && !heardClosed {
		m.unheardSince++
	}
	switch {
	case l.closed <= e.created && heardOpened && !heardClosed:
		m.deviation++
	case l.opened <= e.created && e.created < l.closed && !heardOpened && !heardClosed: // a closing says since when the room was open
		m.deviation--
	case l.opened > e.created && !heardOpened && heardClosed && l.opened/1000*1000 <= e.time: // but in whole seconds
		m.deviation++
	}
}

// unheard returns how many callbacks until a moment have not arrived.
func (a *appDay) unheard(now int64) (n int) {
	for _, l := range a.lives {
		for _, c := range [][2]int64{{l.opened, l.heardOpened}, {l.closed, l.heardClosed}} {
			if c[0] <= now && c[1] > now {
				n++
			}
		}
	}
	return n
}

// heard returns how many callbacks of each kind arrive in the day, repeats not counted.
func (a *appDay) heard() (opened, closed, events float64) {
	for _, l := range a.lives {
		if l.heardOpened != never {
			opened++
		}
		if l.heardClosed != never {
			closed++
		}
	}
	for _, e := range a.events {
		if e.heard != never {
			events++
		}
	}
	return opened, closed, events
}

// clock returns the time of the day.
func (a *appDay) clock(now int64) string {
	return time.UnixMilli(now - a.start).UTC().Format("15:04:05")
}

// dayTally is how far the numbers were from the truth while there was an event.
type dayTally struct {
	moments, current, estimated, known int64
}

func (y *dayTally) add(got state.App, m moment) {
	off := func(n int64) int64 { return max(n-m.open, m.open-n) }
	y.moments++
	y.current = max(y.current, off(got.Current))
	y.estimated = max(y.estimated, off(got.Estimate()))
	y.known = max(y.known, off(got.Rooms.Open))
}

func (y dayTally) String() string {
	return fmt.Sprintf("at %d moments CurRoomCount was off by up to %d, the estimate by %d, the known rooms by %d", y.moments, y.current, y.estimated, y.known)
}
