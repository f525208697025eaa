package queries

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

func TestDashboardsAreProvisionable(t *testing.T) {
	seen := map[string]bool{}
	eachDashboard(t, func(t *testing.T, d dashboard) {
		if d.UID == "" || seen[d.UID] {
			t.Errorf("uid %q is missing or used twice", d.UID)
		}
		seen[d.UID] = true
		if d.Title == "" || d.Description == "" || !slices.Contains(d.Tags, "tuilivekit") {
			t.Errorf("title %q, description %q, tags %v: want all, and the tag tuilivekit", d.Title, d.Description, d.Tags)
		}
		if d.Inputs != nil || d.Requires != nil || d.ID != nil {
			t.Error("__inputs, __requires and id are for export and import")
		}
		if d.Editable == nil || *d.Editable {
			t.Error("editable is not false")
		}
		if d.Timezone == nil || *d.Timezone != "" {
			t.Error("the timezone is not the default")
		}
		if d.SchemaVersion < 30 || d.SchemaVersion > 39 {
			t.Errorf("schemaVersion is %d, Grafana 9.3 takes at most 39", d.SchemaVersion)
		}
	})
}

func TestDatasourceIsTheVariable(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		var all any
		if err := json.Unmarshal([]byte(d.text), &all); err != nil {
			t.Fatal(err)
		}
		n := 0
		walk(all, func(key string, value any) {
			if key != "datasource" {
				return
			}
			n++
			if m, ok := value.(map[string]any); !ok || m["uid"] != "${datasource}" || m["type"] != "prometheus" {
				t.Errorf("a datasource is %v", value)
			}
		})
		want := 0
		for _, p := range d.Panels {
			if p.Type == "row" {
				continue
			}
			want += 1 + len(p.Targets)
			if p.Datasource == nil {
				t.Errorf("panel %q has no datasource", p.Title)
			}
			for _, target := range p.Targets {
				if target.Datasource == nil {
					t.Errorf("panel %q %s has no datasource", p.Title, target.RefID)
				}
			}
		}
		if want += len(d.Annotations.List) + len(d.Templating.List) - 1; n != want {
			t.Errorf("%d datasources, want %d: one of each panel, query, annotation and variable", n, want)
		}
	})
}

func TestVariables(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
			if v.Label == "" {
				t.Errorf("%s has no label", v.Name)
			}
			switch v.Name {
			case "datasource":
				if v.Type != "datasource" || v.Query != "prometheus" {
					t.Errorf("datasource: %+v", v)
				}
				continue
			case "sdk_app_id":
				if one := d.UID == "tuilivekit-application"; one == v.Multi || one == v.IncludeAll {
					t.Errorf("sdk_app_id takes several: %v", v.Multi)
				}
				// Grafana applies this regex to the result of query_result. It shows the name and
				// uses the ID as the value.
				result := `{name="my, app", sdk_app_id="1400000001"} 1 1700000000000`
				regex := strings.NewReplacer("?<", "?P<").Replace(strings.TrimSuffix(strings.TrimPrefix(v.Regex, "/"), "/g"))
				found := map[string]string{}
				re := regexp.MustCompile(regex)
				for _, match := range re.FindAllStringSubmatch(result, -1) {
					for i, name := range re.SubexpNames() {
						if name != "" && match[i] != "" {
							found[name] = match[i]
						}
					}
				}
				if found["text"] != "my, app" || found["value"] != "1400000001" {
					t.Errorf("sdk_app_id: regex %s finds %v", v.Regex, found)
				}
			default:
				if !v.Multi || !v.IncludeAll {
					t.Errorf("%s does not take several", v.Name)
				}
			}
			if v.Type != "query" || v.Refresh != 2 || v.IncludeAll && v.AllValue != ".+" {
				t.Errorf("%s: type %s, refresh %d, all %q: want a query on each change of the time range, all as .+", v.Name, v.Type, v.Refresh, v.AllValue)
			}
		}
		if want := []string{"datasource", "job", "instance", "sdk_app_id"}; !slices.Equal(names, want) {
			t.Errorf("got %v, want %v", names, want)
		}
	})
}

// Units of Grafana that the dashboards use. Grafana shows an unknown unit as text.
var units = []string{"suffix:/min", "suffix: rooms/h", "suffix: /h", "s", "none", "short", "percent", "percentunit", "reqps", "ops", "bytes", "string", "dateTimeAsIso"}

