package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/chart"
)

const exporterColor, referenceColor = "#3274d9", "#8e8e8e"

// draw returns an SVG, with logarithmic axes, of the figures by the part of the name that begins
// with by and "=".
func draw(list []*pair, by string) ([]byte, error) {
	var exporter, reference []chart.Point
	for _, p := range list {
		for part := range strings.SplitSeq(p.name, "/") {
			value, ok := strings.CutPrefix(part, by+"=")
			if !ok {
				continue
			}
			x, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			exporter = append(exporter, chart.Point{X: x, Y: slices.Min(p.exporter)})
			if len(p.reference) > 0 {
				reference = append(reference, chart.Point{X: x, Y: slices.Min(p.reference)})
			}
		}
	}
	if len(exporter) < 2 {
		return nil, fmt.Errorf("fewer than two benchmarks with %s=", by)
	}
	byX := func(a, b chart.Point) int { return cmp.Compare(a.X, b.X) }
	slices.SortFunc(exporter, byX)
	slices.SortFunc(reference, byX)
	all := slices.Concat(exporter, reference)
	x, y := chart.Axis{Name: by, Log: true, Min: exporter[0].X, Max: exporter[len(exporter)-1].X}, chart.Axis{Log: true}
	for _, p := range exporter {
		x.Ticks = append(x.Ticks, chart.Tick{At: p.X, Text: number(p.X)})
	}
	byY := func(a, b chart.Point) int { return cmp.Compare(a.Y, b.Y) }
	y.Min = math.Pow(10, math.Floor(math.Log10(slices.MinFunc(all, byY).Y)))
	y.Max = math.Pow(10, math.Ceil(math.Log10(slices.MaxFunc(all, byY).Y)))
	for v := y.Min; v <= y.Max*1.01; v *= 10 {
		y.Ticks = append(y.Ticks, chart.Tick{At: v, Text: duration(v)})
	}
	return chart.SVG(x, y, []chart.Line{
		{Name: "reference", Color: referenceColor, Dots: true, Points: reference},
		{Name: "exporter", Color: exporterColor, Dots: true, Points: exporter},
	}), nil
}

// number returns the text of a number of things or bytes.
func number(v float64) string {
	switch {
	case v >= 1024 && math.Mod(v, 1024) == 0:
		return fmt.Sprintf("%gKi", v/1024)
	case v >= 1000 && math.Mod(v, 1000) == 0:
		return fmt.Sprintf("%gk", v/1000)
	}
	return fmt.Sprintf("%g", v)
}
