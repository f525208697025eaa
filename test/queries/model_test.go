package queries

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dashboard has the parts of a dashboard file that the tests check.
type dashboard struct {
	UID           string
	Title         string
	Description   string
	Editable      *bool
	Timezone      *string
	SchemaVersion int
	ID            *int
	Inputs        any `json:"__inputs"`
	Requires      any `json:"__requires"`
	Tags          []string
	Links         []link
	Panels        []panel
	Templating    struct{ List []variable }
	Annotations   struct{ List []annotation }

	text string
}

type link struct {
	Type, Title, URL string
	KeepTime         bool
}

type panel struct {
	ID                       int
	Collapsed                bool
	row                      int     // ID of the collapsed row of the panel, 0 if there is none
	Panels                   []panel // of a collapsed row
	Type, Title, Description string
	Datasource               *datasource
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []target
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			NoValue    string
			Links      []link
			Decimals   *int
			Min, Max   *float64
			Mappings   []mapping
			Color      struct{ Mode, FixedColor string }
			Thresholds struct{ Steps []thresholdStep }
		}
		Overrides []struct {
			Matcher struct {
				ID      string
				Options any
			}
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
}

type mapping struct {
	Type    string
	Options json.RawMessage
}

type thresholdStep struct {
	Color string
	Value *float64
}

type datasource struct{ Type, UID string }

type target struct {
	RefID, Expr, LegendFormat, Format string
	Instant, Range                    bool
	Datasource                        *datasource
}

type variable struct {
	Name, Label, Type, Regex, AllValue string
	Multi, IncludeAll                  bool
	Refresh                            int
	Query                              any
	Datasource                         *datasource
}

type annotation struct {
	Name, Expr, TitleFormat, TextFormat string
	UseValueForTime                     bool
	Enable                              bool
	Filter                              *struct{ IDs []int }
	Datasource                          *datasource
}

func load(t *testing.T) []dashboard {
	t.Helper()
	files, err := filepath.Glob("../../dashboards/*.json")
	if err != nil || len(files) != 3 {
		t.Fatalf("dashboards: %v, %v, want three", files, err)
	}
	var all []dashboard
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := dashboard{text: string(b)}
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var flat []panel
		for _, p := range d.Panels {
			inside := p.Panels
			for i := range inside {
				inside[i].row = p.ID
			}
			p.Panels = nil
			flat = append(append(flat, p), inside...)
		}
		d.Panels = flat
		all = append(all, d)
	}
	return all
}

// query is a query that Grafana sends to Prometheus.
type query struct {
	where   string // panel, variable or annotation
	panel   string // title of the panel, if it is the query of a panel
	expr    string // with Grafana's variables in it
	instant bool
}

// queries returns all queries of a dashboard.
func (d dashboard) queries(t *testing.T) []query {
	t.Helper()
	var all []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, query{fmt.Sprintf("panel %q %s", p.Title, target.RefID), p.Title, target.Expr, target.Instant})
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			all = append(all, query{"variable " + v.Name, "", v.promQL(t), true})
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, query{"annotation " + a.Name, "", a.Expr, false})
	}
	return all
}

// promQL returns the PromQL of a variable, whose query is one of two functions of Grafana.
func (v variable) promQL(t *testing.T) string {
	t.Helper()
	q, _ := v.Query.(map[string]any)
	text, _ := q["query"].(string)
	if inner, ok := strings.CutPrefix(text, "query_result("); ok {
		return strings.TrimSuffix(inner, ")")
	}
	inner, ok := strings.CutPrefix(text, "label_values(")
	comma := strings.LastIndex(inner, ", ")
	if !ok || comma < 0 {
		t.Fatalf("variable %s: cannot read the query %q", v.Name, text)
	}
	return "count by (" + strings.TrimSuffix(inner[comma+2:], ")") + ") (" + inner[:comma] + ")"
}

// The time range of the queries.
const (
	window = time.Hour
	step   = time.Minute
)

// choice has the values of the variables of a dashboard.
type choice struct{ job, instance, app string }

var everything = choice{".+", ".+", ".+"}

// fill replaces the variables in expr, as Grafana does.
func (c choice) fill(expr string) string {
	return strings.NewReplacer(
		"$job", c.job, "$instance", c.instance, "$sdk_app_id", c.app,
		"$__rate_interval", "4m", "$__range", "1h", "$__interval", "1m",
	).Replace(expr)
}
