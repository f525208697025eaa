package alerts_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
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
	At model.Duration `yaml:"eval_time"`
}

// exprTest is one promql_expr_test of promtool.
type exprTest struct {
	Expr    string         `yaml:"expr"`
	At      model.Duration `yaml:"eval_time"`
	Samples []struct {
		Labels string `yaml:"labels"`
	} `yaml:"exp_samples"`
}

// testCase is one test of promtool.
type testCase struct {
	Name   string      `yaml:"name"`
	Alerts []alertTest `yaml:"alert_rule_test"`
	Exprs  []exprTest  `yaml:"promql_expr_test"`
}

func readTests(t *testing.T) []testCase {
	t.Helper()
	files, err := filepath.Glob("tests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	var cases []testCase
	for _, file := range files {
		var f struct {
			Tests []testCase `yaml:"tests"`
		}
		if err := yaml.Unmarshal(read(t, file), &f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, f.Tests...)
	}
	return cases
}

// readAlertTests returns the alert_rule_test of all cases.
func readAlertTests(t *testing.T) []alertTest {
	t.Helper()
	var all []alertTest
	for _, c := range readTests(t) {
		all = append(all, c.Alerts...)
	}
	return all
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
