package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

//go:embed templates
var templateFiles embed.FS

//go:embed status.css
var statusCSS string

// documents is where the links of the page to documents lead.
const documents = "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/docs/"

// newTemplate returns the page in a language. Nothing in it is marked as safe but our own style
// sheet.
func newTemplate(l language) *template.Template {
	return template.Must(template.New("status.html").Funcs(template.FuncMap{
		"t": l.t, "plural": l.plural, "ago": l.ago, "inWords": l.inWords, "skew": l.skewWords, "command": l.commandWords,
		"relayMode": l.relayMode, "circuit": l.circuitWords, "recountMode": l.recountMode, "verdict": l.verdictWords,
		"stamp": stamp, "percent": percent, "grouped": groupedOf, "size": size, "skewLevel": skewLevel, "class": class, "marks": marks,
		"relative":  func(path string) string { return strings.TrimPrefix(path, "/") }, // a proxy may have put us elsewhere
		"iso":       func(t time.Time) string { return t.Format(time.RFC3339Nano) },
		"width":     func(ratio float64) float64 { return min(ratio, 1) * 100 },
		"level":     func(ratio float64) string { return l.t(usage.Of(ratio).Words) },
		"css":       func() template.CSS { return template.CSS(statusCSS) },
		"count":     func(n uint64) string { return grouped(int64(n)) },
		"value":     func(seconds float64) float64 { return seconds }, // of a pointer
		"doc":       l.document,
		"languages": func() any { return languages },
		"head":      head,
		"number":    func(text string) column { return column{text, true} },
		"moment":    func(t time.Time, age float64) moment { return moment{t, age} },
	}).ParseFS(templateFiles, "templates/*.html"))
}

// column is the head of a column of a table.
type column struct {
	Text   string
	Number bool // the cells are numbers
}

// head returns the head of a table. A cell is a column, or the text of a column without numbers.
func head(cells ...any) ([]column, error) {
	columns := make([]column, len(cells))
	for i, cell := range cells {
		switch cell := cell.(type) {
		case column:
			columns[i] = cell
		case string:
			columns[i] = column{Text: cell}
		default:
			return nil, fmt.Errorf("%T is no head of a column", cell)
		}
	}
	return columns, nil
}

// moment is a time that the page shows as an age.
type moment struct {
	Time time.Time
	Age  float64 // seconds
}

// marks are where the levels of usage begin inside the bar, in percent.
func marks() []float64 {
	var all []float64
	for _, l := range usage.Levels() {
		if l.From > 0 && l.From < 1 {
			all = append(all, 100*l.From)
		}
	}
	return all
}

// groupedOf is grouped for the integers of a template.
func groupedOf(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return grouped(int64(n)), nil
	case int64:
		return grouped(n), nil
	case *int64:
		return grouped(*n), nil
	}
	return "", fmt.Errorf("%T is no integer", n)
}

// contentSecurityPolicy allows the page its own style sheet, its icon and its filter, and
// nothing else: no script, no frame, nothing of another origin.
func contentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(statusCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
