package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The picture: both axes are logarithmic, so that what grows in proportion is a straight
// line.
const (
	width, height       = 640, 360
	left, right         = 70, 20
	top, bottom         = 40, 50
	plotWidth           = width - left - right
	plotHeight          = height - top - bottom
	exporterColor       = "#3274d9"
	referenceColor      = "#8e8e8e"
	textColor, gridLine = "#555555", "#d8d8d8"
)

type point struct{ x, y float64 }

// draw returns an SVG of the figures by the part of the name that begins with by and "=".
func draw(list []*pair, by string) ([]byte, error) {
	var exporter, reference []point
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
			exporter = append(exporter, point{x, slices.Min(p.exporter)})
			if len(p.reference) > 0 {
				reference = append(reference, point{x, slices.Min(p.reference)})
			}
		}
	}
	if len(exporter) < 2 {
		return nil, fmt.Errorf("fewer than two benchmarks with %s=", by)
	}
	all := slices.Concat(exporter, reference)
	min, max := all[0], all[0]
	for _, p := range all {
		min = point{math.Min(min.x, p.x), math.Min(min.y, p.y)}
		max = point{math.Max(max.x, p.x), math.Max(max.y, p.y)}
	}
	min.y, max.y = math.Pow(10, math.Floor(math.Log10(min.y))), math.Pow(10, math.Ceil(math.Log10(max.y)))
	x := func(v float64) float64 { return left + plotWidth*math.Log(v/min.x)/math.Log(max.x/min.x) }
	y := func(v float64) float64 {
		return top + plotHeight - plotHeight*math.Log(v/min.y)/math.Log(max.y/min.y)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="%s">`+"\n", width, height, textColor)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	for v := min.y; v <= max.y*1.01; v *= 10 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, y(v), width-right, gridLine, left-8, y(v)+4, duration(v))
	}
	slices.SortFunc(exporter, func(a, b point) int { return int(a.x - b.x) })
	slices.SortFunc(reference, func(a, b point) int { return int(a.x - b.x) })
	for _, p := range exporter {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(p.x), height-bottom+20, number(p.x))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+plotWidth/2, height-8, html.EscapeString(by))
	for i, line := range []struct {
		name, color string
		points      []point
	}{{"reference", referenceColor, reference}, {"exporter", exporterColor, exporter}} {
		var path []string
		for _, p := range line.points {
			path = append(path, fmt.Sprintf("%.1f %.1f", x(p.x), y(p.y)))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(p.x), y(p.y), line.color)
		}
		fmt.Fprintf(&b, `<path d="M%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, "L"), line.color)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+i*90, top-18, line.color, line.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
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
