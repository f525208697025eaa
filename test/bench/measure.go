//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

const (
	token = "a token of a benchmark"
	apps  = 10

	committed = "tuilivekit_exporter_storage_commits_total"
)

// result has the figures of one window.
type result struct {
	callbacks int
	rate      float64 // a second
	p50, p99  float64 // milliseconds
	cpu       float64 // of the exporter, microseconds a callback
	batch     float64 // callbacks that shared a commit
}

func (r result) getRate() float64  { return r.rate }
func (r result) getP50() float64   { return r.p50 }
func (r result) getP99() float64   { return r.p99 }
func (r result) getCPU() float64   { return r.cpu }
func (r result) getBatch() float64 { return r.batch }

var (
	epoch  = time.Now().Add(-24 * time.Hour).UnixMilli()
	number atomic.Int64 // of the next event: no two events are equal
)

// measure runs n senders, each of which sends one callback after another.
func measure(p *exporter.Process, n int, window time.Duration) (result, error) {
	conns := make([]*exporter.Conn, n)
	for i := range conns {
		var err error
		if conns[i], err = exporter.Dial(p.Webhook); err != nil {
			return result{}, err
		}
		defer conns[i].Close()
	}
	commits, err := p.Scrape(http.DefaultClient)
	if err != nil {
		return result{}, err
	}
	before, err := p.CPU()
	if err != nil {
		return result{}, err
	}
	latencies, failures := make([][]time.Duration, n), make([]error, n)
	start := time.Now()
	var group sync.WaitGroup
	for i, conn := range conns {
		group.Go(func() { latencies[i], failures[i] = send(conn, appID(i%apps), start.Add(window)) })
	}
	group.Wait()
	took := time.Since(start)
	after, err := p.CPU()
	if err := errors.Join(append(failures, err)...); err != nil {
		return result{}, err
	}
	more, err := p.Scrape(http.DefaultClient)
	if err != nil {
		return result{}, err
	}
	all := slices.Concat(latencies...)
	if len(all) == 0 {
		return result{}, errors.New("nothing was answered")
	}
	slices.Sort(all)
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return result{
		callbacks: len(all), rate: float64(len(all)) / took.Seconds(),
		p50: milliseconds(all[len(all)/2]), p99: milliseconds(all[len(all)*99/100]),
		cpu:   float64((after - before).Microseconds()) / float64(len(all)),
		batch: float64(len(all)) / (more[committed] - commits[committed]),
	}, nil
}

func appID(i int) string { return fmt.Sprint(1400000001 + i) }

func send(conn *exporter.Conn, app string, end time.Time) (latencies []time.Duration, err error) {
	for time.Now().Before(end) {
		n := number.Add(1)
		e := exporter.Event{App: app, Command: exporter.Threshold, Time: epoch + n, Current: n % 1e9, Max: 1e9, Name: "operator"}
		began := time.Now()
		a, err := conn.PostPatiently(e, token)
		if err != nil {
			return nil, err
		}
		if a.Status != http.StatusOK {
			return nil, fmt.Errorf("answered %d", a.Status)
		}
		latencies = append(latencies, time.Since(began))
	}
	return latencies, nil
}

// bareSync returns the number of times per second that a page can be written and synced.
func bareSync(path string, window time.Duration) (float64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	page := make([]byte, 4096)
	start, n := time.Now(), 0
	for ; time.Since(start) < window; n++ {
		page[0] = byte(n)
		if _, err := f.WriteAt(page, int64(n%8)*4096); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
