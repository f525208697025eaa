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
)

// application plays an application at Tencent.
type application struct {
	id, name string
	limit    int
	allRooms bool // callbacks of rooms created and destroyed are enabled
	demand   []point
	current  int
}

// point is how many rooms hosts want at an hour; it is a straight line in between.
type point struct {
	hour  float64
	rooms int
}

// Production grows to its limit in the evening. Events has one show in the afternoon,
// and nobody tells that its rooms are closed.
func applications() []*application {
	return []*application{
		{
			id: production, name: "production", limit: 500, allRooms: true, current: 150,
			demand: []point{{0, 150}, {6, 120}, {12, 330}, {16, 360}, {19, 460}, {20, 560}, {22, 560}, {23, 380}, {24, 150}},
		},
		{
			id: events, name: "events", limit: 100, current: 10,
			demand: []point{{0, 10}, {13, 20}, {15, 86}, {15.5, 86}, {16.5, 10}, {24, 10}},
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

// play creates and destroys rooms as they are wanted, and sends what Tencent would.
func (a *application) play(ctx context.Context, s *stack.Stack, hour float64) error {
	from, to := a.current, min(a.wanted(hour), a.limit) // over the limit creations fail, and nothing is sent
	a.current = to
	if a.allRooms && from != to {
		command := "Live.CallbackAfterCreateRoom"
		if to < from {
			command = "Live.CallbackAfterDestroyRoom"
		}
		if err := s.Send(ctx, a.id, "--command="+command, fmt.Sprintf("--count=%d", max(to-from, from-to))); err != nil {
			return err
		}
	}
	first := max(from+1, (a.limit*7+9)/10)
	if first > to {
		return nil
	}
	return s.Send(ctx, a.id, fmt.Sprintf("--ramp=%d:%d", first, to), fmt.Sprintf("--max=%d", a.limit))
}

const (
	steps     = 144 // of a day, ten minutes each
	restartAt = 18
)

// playDay plays a day in the given time. hour is called with the time of the day, in hours.
func playDay(ctx context.Context, s *stack.Stack, apps []*application, length time.Duration, hour func(float64)) error {
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
		if now == restartAt {
			fmt.Printf("%s  the exporter is restarted\n", clock(now))
			s.StopExporter()
			if err := s.StartExporter(ctx); err != nil {
				return err
			}
		}
		for _, a := range apps {
			if err := a.play(ctx, s, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func clock(hour float64) string {
	minutes := int(hour*60 + 0.5)
	return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
}