func TestPanels(t *testing.T) {
	kinds := []string{"row", "stat", "gauge", "table", "timeseries", "state-timeline"}
	eachDashboard(t, func(t *testing.T, d dashboard) {
		ids := map[int]bool{}
		var placed []panel
		for _, p := range d.Panels {
			if p.ID == 0 || ids[p.ID] {
				t.Errorf("panel %q: id %d is missing or used twice", p.Title, p.ID)
			}
			ids[p.ID] = true
			if p.Title == "" || !slices.Contains(kinds, p.Type) {
				t.Errorf("panel %q of kind %s", p.Title, p.Type)
			}
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
				t.Errorf("panel %q is outside: %+v", p.Title, g)
			}
			for _, q := range placed {
				if o := q.GridPos; p.row == q.row && g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
					t.Errorf("panels %q and %q overlap", p.Title, q.Title)
				}
			}
			placed = append(placed, p)
			if p.Type == "row" {
				continue
			}
			if len(p.Description) < 15 || len(p.Targets) == 0 {
				t.Errorf("panel %q: description %q, %d queries", p.Title, p.Description, len(p.Targets))
			}
			found := []string{p.FieldConfig.Defaults.Unit}
			refs := map[string]bool{}
			for _, target := range p.Targets {
				if target.RefID == "" || refs[target.RefID] || target.Instant == target.Range || target.Instant == slices.Contains([]string{"timeseries", "state-timeline"}, p.Type) {
					t.Errorf("panel %q: query %q is used twice, or its kind does not fit the panel", p.Title, target.RefID)
				}
				refs[target.RefID] = true
			}
			for _, o := range p.FieldConfig.Overrides {
				if id, _ := o.Matcher.Options.(string); o.Matcher.ID == "byFrameRefID" && !refs[id] {
					t.Errorf("panel %q has an override of %s, which is not a query", p.Title, id)
				}
				for _, property := range o.Properties {
					if property.ID == "unit" {
						found = append(found, property.Value.(string))
					}
				}
			}
			for _, unit := range found {
				if !slices.Contains(units, unit) {
					t.Errorf("panel %q: unit %q", p.Title, unit)
				}
			}
		}
	})
}

func walk(v any, visit func(key string, value any)) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			visit(key, value)
			walk(value, visit)
		}
	case []any:
		for _, value := range v {
			walk(value, visit)
		}
	}
}

// TestLegendsAndColumns checks that the labels in legends, texts and columns are in the results.
func TestLegendsAndColumns(t *testing.T) {
	w := shared(t)
	s := newServerWithRules(t, w.native)
	inBraces := regexp.MustCompile(`\{\{ *(\w+) *\}\}`)
	eachDashboard(t, func(t *testing.T, d dashboard) {
		need := func(where, text, expr string) {
			matrix, err := s.over(t, everything.fill(expr), w.end().Add(-window), w.end(), step)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range inBraces.FindAllStringSubmatch(text, -1) {
				if !slices.ContainsFunc(labelSets(matrix), func(l labels.Labels) bool { return l.Has(match[1]) }) {
					t.Errorf("%s shows %s, which no series has", where, match[0])
				}
			}
		}
		for _, a := range d.Annotations.List {
			need("annotation "+a.Name, a.TitleFormat+a.TextFormat, a.Expr)
		}
		for _, p := range d.Panels {
			fields := map[string]bool{"Time": true}
			for _, target := range p.Targets {
				need("panel "+p.Title, target.LegendFormat, target.Expr)
				fields["Value #"+target.RefID] = true
				vector, err := s.instant(t, everything.fill(target.Expr), w.end())
				if err != nil {
					t.Fatal(err)
				}
				for _, sample := range vector {
					sample.Metric.Range(func(l labels.Label) { fields[l.Name] = true })
				}
				matrix, err := s.over(t, everything.fill(target.Expr), w.end().Add(-window), w.end(), step)
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range labelSets(matrix) {
					l.Range(func(l labels.Label) { fields[l.Name] = true })
				}
			}
			for _, o := range p.FieldConfig.Overrides {
				if name, _ := o.Matcher.Options.(string); o.Matcher.ID == "byName" && !fields[name] {
					t.Errorf("panel %q describes a column %s that it does not have", p.Title, name)
				}
			}
		}
	})
}

// The variables and intervals of these tests have values that no dashboard has.
var marked = strings.NewReplacer("$job", "JOB", "$instance", "INSTANCE", "$sdk_app_id", "APP",
	"$__rate_interval", "241s", "$__range", "3601s", "$__interval", "61s")

// ofAlerts are the ranges of alerts whose value a panel shows.
const rateInterval, wholeRange, ofAlerts = 241 * time.Second, 3601 * time.Second, 15 * time.Minute

