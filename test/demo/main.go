// Command demo runs the exporter, Prometheus and Alertmanager on loopback and plays
// days of two applications in minutes, until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	minutes := flag.Float64("minutes", 6, "length of a day")
	once := flag.Bool("once", false, "play one day, check its alerts, and end")
	flag.Parse()
	if *minutes < 1 || *minutes > 24*60 {
		return errors.New("-minutes: must be within 1 and 1440")
	}
	length := time.Duration(*minutes * float64(time.Minute))
	dir, err := os.MkdirTemp("", "tuilivekit-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	root, err := filepath.Abs(".")
	if err != nil {
		return err
	}
	apps := applications()
	names := map[string]string{}
	for _, a := range apps {
		names[a.id] = a.name
	}
	s, err := stack.Start(ctx, stack.Options{
		Root: root, Dir: dir, Token: "demo", Apps: names, Speed: int(24 * time.Hour / length),
	})
	if err != nil {
		return err
	}
	defer s.Stop()
	printURLs(s, length)
	return play(ctx, s, apps, length, *once)
}

// play plays days and prints which alerts fire and resolve.
func play(ctx context.Context, s *stack.Stack, apps []*application, length time.Duration, once bool) error {
	var hour atomic.Uint64 // bits of a float64
	watch := stack.NewWatch(func(c stack.Change) {
		if c.Where == "Prometheus" && c.State != "pending" {
			fmt.Printf("%s  %-8s  %-27s  %s\n", clock(math.Float64frombits(hour.Load())), c.State, c.Alert, c.Text)
		}
	})
	watching, stopWatching := context.WithCancel(ctx)
	var watched sync.WaitGroup
	watched.Go(func() { watch.Run(watching, s) })
	defer func() { stopWatching(); watched.Wait() }()
	for {
		err := playDay(ctx, s, apps, length, func(h float64) { hour.Store(math.Float64bits(h)) })
		if err != nil || ctx.Err() != nil {
			return err
		}
		if once {
			return check(watch.Changes())
		}
	}
}

// check says which alerts of the day were missing.
func check(changes []stack.Change) error {
	seen := map[string]bool{}
	for _, c := range changes {
		if c.Where == "Prometheus" {
			seen[c.Alert+" of "+c.App+" "+c.State] = true
		}
	}
	var errs []error
	for _, want := range []string{
		"TUILiveKitRoomsNearLimit of " + production + " firing", "TUILiveKitRoomsNearLimit of " + production + " resolved",
		"TUILiveKitRoomsExhausted of " + production + " firing", "TUILiveKitRoomsExhausted of " + production + " resolved",
		"TUILiveKitRoomsNearLimit of " + events + " firing", "TUILiveKitRoomsStale of " + events + " firing",
	} {
		if !seen[want] {
			errs = append(errs, fmt.Errorf("the day had no %s", want))
		}
	}
	return errors.Join(errs...)
}

func printURLs(s *stack.Stack, length time.Duration) {
	fmt.Printf(`
  metrics        %s
  Prometheus     %s   (the address for a datasource of Grafana)
  its alerts     %s/api/v1/alerts
  Alertmanager   %s

  A day passes in %s, and so do the times of the rules. Ctrl-C ends everything.

`, s.Metrics, s.Prometheus, s.Prometheus, s.Alertmanager, length)
}
