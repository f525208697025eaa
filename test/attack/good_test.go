package attack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// good is the client that attacks must not disturb. It sends one event after the other over one
// connection, and each tenth over a new connection, and scrapes as Prometheus does.
type good struct {
	e     *exporter
	clock int64 // EventTime of the last event

	kept, fresh     []time.Duration // times to the answer
	lost, freshLost int
	scrapes         int
	problems        []error
	slowestScrape   time.Duration
	scrapeLost      int
	scraping        sync.WaitGroup
}

func newGood(e *exporter) *good { return &good{e: e, clock: 1739966441121} }

// run sends and scrapes until ctx ends.
func (g *good) run(ctx context.Context) {
	g.kept, g.fresh, g.lost, g.freshLost, g.scrapes, g.slowestScrape, g.scrapeLost, g.problems = nil, nil, 0, 0, 0, 0, 0, nil
	keep := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute} // then it counts as hung
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	defer keep.CloseIdleConnections()
	g.scraping.Go(func() { g.scrape(ctx) })
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		if n%10 == 0 {
			if took, err := g.send(fresh); err != nil {
				g.freshLost++
				g.problems = append(g.problems, fmt.Errorf("over a new connection: %w", err))
			} else {
				g.fresh = append(g.fresh, took)
			}
		} else if took, err := g.send(keep); err != nil {
			g.lost++
			g.problems = append(g.problems, err)
		} else {
			g.kept = append(g.kept, took)
		}
		<-tick.C
	}
	g.scraping.Wait()
}

func (g *good) send(client *http.Client) (time.Duration, error) {
	g.clock++
	start := time.Now()
	resp, err := client.Post("http://"+g.e.webhook+"/callback?"+query(app), "application/json", strings.NewReader(event(700, g.clock)))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, errors.New(resp.Status)
	}
	return time.Since(start), nil
}

func (g *good) scrape(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		start := time.Now()
		if _, err := g.e.scrape(); err != nil {
			g.scrapeLost++
		}
		g.scrapes++
		g.slowestScrape = max(g.slowestScrape, time.Since(start))
		<-tick.C
	}
}

// p99 returns the 99th percentile of all answers.
func (g *good) p99() time.Duration {
	all := slices.Concat(g.kept, g.fresh)
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[(len(all)-1)*99/100].Round(10 * time.Microsecond)
}

func (g *good) String() string {
	return fmt.Sprintf("%4d answered, %d lost, of %d over new connections %d lost; p99 %8s; %2d scrapes, slowest %s",
		len(g.kept)+len(g.fresh), g.lost+g.freshLost, len(g.fresh)+g.freshLost, g.freshLost, g.p99(), g.scrapes, g.slowestScrape.Round(time.Millisecond))
}