func TestQueriesHaveTheMatchers(t *testing.T) {
	metrics := exposed(t)
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, q := range d.queries(t) {
			q.expr = marked.Replace(q.expr)
			if strings.HasPrefix(q.where, "variable ") {
				continue // each narrows the next
			}
			for _, s := range selectors(t, q) {
				if _, own := ofPrometheus[s.Name]; own && s.Name != "up" {
					continue // alerts of an application are of no job and no instance
				}
				want := map[string]string{"job": "JOB", "instance": "INSTANCE"}
				if by, _, ok := strings.Cut(s.Name, ":"); ok { // recorded: of no job and no instance
					clear(want)
					if by != "sdk_app_id" {
						continue
					}
				}
				if metrics[s.Name]["sdk_app_id"] {
					want["sdk_app_id"] = "APP"
				}
				for name, value := range want {
					if !slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool {
						return m.Name == name && m.Type == labels.MatchRegexp && m.Value == value
					}) {
						t.Errorf("%s: %s lacks %s=~$%s", q.where, s, name, name)
					}
				}
			}
		}
	})
}

func TestCountersAreRates(t *testing.T) {
	// Damage is counted at the start of a replica, so the counter does not increase later.
	asItIs := []string{"tuilivekit_exporter_storage_corruptions_total"}
	counter := regexp.MustCompile(`_(total|count|sum|bucket)$`)
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, q := range d.queries(t) {
			q.expr = marked.Replace(q.expr)
			parser.Inspect(parsed(t, q), func(node parser.Node, path []parser.Node) error {
				switch node := node.(type) {
				case *parser.Call:
					if len(node.Args) == 0 {
						return nil
					}
					m, ok := node.Args[0].(*parser.MatrixSelector)
					if !ok {
						return nil
					}
					switch node.Func.Name {
					case "rate", "irate":
						if m.Range != rateInterval && m.Range != ofAlerts {
							t.Errorf("%s: %s is not over $__rate_interval", q.where, node)
						}
					case "increase":
						if m.Range != rateInterval && m.Range != wholeRange && m.Range < 15*time.Minute {
							t.Errorf("%s: %s is over too short a time for any scrape interval", q.where, node)
						}
					}
				case *parser.VectorSelector:
					if !counter.MatchString(node.Name) || slices.Contains(asItIs, node.Name) {
						return nil
					}
					if !slices.ContainsFunc(path, func(n parser.Node) bool {
						call, ok := n.(*parser.Call)
						return ok && slices.Contains([]string{"rate", "increase"}, call.Func.Name)
					}) {
						t.Errorf("%s: the counter %s is shown as it is", q.where, node.Name)
					}
				}
				return nil
			})
		}
	})
}

