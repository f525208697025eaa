// Command day draws the rooms of a simulated day: the true number, and the numbers of the exporter and the
// shipped rules. It reads the samples that TestDay of the exporter writes, stores them minute by minute in
// Prometheus' own storage, evaluates the rules, and prints how far each number was from the true one.
//
//	make day
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/chart"
)

// step is the time from one scrape to the next.
const step = time.Minute

// number is one of the numbers of rooms.
type number struct {
	name, expr, color string
	width             float64
}

// The true number comes first; later lines are drawn above it.
var numbers = []number{
	{"true", `true_rooms`, "#c0c0c0", 6},
	{"current", `tuilivekit_current_rooms`, "#e02f44", 1},
	{"known", `tuilivekit_known_rooms`, "#ff9830", 1.5},
	{"estimated", `tuilivekit_estimated_rooms`, "#8f3bb8", 1.5},
	{"best", `sdk_app_id:tuilivekit_rooms:best`, "#3274d9", 1.5},
}

func main() {
	samples := flag.String("samples", "", "file with the samples of the day")
	recording := flag.String("rules", "../alerts/recording.yaml", "file with the recording rules")
	picture := flag.String("picture", "../docs/numbers.svg", "SVG to write")
	flag.Parse()
	if err := run(os.Stdout, *samples, *recording, *picture); err != nil {
		fmt.Fprintln(os.Stderr, "day:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, samples, recording, picture string) error {
	file, err := os.Open(samples)
	if err != nil {
		return err
	}
	defer file.Close()
	day, err := play(file, recording)
	if err != nil {
		return err
	}
	if err := report(out, day); err != nil {
		return err
	}
	return os.WriteFile(picture, draw(day), 0o644)
}

// sample is a line of the file.
type sample struct {
	t      int64 // Unix milliseconds
	labels labels.Labels
	value  float64
}

// read returns the samples, in the order of their times.
func read(in io.Reader) (samples []sample, err error) {
	names := parser.NewParser(parser.Options{})
	known := map[string]labels.Labels{}
	for lines, n := bufio.NewScanner(in), 1; lines.Scan(); n++ {
		at, rest, _ := strings.Cut(lines.Text(), " ")
		series, text, _ := cutLast(rest)
		t, errTime := strconv.ParseInt(at, 10, 64)
		value, errValue := strconv.ParseFloat(text, 64)
		if _, ok := known[series]; !ok {
			parsed, errName := names.ParseMetric(series)
			if errName != nil {
				return nil, fmt.Errorf("line %d: %w", n, errName)
			}
			b := labels.NewBuilder(parsed)
			b.Set("job", "tuilivekit")
			b.Set("instance", "exporter:19780")
			known[series] = b.Labels()
		}
		if err := errors.Join(errTime, errValue); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		samples = append(samples, sample{t, known[series], value})
	}
	if len(samples) == 0 {
		return nil, errors.New("no samples")
	}
	slices.SortStableFunc(samples, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
	return samples, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ' ')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// played has the values of each number for each minute of the day.
type played struct {
	values  map[string][]chart.Point // X in hours, by the name of the number
	sources map[string]int           // minutes of each source of the best number
	limit   float64
}

// play stores the samples in Prometheus and evaluates the rules.
func play(in io.Reader, recording string) (*played, error) {
	samples, err := read(in)
	if err != nil {
		return nil, err
	}
	storage, err := teststorage.NewWithError()
	if err != nil {
		return nil, err
	}
	defer storage.Close()
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: 100 * time.Second, LookbackDelta: 5 * time.Minute,
		EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{}),
	})
	defer engine.Close()
	ctx := context.Background()
	query := rules.EngineQueryFunc(engine, storage)
	manager := rules.NewManager(&rules.ManagerOptions{
		Context: ctx, Logger: promslog.NewNopLogger(), Registerer: prometheus.NewRegistry(),
		AppendableV2: storage, Queryable: storage, QueryFunc: query,
		NotifyFunc:  func(context.Context, string, ...*rules.Alert) {},
		ExternalURL: &url.URL{}, Parser: parser.NewParser(parser.Options{}),
	})
	groups, errs := manager.LoadGroups(step, labels.EmptyLabels(), "", nil, false, recording)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	day := &played{values: map[string][]chart.Point{}, sources: map[string]int{}}
	start := samples[0].t - step.Milliseconds()
	for _, group := range groups { // as if Prometheus had run before: the thresholds exist
		group.Eval(ctx, time.UnixMilli(start))
	}
	for len(samples) > 0 {
		now := samples[0].t
		appender := storage.Appender(ctx)
		for ; len(samples) > 0 && samples[0].t == now; samples = samples[1:] {
			if _, err := appender.Append(0, samples[0].labels, now, samples[0].value); err != nil {
				return nil, fmt.Errorf("append %s: %w", samples[0].labels, err)
			}
		}
		if err := appender.Commit(); err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			groups[name].Eval(ctx, time.UnixMilli(now))
			for _, rule := range groups[name].Rules() {
				if err := rule.LastError(); err != nil {
					return nil, fmt.Errorf("rule %s: %w", rule.Name(), err)
				}
			}
		}
		if err := day.add(ctx, query, now, float64(now-start)/3600_000); err != nil {
			return nil, err
		}
	}
	return day, nil
}

