package queries

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// shown is a value as Grafana shows it.
type shown struct{ name, text, color string }

func (s shown) String() string {
	text := s.text
	if s.name != "" {
		text = s.name + ": " + text
	}
	if s.color != "" && s.color != "text" {
		text += " (" + s.color + ")"
	}
	return text
}

// field has the settings with which a panel shows the values of one query or one column.
type field struct {
	unit, mode, fixed string
	decimals          *int
	mappings          []mapping
	steps             []thresholdStep
}

// fieldOf returns the field that matcher finds: the defaults of the panel with its overrides.
func (p panel) fieldOf(t *testing.T, matcher, of string) field {
	t.Helper()
	d := p.FieldConfig.Defaults
	f := field{unit: d.Unit, mode: d.Color.Mode, fixed: d.Color.FixedColor, decimals: d.Decimals, mappings: d.Mappings, steps: d.Thresholds.Steps}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID != matcher || o.Matcher.Options != of {
			continue
		}
		for _, property := range o.Properties {
			b, _ := json.Marshal(property.Value)
			var err error
			switch property.ID {
			case "unit":
				err = json.Unmarshal(b, &f.unit)
			case "decimals":
				err = json.Unmarshal(b, &f.decimals)
			case "mappings":
				f.mappings = nil
				err = json.Unmarshal(b, &f.mappings)
			case "thresholds":
				var th struct{ Steps []thresholdStep }
				err = json.Unmarshal(b, &th)
				f.steps = th.Steps
			case "color":
				var c struct{ Mode, FixedColor string }
				err = json.Unmarshal(b, &c)
				f.mode, f.fixed = c.Mode, c.FixedColor
			}
			if err != nil {
				t.Fatalf("panel %q: %s: %v", p.Title, property.ID, err)
			}
		}
	}
	return f
}

