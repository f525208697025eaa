package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

var dayFile = flag.String("day", "", "file to write the samples of each minute of the whole simulated day to, for make day")

// TestDay sends a day of three applications to the webhook listener, as fast as it takes
// them, and compares what the exporter knows with the true number of rooms at every second
// in which a room was opened or closed or a callback arrived; between these nothing changes.
// Each minute it scrapes /metrics. The exporter is restarted four times: it stops, or goes on
// with the files as a crash would have left them at that moment.
//
// The whole day has 10,000 rooms (make day). Without -day it has a tenth of the rooms, and a tenth of the scrapes.
//
// The day has just ended, so closed rooms are kept (state.RoomMemory) and no event is in the
// future. The simulation stands in for Tencent; that Tencent counts and sends like it is not
// tested.
func TestDay(t *testing.T) {
	t.Parallel()
	whole := *dayFile != ""
	t.Run("nothing lost", func(t *testing.T) { t.Parallel(); playDay(t, 0, whole, "") })
	t.Run("1 % lost", func(t *testing.T) { t.Parallel(); playDay(t, 0.01, whole, *dayFile) })
}

// player simulates a day.
type player struct {
	t    *testing.T
	dir  string
	args []string
	i    *instance
	apps []*appDay
}

func playDay(t *testing.T, lost float64, whole bool, samples string) {
	start := time.Now().Truncate(time.Second).UnixMilli() - state.RoomMemory.Milliseconds()
	p := &player{t: t, dir: filepath.Join(t.TempDir(), "0")}
	token := writeFile(t, "token", demoToken)
	for n, rooms := range []int{5000, 3000, 2000} {
		if !whole {
			rooms /= 10
		}
		app := newAppDay(fmt.Sprint(1400000001+n), start, rooms, lost, uint64(n))
		p.apps = append(p.apps, app)
		p.args = append(p.args, "--app="+app.id+"=demo")
	}
	p.args = append(p.args, "--app.token-file="+token)
	p.start()
	var out *bufio.Writer
	if samples != "" {
		file, err := os.Create(samples)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		out = bufio.NewWriter(file)
		defer out.Flush()
	}
	step := int64(1)
	if !whole {
		step = 10
	}
	for minute := step; minute <= 24*60; minute += step {
		until := start + minute*60_000
		var senders sync.WaitGroup
		for _, app := range p.apps {
			senders.Go(func() { p.play(app, until) })
		}
		senders.Wait()
		scraped := p.i.scrape()
		for _, app := range p.apps {
			p.compareScrape(app, scraped, until-1)
		}
		if out != nil {
			p.apps[0].writeSamples(out, scraped, until-1)
		}
		switch minute {
		case 7 * 60, 20 * 60:
			p.restart()
		case 13 * 60, 22 * 60:
			p.crash()
		}
		if t.Failed() {
			t.Fatalf("stopped after minute %d", minute)
		}
	}
	p.compareCounters(p.i.scrape())
	for _, app := range p.apps {
		t.Logf("application %s, limit %d: %s", app.id, app.max, app.tally)
		unheard := app.unheard(start + state.RoomMemory.Milliseconds())
		if lost == 0 && (unheard > 0 || app.settled == 0 || app.settledAboveThreshold == 0) || lost > 0 && unheard == 0 {
			t.Errorf("application %s: the day shows nothing: %d callbacks did not arrive, %d moments could be compared exactly, %d of them above the threshold",
				app.id, unheard, app.settled, app.settledAboveThreshold)
		}
	}
}

func (p *player) start() {
	p.i = startApp(p.t, append(slices.Clone(p.args), "--storage.path="+p.dir)...)
	p.i.client.Transport = &http.Transport{MaxIdleConnsPerHost: len(p.apps)}
}

func (p *player) restart() {
	if err := p.i.stop(); err != nil {
		p.t.Fatal(err)
	}
	p.start()
}

// crash continues with a copy of the files that is made while the exporter runs.
func (p *player) crash() {
	copied := p.dir + "-copied"
	if err := os.CopyFS(copied, os.DirFS(p.dir)); err != nil {
		p.t.Fatal(err)
	}
	if err := p.i.stop(); err != nil {
		p.t.Fatal(err)
	}
	p.dir = copied
	p.start()
}

// play sends the callbacks that arrive before until, and compares after each second.
func (p *player) play(app *appDay, until int64) {
	for len(app.moments) > 0 && app.moments[0] < until && !p.t.Failed() {
		now := app.moments[0] + 999
		app.moments = app.moments[1:]
		for len(app.deliveries) > 0 && app.deliveries[0].at <= now {
			d := app.deliveries[0]
			app.deliveries = app.deliveries[1:]
			if problem := p.send(app, d); problem != "" {
				p.t.Errorf("%s: %s", d.command, problem)
				return
			}
		}
		for _, a := range p.i.app.callback.Snapshot() {
			if a.ID == app.id {
				p.compare(app, a, now)
			}
		}
	}
}

