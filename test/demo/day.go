package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

const (
	production = "1400000001"
	events     = "1400000002"
	talks      = "1400000003"
)

// application is an application and the demand of its hosts.
type application struct {
	id, name  string
	limit     int
	callbacks bool // for rooms created and destroyed are enabled
	recounted bool // the exporter recounts the rooms with Tencent's server API
	demand    []point
	lostAt    float64 // hour at which the callbacks of some closed rooms are lost; 0: never
	rooms     []string
	created   int // rooms since the start
}

// lost is the number of callbacks that are lost at lostAt.
const lost = 15

// point is the number of rooms that hosts want at an hour. Between two points it changes linearly.
type point struct {
	hour  float64
	rooms int
}

// Production reaches its limit in the evening. Events has one show in the afternoon, and no
// callbacks for closed rooms. Talks never reaches 70 %, from which Tencent sends threshold events:
// its number comes from the known rooms.
func applications() []*application {
	return []*application{
		{
			id: production, name: "production", limit: 500, callbacks: true, recounted: true, lostAt: 10,
			demand: []point{{0, 150}, {6, 120}, {12, 330}, {16, 360}, {19, 460}, {20, 560}, {22, 560}, {23, 380}, {24, 150}},
		},
		{
			id: events, name: "events", limit: 100,
			demand: []point{{0, 10}, {13, 20}, {15, 86}, {15.5, 86}, {16.5, 10}, {24, 10}},
		},
		{
			id: talks, name: "talks", limit: 200, callbacks: true, recounted: true,
			demand: []point{{0, 20}, {8, 30}, {14, 110}, {18, 60}, {21, 120}, {24, 20}},
		},
	}
}

func (a *application) wanted(hour float64) int {
	for i := 1; i < len(a.demand); i++ {
		from, to := a.demand[i-1], a.demand[i]
		if hour <= to.hour {
			return from.rooms + int(float64(to.rooms-from.rooms)*(hour-from.hour)/(to.hour-from.hour))
		}
	}
	return a.demand[len(a.demand)-1].rooms
}

// play opens and closes rooms until there are as many as hosts want. If the application has
// callbacks for rooms, it also closes one room and opens another. At the limit Tencent refuses a
// new room and sends nothing. A callback that is not acknowledged is lost: Tencent does not promise
// to send it again.
func (a *application) play(ctx context.Context, t *tencent, hour float64) {
	change := func(do func(context.Context, *application) error) {
		if err := do(ctx, a); err != nil && ctx.Err() == nil {
			fmt.Printf("%s  a callback of %s is lost: %v\n", clock(hour), a.name, err)
		}
	}
	if a.lostAt > 0 && hour == a.lostAt {
		fmt.Printf("%s  %d rooms of %s are closed, and the callbacks are lost\n", clock(hour), lost, a.name)
		for range lost {
			t.closeRoom(a)
		}
	}
	if a.callbacks {
		change(t.destroy)
	}
	wanted := min(a.wanted(hour), a.limit)
	for len(a.rooms) < wanted {
		change(t.create)
	}
	for len(a.rooms) > wanted {
		change(t.destroy)
	}
	t.enterRooms(a)
}

const (
	steps     = 144 // of a day, ten minutes each
	restartAt = 18
)

// playDay simulates a day in the given time. It calls hour with the time of the day, in hours.
func playDay(ctx context.Context, s *stack.Stack, t *tencent, apps []*application, length time.Duration, hour func(float64)) error {
	tick := time.NewTicker(length / steps)
	defer tick.Stop()
	for i := range steps {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := float64(i) * 24 / steps
		hour(now)
		stopped := now == restartAt
		if stopped {
			s.StopExporter()
		}
		if stopped && len(s.Webs) == 1 { // else callbacks would be lost
			if err := s.StartExporter(ctx); err != nil {
				return err
			}
			stopped = false
			fmt.Printf("%s  the exporter is restarted\n", clock(now))
		}
		for _, a := range apps {
			a.play(ctx, t, now)
		}
		if stopped {
			if err := s.StartExporter(ctx); err != nil {
				return err
			}
			fmt.Printf("%s  one replica was away for a while; the other one took its callbacks\n", clock(now))
		}
	}
	return nil
}

func clock(hour float64) string {
	minutes := int(hour*60 + 0.5)
	return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
}
