package alerts_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rule is a recording or alerting rule.
type rule struct {
	Record        string            `yaml:"record"`
	Alert         string            `yaml:"alert"`
	Expr          string            `yaml:"expr"`
	For           string            `yaml:"for"`
	KeepFiringFor string            `yaml:"keep_firing_for"`
	Labels        map[string]string `yaml:"labels"`
	Annotations   map[string]string `yaml:"annotations"`
}

func (r rule) name() string { return r.Record + r.Alert }

// text is all of a rule in which metrics are named.
func (r rule) text() string {
	all := []string{r.Expr}
	for _, a := range r.Annotations {
		all = append(all, a)
	}
	return strings.Join(all, "\n")
}

func readRules(t *testing.T, files ...string) []rule {
	t.Helper()
	var rules []rule
	for _, file := range files {
		var f struct {
			Groups []struct {
				Name     string `yaml:"name"`
				Interval string `yaml:"interval"`
				Rules    []rule `yaml:"rules"`
			} `yaml:"groups"`
		}
		decode(t, file, &f)
		for _, g := range f.Groups {
			rules = append(rules, g.Rules...)
		}
	}
	if len(rules) == 0 {
		t.Fatalf("no rules in %v", files)
	}
	return rules
}

// alertTest is one alert_rule_test of promtool: the labels of what must fire.
type alertTest struct {
	Alert string `yaml:"alertname"`
	Fires []struct {
		Labels map[string]any `yaml:"exp_labels"`
	} `yaml:"exp_alerts"`
}

// readTests returns the tests for alerts, and the text of all other expectations.
func readTests(t *testing.T) (tests []alertTest, other string) {
	t.Helper()
	files, err := filepath.Glob("tests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	for _, file := range files {
		var f struct {
			Tests []struct {
				Alerts []alertTest `yaml:"alert_rule_test"`
				Exprs  []yaml.Node `yaml:"promql_expr_test"`
			} `yaml:"tests"`
		}
		if err := yaml.Unmarshal(read(t, file), &f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, test := range f.Tests {
			tests = append(tests, test.Alerts...)
			for _, n := range test.Exprs {
				b, err := yaml.Marshal(&n)
				if err != nil {
					t.Fatal(err)
				}
				other += string(b)
			}
		}
	}
	return tests, other
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, file)))
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exposition is all that the exporter exposes of its own.
func exposition(t *testing.T) string {
	t.Helper()
	return string(read(t, "../testdata/metrics.txt"))
}

var typeLine = regexp.MustCompile(`(?m)^# TYPE (\S+) `)

// metricNames returns the metrics that the exporter has: those of the golden file, and
// those of every process.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true, "process_start_time_seconds": true}
	for _, m := range typeLine.FindAllStringSubmatch(exposition(t), -1) {
		names[m[1]] = true
	}
	return names
}
