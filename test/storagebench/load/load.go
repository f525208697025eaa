//go:build linux

// Package load sends events to a store from many senders, waits until each event is durable, and prints
// the rate, the latency, the processor time and the memory. Each store is a program of its own, so that
// its size and its memory can be measured.
package load

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// apps is the number of applications that the events are of.
const apps = 100

// Recorder counts an event and returns when it is durable. Record may be called from
// several goroutines.
type Recorder interface {
	Record(e state.Event) error
	// Close blocks until all files are closed.
	Close() error
}

// Exporter has the parts of the exporter that a store may use. All programs link them, so that their
// sizes differ only by the stores.
type Exporter struct {
	State      *state.Store
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer
}

// Open opens a store in a folder.
type Open func(dir string, e Exporter) (Recorder, error)

// Figures are the results of one run, which a program prints as JSON.
type Figures struct {
	Rate     float64 // events a second
	P99      float64 // milliseconds
	CPU      float64 // microseconds an event, user and system
	Resident float64 // MiB, the most
}

// Main opens a store in a folder of its own, sends events to it, and prints the Figures.
func Main(open Open) {
	senders := flag.Int("senders", 64, "number of senders, each of which waits for its event")
	window := flag.Duration("window", 2*time.Second, "how long they send")
	dir := flag.String("dir", "", "folder on the file system to measure")
	flag.Parse()
	if err := run(open, *dir, *senders, *window); err != nil {
		fmt.Fprintln(os.Stderr, os.Args[0]+":", err)
		os.Exit(1)
	}
}

func run(open Open, dir string, senders int, window time.Duration) error {
	dir, err := os.MkdirTemp(dir, "store")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := logrus.New()
	log.SetOutput(os.Stderr)
	log.SetLevel(logrus.WarnLevel)
	r, err := open(dir, Exporter{state.New(state.Options{FutureTolerance: time.Minute}), log, prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	f, err := measure(r, senders, window)
	if e := r.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

func measure(r Recorder, senders int, window time.Duration) (Figures, error) {
	var number atomic.Int64
	epoch := time.Now().Add(-time.Hour).UnixMilli()
	latencies, failures := make([][]time.Duration, senders), make([]error, senders)
	before := cpu()
	start := time.Now()
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			app := strconv.Itoa(1400000000 + i%apps)
			for time.Since(start) < window && failures[i] == nil {
				began := time.Now()
				failures[i] = r.Record(event(app, epoch, number.Add(1)))
				latencies[i] = append(latencies[i], time.Since(began))
			}
		})
	}
	group.Wait()
	took := time.Since(start)
	used := cpu() - before
	for _, err := range failures {
		if err != nil {
			return Figures{}, err
		}
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	most, err := resident()
	if err != nil {
		return Figures{}, err
	}
	return Figures{
		Rate: float64(len(all)) / took.Seconds(), P99: all[len(all)*99/100].Seconds() * 1e3,
		CPU: float64(used.Microseconds()) / float64(len(all)), Resident: most,
	}, nil
}

// event returns the n-th event. No two are the same, and each is newer than the one before.
func event(app string, epoch, n int64) state.Event {
	return state.Event{
		AppID: app, Kind: state.Threshold, Time: epoch + n, Received: epoch + n, Current: n % 1e6, Max: 1e6,
		Subject: strconv.AppendInt([]byte(`"operator`), n, 10), Operator: []byte(`"operator"`),
	}
}

// cpu returns the processor time of this process.
func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// resident returns the most memory that this process has had, in MiB. (The figure of
// getrusage begins with that of the parent process.)
func resident() (mib float64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &mib); err == nil {
			return mib / 1024, nil
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