func TestLinks(t *testing.T) {
	all := load(t)
	variables := map[string][]string{} // by uid
	for _, d := range all {
		for _, v := range d.Templating.List {
			variables[d.UID] = append(variables[d.UID], v.Name)
		}
	}
	// leads demands that a URL leads to a dashboard, sets variables that this has and
	// reads those that the dashboard it is on has.
	target := regexp.MustCompile(`^/d/([\w-]+)(?:\?|$)`)
	sets := regexp.MustCompile(`[?&]var-(\w+)=`)
	reads := regexp.MustCompile(`\$\{(\w+):queryparam\}`)
	leads := func(t *testing.T, from, url string) string {
		t.Helper()
		match := target.FindStringSubmatch(url)
		if match == nil || variables[match[1]] == nil {
			t.Errorf("%s links to %s, which is not a dashboard", from, url)
			return ""
		}
		for _, v := range sets.FindAllStringSubmatch(url, -1) {
			if !slices.Contains(variables[match[1]], v[1]) {
				t.Errorf("%s links to %s, which has no variable %s", from, url, v[1])
			}
		}
		for _, v := range reads.FindAllStringSubmatch(url, -1) {
			if !slices.Contains(variables[match[1]], v[1]) || variables[from] != nil && !slices.Contains(variables[from], v[1]) {
				t.Errorf("%s links to %s: no variable %s", from, url, v[1])
			}
		}
		return match[1]
	}
	columns := map[string][]string{}
	for _, d := range all {
		to := map[string]bool{}
		for _, l := range d.Links {
			if !strings.HasPrefix(l.URL, "https://") {
				to[leads(t, d.UID, l.URL)] = true
			}
		}
		for uid := range variables {
			if uid != d.UID && !to[uid] {
				t.Errorf("%s has no link to %s", d.UID, uid)
			}
		}
		for _, p := range d.Panels {
			for _, l := range p.FieldConfig.Defaults.Links {
				leads(t, d.UID, l.URL)
			}
			// In a table only the name has a link, otherwise Grafana underlines each cell.
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID != "links" {
						continue
					}
					url, _ := property.Value.([]any)[0].(map[string]any)["url"].(string)
					columns[d.UID+" "+p.Title] = append(columns[d.UID+" "+p.Title], fmt.Sprint(o.Matcher.Options, " ", leads(t, d.UID, url)))
				}
			}
		}
	}
	if got := columns["tuilivekit-overview Applications"]; !slices.Equal(got, []string{"name tuilivekit-application"}) {
		t.Errorf("the links of the table of applications are on %v", got)
	}
	alerts, err := os.ReadFile("../../alerts/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	urls := regexp.MustCompile(`dashboard_url: (?:&\w+ )?['"]?(/d/\S+)`).FindAllStringSubmatch(string(alerts), -1)
	for _, url := range urls {
		leads(t, "alerts.yaml", url[1])
	}
	if len(urls) == 0 {
		t.Error("no alert links to a dashboard")
	}
}

func labelSets(matrix promql.Matrix) []labels.Labels {
	var all []labels.Labels
	for _, series := range matrix {
		all = append(all, series.Metric)
	}
	return all
}

// TestTitlesFit checks that titles are not wider than their panels, because Grafana cuts them. A column
// is 50 pixels wide on a screen of 1600.
func TestTitlesFit(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			if most := (50*p.GridPos.W - 75) / 7; p.Type != "row" && len(p.Title) > most {
				t.Errorf("the title %q has %d letters, a panel of width %d takes %d", p.Title, len(p.Title), p.GridPos.W, most)
			}
		}
	})
}

// TestTablesFit checks the widths of columns. On a screen of 1600 pixels, with Grafana's menu open, a
// panel of full width has 1250 pixels for its columns. A name of 32 letters needs 230.
func TestTablesFit(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			all, name := 0., 0.
			for _, o := range p.FieldConfig.Overrides {
				for _, property := range o.Properties {
					if property.ID != "custom.width" {
						continue
					}
					all += property.Value.(float64)
					if o.Matcher.Options == "name" {
						name = property.Value.(float64)
					}
				}
			}
			if all > 1250 || all > 0 && name < 230 {
				t.Errorf("table %q: its columns have %g pixels, its names %g", p.Title, all, name)
			}
		}
	})
}

// TestMarksAreFew checks that threshold events are off by default, and that alerts are marked on one
// panel.
func TestMarksAreFew(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, a := range d.Annotations.List {
			switch a.Name {
			case "Threshold events":
				if a.Enable {
					t.Error("threshold events are on")
				}
			case "Alerts":
				var on []string
				for _, p := range d.Panels {
					if a.Filter != nil && slices.Contains(a.Filter.IDs, p.ID) {
						on = append(on, p.Title)
					}
				}
				if !slices.Equal(on, []string{"Rooms and limit"}) || !strings.Contains(a.Expr, `severity!="info"`) {
					t.Errorf("alerts are on %v: %s", on, a.Expr)
				}
			}
		}
	})
}

// TestTimelinesHaveNoThresholds checks that timelines have no thresholds. With thresholds, Grafana
// ignores the mappings of a timeline, and shows states such as "no data" as the lowest level.
func TestTimelinesHaveNoThresholds(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			if mode := p.FieldConfig.Defaults.Color.Mode; p.Type == "state-timeline" && mode == "thresholds" {
				t.Errorf("panel %q has colours by thresholds", p.Title)
			}
		}
	})
}

// TestTimelinesAreReadable: a timeline of applications or alerts shows twenty at most, each 15
// pixels high or more. A row of Grafana's grid has 38 pixels; title, axis and edges take 76.
func TestTimelinesAreReadable(t *testing.T) {
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			if p.Type != "state-timeline" || d.UID == "tuilivekit-application" || !strings.Contains(p.Targets[0].LegendFormat, "{{name}}") {
				continue
			}
			if !strings.Contains(p.Targets[0].Expr, "topk(20") {
				t.Errorf("panel %q shows any number of lines", p.Title)
			}
			if each := (38*p.GridPos.H - 76) / 20; each < 15 {
				t.Errorf("panel %q: each of twenty lines has %d pixels", p.Title, each)
			}
		}
	})
}

// TestTimelinesAlwaysHaveASeries checks that timelines have a series, because Grafana shows an error
// message otherwise.
func TestTimelinesAlwaysHaveASeries(t *testing.T) {
	s := emptyServer(t)
	eachDashboard(t, func(t *testing.T, d dashboard) {
		for _, p := range d.Panels {
			if p.Type != "state-timeline" {
				continue
			}
			matrix, err := s.over(t, everything.fill(p.Targets[0].Expr), time.Unix(0, 0), time.Unix(3600, 0), step)
			if err != nil || len(matrix) != 1 {
				t.Errorf("panel %q: %d series where Prometheus has nothing (%v), want one that says so", p.Title, len(matrix), err)
			}
		}
	})
}

// eachDashboard runs a test for each dashboard.
func eachDashboard(t *testing.T, test func(t *testing.T, d dashboard)) {
	t.Helper()
	for _, d := range load(t) {
		t.Run(d.UID, func(t *testing.T) { test(t, d) })
	}
}
