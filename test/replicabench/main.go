//go:build linux

// Command replicabench measures what the exchange through Redis costs in steady state: the
// processor time of each replica and of Redis, and the bytes that a replica exchanges, by the
// number of replicas. Rooms are opened and closed meanwhile, as many as are open divided by
// how long one is open. The processor time has these callbacks in it. Nobody scrapes.
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
	replicas = flag.String("replicas", "1,2,3,10", "numbers of replicas")
	lifetime = flag.Duration("lifetime", time.Hour, "how long a room is open")
	settle   = flag.Duration("settle", 20*time.Second, "how long rooms are opened and closed until it measures; from 4m on, all that is repeated is")
	window   = flag.Duration("window", 45*time.Second, "how long one measurement takes; from 5m on, all rooms are read meanwhile")
	picture  = flag.String("picture", "", "SVG to write, of the processor time by the number of replicas")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "replicabench:", err)
		os.Exit(1)
	}
}

// figures are of one number of replicas.
type figures struct {
	replicas       int
	most, mean     float64 // processor time of a replica, % of a core
	redis          float64 // that of Redis
	out, in        float64 // MB/s that a replica sends and receives
	resident       float64 // MiB of the replica that has most
	redisResidence float64 // MiB of data in Redis
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
			return fmt.Errorf("-replicas: %q is no number from 1 on", text)
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
			n, f.mean, f.most, f.redis, f.out, f.in, f.resident, f.redisResidence)
		all = append(all, f)
	}
	if *picture == "" {
		return nil
	}
	return os.WriteFile(*picture, draw(all), 0o644)
}

// draw returns the picture of the processor time.
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
