package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// marks are the words before a check by its status, and their colours on a terminal.
var marks = map[Status]struct{ mark, colour string }{
	Pass: {"pass", "32"}, Warn: {"WARN", "33"}, Fail: {"FAIL", "31"}, Skip: {"skip", "90"},
}

// Colours is whether a page has colours.
type Colours uint8

// A page for a terminal has colours, one for a file has none.
const (
	Plain Colours = iota
	Coloured
)

// WriteText writes the checks as text for people.
func WriteText(w io.Writer, checks []Check, colours Colours) error {
	var b strings.Builder
	paint := func(colour, text string) string {
		if colours == Plain {
			return text
		}
		return "\x1b[" + colour + "m" + text + "\x1b[0m"
	}
	group, app := "", ""
	count := map[Status]int{}
	for _, c := range checks {
		if c.Group != group || c.AppID != app {
			heading := c.Group
			if c.AppID != "" {
				heading += ", application " + c.AppID
			}
			if group != "" {
				b.WriteByte('\n')
			}
			b.WriteString(paint("1", heading) + "\n")
			group, app = c.Group, c.AppID
		}
		count[c.Status]++
		m := marks[c.Status]
		fmt.Fprintf(&b, "  %s  %-24s  %s\n", paint(m.colour, m.mark), c.ID, c.Detail)
		if c.Do != "" {
			fmt.Fprintf(&b, "        %-24s  -> %s\n", "", c.Do)
		}
	}
	fmt.Fprintf(&b, "\n%d passed, %d warnings, %d failed, %d skipped\n", count[Pass], count[Warn], count[Fail], count[Skip])
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the checks as JSON for programs.
func WriteJSON(w io.Writer, checks []Check) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Failed bool    `json:"failed"`
		Checks []Check `json:"checks"`
	}{Failed(checks), checks})
}
