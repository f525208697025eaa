package main

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
)

const (
	columns              = 110 // of the terminal; longer lines are wrapped
	charWidth, lineSpace = 7.5, 18
	margin, bar          = 16, 30
)

// span is a text of one style within a line.
type span struct{ class, text string }

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// classes has the style of each code that doctor uses; the code 0 ends all.
var classes = map[string]string{"1": "bold", "31": "red", "32": "green", "33": "yellow", "90": "grey"}

const style = `<style>
.back { fill: #ffffff; stroke: #d1d9e0 }
text { fill: #1f2328 }
.prompt, .grey { fill: #59636e }
.bold { font-weight: 600 }
.red { fill: #cf222e; font-weight: 600 }
.green { fill: #1a7f37 }
.yellow { fill: #9a6700; font-weight: 600 }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117; stroke: #3d444d }
text { fill: #f0f6fc }
.prompt, .grey { fill: #9198a1 }
.red { fill: #f85149 }
.green { fill: #3fb950 }
.yellow { fill: #d29922 }
}
</style>
`

// draw returns the picture of a terminal with the output of commands, which may have colours. A line
// that begins with "$ " is a command.
func draw(title, output string) []byte {
	var lines [][]span
	for _, line := range strings.Split(strings.TrimRight(output, "\n"), "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			lines = append(lines, wrap([]span{{"prompt", "$ "}, {"bold", command}})...)
			continue
		}
		lines = append(lines, wrap(spans(line))...)
	}
	width, height := columns*charWidth+2*margin, bar+len(lines)*lineSpace+margin
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" role="img" aria-labelledby="title" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'Noto Sans Mono', monospace" font-size="12.5">`+"\n", width, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n%s", html.EscapeString(title), style)
	fmt.Fprintf(&b, `<rect class="back" x=".5" y=".5" width="%.0f" height="%d" rx="8"/>`+"\n", width-1, height-1)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="16" r="5" fill="%s"/>`+"\n", 18+16*i, color)
	}
	for n, line := range lines {
		x := float64(margin)
		for _, s := range line {
			width := float64(len([]rune(s.text))) * charWidth
			if strings.TrimSpace(s.text) != "" {
				fmt.Fprintf(&b, `<text xml:space="preserve" x="%.1f" y="%d" textLength="%.1f" lengthAdjust="spacingAndGlyphs"`, x, bar+n*lineSpace+14, width)
				if s.class != "" {
					fmt.Fprintf(&b, ` class="%s"`, s.class)
				}
				fmt.Fprintf(&b, ">%s</text>\n", html.EscapeString(s.text))
			}
			x += width
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// wrap breaks a line that is wider than the terminal, as a terminal does.
func wrap(line []span) (lines [][]span) {
	var now []span
	width := 0
	for _, s := range line {
		text := []rune(s.text)
		for width+len(text) > columns {
			now = append(now, span{s.class, string(text[:columns-width])})
			lines, text = append(lines, now), text[columns-width:]
			now, width = nil, 0
		}
		now, width = append(now, span{s.class, string(text)}), width+len(text)
	}
	return append(lines, now)
}

// spans splits a line into texts of one style. Other escape sequences than those of colours are
// left as they are.
func spans(line string) (list []span) {
	class, rest := "", line
	for {
		at := escape.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		if at[0] > 0 {
			list = append(list, span{class, rest[:at[0]]})
		}
		class, rest = classes[rest[at[2]:at[3]]], rest[at[1]:]
	}
	if rest != "" {
		list = append(list, span{class, rest})
	}
	return list
}
