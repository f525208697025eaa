package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

//go:embed templates
var templateFiles embed.FS

//go:embed status.css
var statusCSS string

// documents is the address of the folder of the documents.
const documents = "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/docs/"

// templates has the template of the page in each language that was shown since the last garbage
// collection. A template has 5,000 objects. They would be most of a small process, and each
// collection would read them. Parsing takes a few milliseconds. The zero value is ready to use.
type templates struct {
	mu     sync.Mutex
	parsed map[language]weak.Pointer[template.Template]
}

func (t *templates) of(l language) *template.Template {
	t.mu.Lock()
	defer t.mu.Unlock()
	if parsed := t.parsed[l].Value(); parsed != nil {
		return parsed
	}
	if t.parsed == nil {
		t.parsed = map[language]weak.Pointer[template.Template]{}
	}
	parsed := newTemplate(l)
	t.parsed[l] = weak.Make(parsed)
	return parsed
}

// newTemplate returns the template of the page in a language. html/template escapes all values.
// Only the style sheet is marked as safe.
func newTemplate(l language) *template.Template {
	return template.Must(template.New("status.html").Funcs(template.FuncMap{
		"t": l.t, "plural": l.plural, "ago": l.ago, "inWords": l.inWords, "skew": l.skewWords, "command": l.commandWords,
		"relayMode": l.relayMode, "circuit": l.circuitWords, "recountMode": l.recountMode, "verdict": l.verdictWords,
		"stamp": stamp, "percent": percent, "grouped": groupedOf, "size": size, "skewLevel": skewLevel, "class": class, "marks": marks,
		"relative":  func(path string) string { return strings.TrimPrefix(path, "/") }, // a proxy may serve the page below another path
		"iso":       func(t time.Time) string { return t.Format(time.RFC3339Nano) },
		"width":     func(ratio float64) float64 { return min(ratio, 1) * 100 },
		"level":     func(ratio float64) string { return l.t(usage.Of(ratio).Words) },
		"css":       func() template.CSS { return template.CSS(statusCSS) },
		"count":     func(n uint64) string { return grouped(int64(n)) },
		"value":     func(seconds float64) float64 { return seconds }, // dereferences a pointer
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
			return nil, fmt.Errorf("%T is neither a column nor a string", cell)
		}
	}
	return columns, nil
}

// moment is a time that the page shows as an age.
type moment struct {
	Time time.Time
	Age  float64 // seconds
}

// marks returns the lower bounds of the levels of usage that are inside the bar, in percent.
func marks() []float64 {
	var all []float64
	for _, l := range usage.Levels() {
		if l.From > 0 && l.From < 1 {
			all = append(all, 100*l.From)
		}
	}
	return all
}

// groupedOf is grouped for all types of integers in the templates.
func groupedOf(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return grouped(int64(n)), nil
	case int64:
		return grouped(n), nil
	case *int64:
		return grouped(*n), nil
	}
	return "", fmt.Errorf("%T is not an integer", n)
}

// contentSecurityPolicy allows the style sheet, the icon and the filter form of the page. It
// forbids everything else: scripts, frames and other origins.
func contentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(statusCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
