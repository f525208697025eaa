//go:build linux

// Command replicabench measures the exchange of replicas through Redis in steady state, by the number
// of replicas: the processor time of each replica and of Redis, and the bytes that a replica
// exchanges. Meanwhile rooms are opened and closed, at the rate that keeps their number and their
// lifetime constant. The processor time of a replica includes these callbacks, but no scrape.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/chart"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

var (
	apps     = flag.Int("apps", 10_000, "number of applications")
	rooms    = flag.Int("rooms", 100_000, "number of rooms of all applications")
	replicas = flag.String("replicas", "1,2,3,4,5,6,7,8,9,10", "numbers of replicas")
	lifetime = flag.Duration("lifetime", time.Hour, "time that a room is open")
	settle   = flag.Duration("settle", 20*time.Second, "time before a measurement in which rooms are opened and closed; all periodic offers are measured from 4m on")
	window   = flag.Duration("window", 45*time.Second, "duration of a measurement; from 5m on, it includes the exchange of all rooms")
	picture  = flag.String("picture", "", "SVG file for a picture of the processor time by the number of replicas")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "replicabench:", err)
		os.Exit(1)
	}
}

// figures are the results for one number of replicas.
type figures struct {
	replicas   int
	most, mean float64 // processor time of a replica, % of a core
	redis      float64 // processor time of Redis, % of a core
	out, in    float64 // MB/s that a replica sends and receives
	resident   float64 // resident memory of the largest replica, MiB
	redisData  float64 // data in Redis, MiB
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "replicabench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary, err := exporter.Build(dir)
	if err != nil {
		return err
	}
	var all []figures
	for _, text := range strings.Split(*replicas, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-replicas: %q is not a number of at least 1", text)
		}
		f, version, err := measure(ctx, binary, filepath.Join(dir, text), n)
		if err != nil {
			return fmt.Errorf("%d replicas: %w", n, err)
		}
		if len(all) == 0 {
			fmt.Printf("%d applications, %d rooms, Redis %s, windows of %s\n\n", *apps, *rooms, version, *window)
			fmt.Println("| replicas | CPU of a replica, mean | most | CPU of Redis | a replica sends | receives | resident, most | data in Redis |")
			fmt.Println("|--:|--:|--:|--:|--:|--:|--:|--:|")
		}
		fmt.Printf("| %d | %.1f %% | %.1f %% | %.1f %% | %.2f MB/s | %.2f MB/s | %.0f MiB | %.0f MiB |\n",
			n, f.mean, f.most, f.redis, f.out, f.in, f.resident, f.redisData)
		all = append(all, f)
	}
	if *picture == "" {
		return nil
	}
	return os.WriteFile(*picture, draw(all), 0o644)
}

// draw returns the picture of the processor time by the number of replicas.
func draw(all []figures) []byte {
	one := chart.Line{Name: "one replica", Color: "#3274d9", Dots: true}
	redis := chart.Line{Name: "Redis", Color: "#8e8e8e", Dots: true}
	x, y := chart.Axis{Name: "replicas", Max: float64(all[len(all)-1].replicas)}, chart.Axis{Name: "% of a core", Max: 5}
	for _, f := range all {
		at := float64(f.replicas)
		one.Points = append(one.Points, chart.Point{X: at, Y: f.mean})
		redis.Points = append(redis.Points, chart.Point{X: at, Y: f.redis})
		x.Ticks = append(x.Ticks, chart.Tick{At: at, Text: strconv.Itoa(f.replicas)})
		for max(f.mean, f.redis) > y.Max {
			y.Max += 5
		}
	}
	for v := 0.0; v <= y.Max; v += y.Max / 5 {
		y.Ticks = append(y.Ticks, chart.Tick{At: v, Text: fmt.Sprintf("%g", v)})
	}
	return chart.SVG(x, y, []chart.Line{redis, one})
}
