package queries

import (
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// theWorld is shared by all tests, because it takes seconds to make.
var theWorld struct {
	sync.Once
	*world
}

func TestEveryQueryReturnsData(t *testing.T) {
	w := shared(t)
	one := choice{job, replicaB, production}
	for _, c := range []struct {
		name    string
		samples []sample
		choice  choice
	}{
		{"everything, classic histograms", w.classic, everything},
		{"everything, native histograms", w.native, everything},
		{"one replica and application, native histograms", w.native, one},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServerWithRules(t, c.samples)
			for _, d := range load(t) {
				queries := d.queries(t)
				some := map[string]bool{} // by panel of alternatives: one of its queries has data
				for _, q := range queries {
					if !slices.Contains(alternatives, q.panel) {
						s.demandData(t, w, d, q, c.choice)
					} else {
						some[q.panel] = some[q.panel] || s.count(t, w, d, q, c.choice) > 0
					}
				}
				for title, ok := range some {
					if !ok {
						t.Errorf("%s: panel %q: no query has data", d.UID, title)
					}
				}
				t.Logf("%s: %d queries executed", d.UID, len(queries))
			}
		})
	}
}

// alternatives are panels with a query for each state, of which one has data.
var alternatives = []string{"Free rooms", "Usage"}

// ofPrometheus are metrics that Prometheus itself makes.
var ofPrometheus = map[string][]string{
	"up":               {"job", "instance"},
	"ALERTS":           {"alertname", "alertstate", "severity", "sdk_app_id", "job", "instance"},
	"ALERTS_FOR_STATE": {"alertname", "severity", "sdk_app_id", "job", "instance"},
}

func TestQueriesUseMetricsThatExist(t *testing.T) {
	metrics := exposed(t)
	for _, d := range load(t) {
		for _, q := range d.queries(t) {
			for _, selector := range selectors(t, q) {
				have, ok := metrics[selector.Name]
				if !ok {
					t.Errorf("%s: %s: the exporter has no metric %s", d.UID, q.where, selector.Name)
					continue
				}
				for _, m := range selector.LabelMatchers {
					if m.Name != model.MetricNameLabel && !have[m.Name] {
						t.Errorf("%s: %s: %s has no label %s, but %s", d.UID, q.where, selector.Name, m.Name,
							strings.Join(slices.Sorted(maps.Keys(have)), ", "))
					}
				}
			}
		}
	}
}

// TestMetricsAreDocumented finds metrics of the simulation that the exporter does not have:
// docs/metrics.md is generated from the exporter.
func TestMetricsAreDocumented(t *testing.T) {
	documented, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name := range exposed(t) {
		if !strings.HasPrefix(name, "tuilivekit_") { // names of recording rules have another prefix
			continue
		}
		n++
		family := name
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			family = strings.TrimSuffix(family, suffix)
		}
		if !strings.Contains(string(documented), "`"+family+"`") {
			t.Errorf("docs/metrics.md does not have %s", family)
		}
	}
	if n == 0 {
		t.Error("the simulation has no metrics of the exporter")
	}
}

// demandData fails if the query has no data.
func (s *server) demandData(t *testing.T, w *world, d dashboard, q query, c choice) {
	t.Helper()
	if s.count(t, w, d, q, c) == 0 {
		t.Errorf("%s: %s: no data\n%s", d.UID, q.where, c.fill(q.expr))
	}
}

// count runs a query as Grafana does and returns the number of its series.
func (s *server) count(t *testing.T, w *world, d dashboard, q query, c choice) int {
	t.Helper()
	expr := c.fill(q.expr)
	n := 0
	if q.instant {
		vector, err := s.instant(t, expr, w.end())
		if err != nil {
			t.Errorf("%s: %s: %v\n%s", d.UID, q.where, err, expr)
			return 0
		}
		n = len(vector)
	} else {
		matrix, err := s.over(t, expr, w.end().Add(-window), w.end(), step)
		if err != nil {
			t.Errorf("%s: %s: %v\n%s", d.UID, q.where, err, expr)
			return 0
		}
		n = len(matrix)
	}
	return n
}

// recorded returns the series of the recording rules, with the labels that dashboards use.
func recorded(t *testing.T) map[string][]string {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../../alerts/recording.yaml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	all := map[string][]string{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			by, _, _ := strings.Cut(rule.Record, ":")
			switch by {
			case "sdk_app_id":
				all[rule.Record] = []string{"sdk_app_id", "source"}
			case "tuilivekit":
				all[rule.Record] = []string{"threshold", "window"}
			}
		}
	}
	return all
}

// exposed returns the metrics that the exporter has, with their labels.
func exposed(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	w := shared(t)
	for _, s := range slices.Concat(w.classic, w.native) {
		name := s.labels.Get(model.MetricNameLabel)
		if all[name] == nil {
			all[name] = map[string]bool{}
		}
		s.labels.Range(func(l labels.Label) { all[name][l.Name] = true })
	}
	others := recorded(t)
	maps.Copy(others, ofPrometheus)
	for name, own := range others {
		all[name] = map[string]bool{}
		for _, l := range own {
			all[name][l] = true
		}
	}
	return all
}

func parsed(t *testing.T, q query) parser.Expr {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(everything.fill(q.expr))
	if err != nil {
		t.Fatalf("%s: %v\n%s", q.where, err, q.expr)
	}
	return expr
}

func selectors(t *testing.T, q query) []*parser.VectorSelector {
	t.Helper()
	var all []*parser.VectorSelector
	parser.Inspect(parsed(t, q), func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	if len(all) == 0 {
		t.Fatalf("%s: no metric in %s", q.where, q.expr)
	}
	return all
}

func shared(t *testing.T) *world {
	t.Helper()
	theWorld.Do(func() { theWorld.world = newWorld(t) })
	if theWorld.world == nil {
		t.Fatal("the world was not made: see the first failure")
	}
	return theWorld.world
}