// show returns a value by mappings, thresholds and unit. NaN means no value.
func (f field) show(t *testing.T, name string, v float64) shown {
	t.Helper()
	s := shown{name: name}
	switch f.mode {
	case "fixed":
		s.color = f.fixed
	case "thresholds":
		for _, step := range f.steps {
			if step.Value == nil || v >= *step.Value {
				s.color = step.Color
			}
		}
	}
	type result struct{ Text, Color string }
	apply := func(r result) {
		if r.Text != "" {
			s.text = r.Text
		}
		if r.Color != "" {
			s.color = r.Color
		}
	}
	for _, m := range slices.Backward(f.mappings) { // the first mapping that matches wins
		switch m.Type {
		case "value":
			var options map[string]result
			must(t, json.Unmarshal(m.Options, &options))
			if r, ok := options[strconv.FormatFloat(v, 'f', -1, 64)]; ok {
				apply(r)
			}
		case "range":
			var options struct {
				From, To float64
				Result   result
			}
			must(t, json.Unmarshal(m.Options, &options))
			if v >= options.From && v <= options.To {
				apply(options.Result)
			}
		case "special":
			var options struct{ Result result }
			must(t, json.Unmarshal(m.Options, &options))
			if math.IsNaN(v) {
				apply(options.Result)
			}
		default:
			t.Fatalf("a mapping of type %q", m.Type)
		}
	}
	if s.text == "" {
		s.text = f.format(v)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// format returns a value in its unit, approximately as Grafana formats it.
func (f field) format(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	decimals := 3
	if f.decimals != nil {
		decimals = *f.decimals
	}
	number := func(v float64) string {
		v = math.Round(v*math.Pow10(decimals)) / math.Pow10(decimals)
		if v == 0 {
			return "0" // not -0
		}
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	switch suffix, ok := strings.CutPrefix(f.unit, "suffix:"); {
	case ok:
		return number(v) + suffix
	case f.unit == "percentunit":
		return number(math.Round(1000*v)/10) + "%"
	case f.unit == "percent":
		return number(v) + "%"
	case f.unit == "s" && math.Abs(v) >= 60:
		return time.Duration(v * float64(time.Second)).Round(time.Minute).String()
	case f.unit == "s":
		return number(v) + " s"
	case f.unit == "dateTimeAsIso":
		return time.UnixMilli(int64(v)).UTC().Format("15:04:05")
	}
	return number(v)
}

// ofProcess are metrics that are not simulated: they are those of the test process.
var ofProcess = regexp.MustCompile(`\b(process|go)_[a-z_]+\{`)

var inBraces = regexp.MustCompile(`\{\{ *(\w+) *\}\}`)

func legend(format string, l labels.Labels) string {
	return strings.TrimSpace(inBraces.ReplaceAllStringFunc(format, func(s string) string { return l.Get(inBraces.FindStringSubmatch(s)[1]) }))
}

// see returns the values that a panel shows for the half hour before end.
func (s *server) see(t *testing.T, p panel, c choice, end time.Time) []shown {
	t.Helper()
	var all []shown
	if p.Type == "table" {
		all = s.seeTable(t, p, c, end)
	}
	for _, target := range p.Targets {
		expr, f := c.fill(target.Expr), p.fieldOf(t, "byFrameRefID", target.RefID)
		switch p.Type {
		case "stat", "gauge":
			vector, err := s.instant(t, expr, end)
			must(t, err)
			for _, sample := range vector {
				name := ""
				if strings.Contains(target.LegendFormat, "{{") && target.LegendFormat != "{{sdk_app_id}}" {
					name = legend(target.LegendFormat, sample.Metric)
				}
				all = append(all, f.show(t, name, sample.F))
			}
		case "timeseries", "state-timeline":
			matrix, err := s.over(t, expr, end.Add(-30*time.Minute), end, step)
			must(t, err)
			for _, series := range matrix {
				last := series.Floats[len(series.Floats)-1]
				value := f.show(t, legend(target.LegendFormat, series.Metric), last.F)
				if p.Type == "timeseries" {
					value.color = ""
				}
				if ofProcess.MatchString(expr) {
					value.text = "some number" // it is of the test process
				}
				if ended := end.Sub(time.UnixMilli(last.T)); ended > 0 {
					value.text += fmt.Sprintf(" until %s before", ended)
				}
				all = append(all, value)
			}
		}
	}
	if p.Type != "table" {
		slices.SortFunc(all, func(a, b shown) int { return strings.Compare(a.String(), b.String()) })
	}
	if len(all) == 0 && p.Type != "state-timeline" && p.FieldConfig.Defaults.NoValue != "" {
		return []shown{{text: p.FieldConfig.Defaults.NoValue}}
	}
	return all
}

// seeTable joins the rows of the queries by their labels.
func (s *server) seeTable(t *testing.T, p panel, c choice, end time.Time) []shown {
	t.Helper()
	rows, order := map[string]map[string]float64{}, []string{}
	byKey := map[string]labels.Labels{}
	for _, target := range p.Targets {
		vector, err := s.instant(t, c.fill(target.Expr), end)
		must(t, err)
		if len(vector) == 0 && len(rows) > 0 {
			t.Errorf("table %q: query %s has no answer, and another has: older versions of Grafana fail", p.Title, target.RefID)
		}
		for _, sample := range vector {
			key := sample.Metric.String()
			if rows[key] == nil {
				rows[key] = map[string]float64{}
				order, byKey[key] = append(order, key), sample.Metric
			}
			rows[key][target.RefID] = sample.F
		}
	}
	slices.SortFunc(order, func(a, b string) int { // the highest first, as the tables are sorted
		return cmp.Or(cmp.Compare(rows[b]["A"], rows[a]["A"]), strings.Compare(a, b))
	})
	var all []shown
	for _, key := range order {
		var cells []string
		for _, label := range []string{"alert", "name", "instance"} {
			if v := byKey[key].Get(label); v != "" {
				cells = append(cells, v)
			}
		}
		for _, target := range p.Targets {
			v, ok := rows[key][target.RefID]
			if !ok {
				v = math.NaN()
			}
			column := "Value #" + target.RefID
			cell := p.fieldOf(t, "byName", column).show(t, "", v)
			if cell.color == "text" {
				cell.color = ""
			}
			cells = append(cells, cell.String())
		}
		all = append(all, shown{text: strings.Join(cells, ", ")})
	}
	return all
}
