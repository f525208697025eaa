package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestSVG(t *testing.T) {
	svg := string(SVG(
		Axis{Name: "hours & minutes", Max: 24, Ticks: []Tick{{0, "0:00"}, {12, "12:00"}}},
		Axis{Min: 1, Max: 100, Log: true, Ticks: []Tick{{10, "<10>"}}},
		[]Line{
			{Name: "a gap", Color: "#000000", Gap: 5, Points: []Point{{0, 1}, {2, 10}, {12, 10}, {15, 100}}},
			{Name: "dots", Color: "#ffffff", Width: 4, Dots: true, Points: []Point{{12, 10}}},
		}))
	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		`d="M70.0 310.0L115.8 175.0M345.0 175.0L413.8 40.0" fill="none" stroke="#000000" stroke-width="2"`,
		`<circle cx="345.0" cy="175.0" r="3" fill="#ffffff"/>`, `stroke-width="4"`,
		">hours &amp; minutes</text>", ">&lt;10&gt;</text>", ">12:00</text>", ">a gap</text>",
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
}