// add queries all numbers at one time.
func (d *played) add(ctx context.Context, query rules.QueryFunc, now int64, hours float64) error {
	for _, n := range numbers {
		vector, err := query(ctx, n.expr, time.UnixMilli(now))
		if err != nil {
			return err
		}
		if len(vector) == 1 {
			d.values[n.name] = append(d.values[n.name], chart.Point{X: hours, Y: vector[0].F})
		}
	}
	vector, err := query(ctx, `sdk_app_id:tuilivekit_rooms:best_source`, time.UnixMilli(now))
	for _, source := range vector {
		d.sources[source.Metric.Get("source")]++
	}
	if err != nil {
		return err
	}
	vector, err = query(ctx, `sdk_app_id:tuilivekit_rooms:limit`, time.UnixMilli(now))
	if len(vector) == 1 {
		d.limit = vector[0].F
	}
	return err
}

// report prints how far the numbers were from the true one, in the minutes that have an event.
func report(out io.Writer, day *played) error {
	truth := map[float64]float64{}
	for _, p := range day.values["true"] {
		truth[p.X] = p.Y
	}
	if len(day.values["current"]) == 0 {
		return errors.New("no threshold event in the samples")
	}
	from := day.values["current"][0].X
	fmt.Fprintf(out, "| Number | Rooms off, on average | At most |\n|---|--:|--:|\n")
	for _, n := range numbers[1:] {
		sum, most, count := 0.0, 0.0, 0.0
		for _, p := range day.values[n.name] {
			if p.X >= from {
				off := math.Abs(p.Y - truth[p.X])
				sum, most, count = sum+off, max(most, off), count+1
			}
		}
		fmt.Fprintf(out, "| %s | %.1f | %.0f |\n", n.name, sum/count, most)
	}
	fmt.Fprintf(out, "\nlimit %.0f, first event after %.1f h; minutes of each source of the best number: %v\n", day.limit, from, day.sources)
	return nil
}

// draw returns the picture.
func draw(day *played) []byte {
	x := chart.Axis{Name: "hour of the day", Max: 24}
	for hour := 0; hour <= 24; hour += 3 {
		x.Ticks = append(x.Ticks, chart.Tick{At: float64(hour), Text: strconv.Itoa(hour)})
	}
	y := chart.Axis{Name: "rooms", Max: math.Ceil(day.limit/100) * 100}
	for rooms := 0.0; rooms <= y.Max; rooms += 100 {
		y.Ticks = append(y.Ticks, chart.Tick{At: rooms, Text: fmt.Sprint(rooms)})
	}
	var lines []chart.Line
	for _, n := range numbers {
		lines = append(lines, chart.Line{Name: n.name, Color: n.color, Width: n.width, Gap: 2 * step.Hours(), Points: day.values[n.name]})
	}
	lines = append(lines, chart.Line{Name: "limit", Color: "#555555", Width: 1, Points: []chart.Point{{X: 0, Y: day.limit}, {X: 24, Y: day.limit}}})
	return chart.SVG(x, y, lines)
}
