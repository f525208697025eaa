// Package chart draws the pictures of the documents: lines over two axes, as an SVG that is the
// same for the same figures.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strings"
)

const (
	width, height       = 640, 360
	left, right         = 70, 20
	top, bottom         = 40, 50
	plotWidth           = width - left - right
	plotHeight          = height - top - bottom
	textColor, gridLine = "#555555", "#d8d8d8"
)

// Axis is one of the two axes.
type Axis struct {
	Name     string
	Min, Max float64 // above 0 if Log
	// Log makes the axis logarithmic.
	Log   bool
	Ticks []Tick
}

// Tick is a place on an axis with a text.
type Tick struct {
	At   float64
	Text string
}

// part returns the place of v between Min and Max, from 0 to 1.
func (a Axis) part(v float64) float64 {
	if a.Log {
		return math.Log(v/a.Min) / math.Log(a.Max/a.Min)
	}
	return (v - a.Min) / (a.Max - a.Min)
}

// Point is a place in the plane of both axes.
type Point struct{ X, Y float64 }

// Line is a line of a picture. Its points are in the order of X.
type Line struct {
	Name, Color string
	Width       float64 // pixels, 2 if it is 0
	Dots        bool    // at each point
	// Gap is the distance on the axis of X from which on two points are not connected; 0 connects
	// all.
	Gap    float64
	Points []Point
}

// SVG returns the picture. Later lines lie above earlier ones.
func SVG(x, y Axis, lines []Line) []byte {
	px := func(v float64) float64 { return left + plotWidth*x.part(v) }
	py := func(v float64) float64 { return top + plotHeight - plotHeight*y.part(v) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="%s">`+"\n", width, height, textColor)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	for _, tick := range y.Ticks {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="%s"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, py(tick.At), width-right, gridLine, left-8, py(tick.At)+4, html.EscapeString(tick.Text))
	}
	for _, tick := range x.Ticks {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", px(tick.At), height-bottom+20, html.EscapeString(tick.Text))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", left+plotWidth/2, height-8, html.EscapeString(x.Name))
	if y.Name != "" {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", left-8, top-18, html.EscapeString(y.Name))
	}
	for i, line := range lines {
		var path strings.Builder
		for n, p := range line.Points {
			step := "L"
			if n == 0 || line.Gap > 0 && p.X-line.Points[n-1].X >= line.Gap {
				step = "M"
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", step, px(p.X), py(p.Y))
			if line.Dots {
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", px(p.X), py(p.Y), line.Color)
			}
		}
		strokeWidth := line.Width
		if strokeWidth == 0 {
			strokeWidth = 2
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="%g" stroke-linejoin="round"/>`+"\n", path.String(), line.Color, strokeWidth)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+i*90, top-18, line.Color, html.EscapeString(line.Name))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