// send sends a callback until it is acknowledged, and returns what was wrong with the answer. If
// the disk of the machine is too busy for a commit in time, the answer is 503, and the same
// callback again is counted once.
func (p *player) send(app *appDay, d delivery) (problem string) {
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		status, err := p.post(app, d)
		switch {
		case err != nil:
			return err.Error()
		case status == http.StatusOK:
			return ""
		case status != http.StatusServiceUnavailable || time.Now().After(late):
			return http.StatusText(status)
		}
	}
}

func (p *player) post(app *appDay, d delivery) (status int, err error) {
	resp, err := p.i.client.Post(signedURL(p.i.callback, app.id, demoToken, d.command), "application/json", strings.NewReader(d.body))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// compare compares what is known of an application with the day, at a moment.
func (p *player) compare(app *appDay, got state.App, now int64) {
	m := app.at(now)
	if m.settled { // all callbacks until now have arrived
		app.settled++
		if got.Rooms.Open != m.open {
			p.t.Errorf("at %s all callbacks have arrived, and %d rooms are known, true are %d", app.clock(now), got.Rooms.Open, m.open)
		}
	}
	if got.Rooms.Open != m.open+m.unheardClosings-m.unheardOpenings {
		p.t.Errorf("at %s %d rooms are known, want %d, plus %d closings and minus %d openings that were not heard of",
			app.clock(now), got.Rooms.Open, m.open, m.unheardClosings, m.unheardOpenings)
	}
	if m.event == nil {
		if got.Known() {
			p.t.Errorf("at %s there is an event", app.clock(now))
		}
		return
	}
	if got.Current != m.event.current || got.Max != app.max || got.EventTime != m.event.time {
		p.t.Errorf("at %s the newest event has %d rooms, want %d", app.clock(now), got.Current, m.event.current)
	}
	if got.Deviation() != m.deviation {
		p.t.Errorf("at %s the deviation is %d, want %d", app.clock(now), got.Deviation(), m.deviation)
	}
	off := got.Estimate() - m.open
	if max(off, -off) > m.unheardSince {
		p.t.Errorf("at %s the estimate is %d, true are %d, and %d callbacks since the event were not heard of", app.clock(now), got.Estimate(), m.open, m.unheardSince)
	}
	app.tally.add(got, m)
	if m.settled {
		if float64(m.open) >= threshold*float64(app.max) {
			app.settledAboveThreshold++
		}
		if off != 0 || got.Deviation() != 0 {
			p.t.Errorf("at %s all callbacks have arrived: the estimate is %d, the deviation %d; true are %d", app.clock(now), got.Estimate(), got.Deviation(), m.open)
		}
	}
}

// compareScrape compares /metrics with what was compared with the day.
func (p *player) compareScrape(app *appDay, scraped map[string]float64, now int64) {
	m := app.at(now)
	series := func(name string) string { return fmt.Sprintf("tuilivekit_%s{sdk_app_id=%q}", name, app.id) }
	known, there := scraped[series("known_rooms")]
	if there && int64(known) != m.open+m.unheardClosings-m.unheardOpenings {
		p.t.Errorf("at %s /metrics has %v known rooms, want %d", app.clock(now), known, m.open+m.unheardClosings-m.unheardOpenings)
	}
	if m.event == nil {
		return
	}
	expect(p.t, scraped, map[string]float64{
		series("current_rooms"): float64(m.event.current), series("max_rooms"): float64(app.max),
		series("known_rooms_deviation"): float64(m.deviation),
	})
	if e := scraped[series("estimated_rooms")]; e < 0 {
		p.t.Errorf("at %s there are %v estimated rooms", app.clock(now), e)
	}
}

// compareCounters compares the counters of the whole day: a repeat is counted once, and
// nothing is counted again or lost by a restart.
func (p *player) compareCounters(scraped map[string]float64) {
	for _, app := range p.apps {
		opened, closed, events := app.heard()
		label := fmt.Sprintf("{sdk_app_id=%q}", app.id)
		expect(p.t, scraped, map[string]float64{
			"tuilivekit_room_creations_total" + label:                                               opened,
			fmt.Sprintf("tuilivekit_room_destructions_total{cause=\"user\",sdk_app_id=%q}", app.id): closed,
			"tuilivekit_threshold_events_total" + label:                                             events,
		})
	}
}

// writeSamples writes the series of an application, TIME SERIES VALUE in each line.
func (a *appDay) writeSamples(out *bufio.Writer, scraped map[string]float64, now int64) {
	fmt.Fprintf(out, "%d true_rooms{sdk_app_id=%q} %d\n", now, a.id, a.at(now).open)
	for name, value := range scraped {
		if strings.Contains(name, "{") && strings.HasPrefix(name, "tuilivekit_") && strings.Contains(name, fmt.Sprintf("sdk_app_id=%q", a.id)) {
			fmt.Fprintln(out, now, name, strconv.FormatFloat(value, 'g', -1, 64))
		}
	}
}
