// Package rules runs the tests of alerts/tests with changed inputs. The changes must not change which
// alerts fire.
package rules

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const alerts = "../../alerts"

// suite is a file of promtool's tests. Members that are only copied have the type of the YAML file.
type suite struct {
	RuleFiles []string `yaml:"rule_files"`
	Interval  string   `yaml:"evaluation_interval"`
	Order     []string `yaml:"group_eval_order"`
	Tests     []*test  `yaml:"tests"`
}

type test struct {
	Name     string      `yaml:"name"`
	Interval string      `yaml:"interval"`
	Inputs   []input     `yaml:"input_series"`
	Alerts   []alertCase `yaml:"alert_rule_test,omitempty"`
	Exprs    []exprCase  `yaml:"promql_expr_test,omitempty"`
}

type input struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type alertCase struct {
	At    string       `yaml:"eval_time"`
	Alert string       `yaml:"alertname"`
	Fires []firesAlert `yaml:"exp_alerts,omitempty"`
}

type firesAlert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type exprCase struct {
	Expr    string      `yaml:"expr"`
	At      string      `yaml:"eval_time"`
	Samples []yaml.Node `yaml:"exp_samples"`
}

// suites returns the tests of the rules by the name of their file. The caller may change them. The
// paths of their rule files are absolute.
func suites(t *testing.T) map[string]*suite {
	t.Helper()
	files, err := filepath.Glob(alerts + "/tests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of rules: %v", err)
	}
	all := map[string]*suite{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := &suite{}
		d := yaml.NewDecoder(strings.NewReader(string(b)))
		d.KnownFields(true)
		if err := d.Decode(s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, rules := range s.RuleFiles {
			if s.RuleFiles[i], err = filepath.Abs(filepath.Join(filepath.Dir(file), rules)); err != nil {
				t.Fatal(err)
			}
		}
		all[filepath.Base(file)] = s
	}
	return all
}

// promtool runs each changed suite as a subtest, which fails with what promtool says.
func promtool(t *testing.T, all map[string]*suite) {
	t.Helper()
	program, err := exec.CommandContext(t.Context(), "../../scripts/tool", "promtool").Output()
	if err != nil {
		t.Fatal("scripts/tool promtool:", err)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // promtool uses one core
			files, cases := all[name].write(t), all[name].Tests
			cmd := exec.CommandContext(t.Context(), strings.TrimSpace(string(program)), append([]string{"test", "rules"}, files...)...)
			cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=400") // less garbage collection, more memory
			b, err := cmd.CombinedOutput()
			out := string(b)
			if got, want := strings.Count(out, "Processing test file"), len(cases); got != want {
				t.Errorf("promtool read %d of %d cases", got, want)
			}
			for i, file := range files {
				out = strings.ReplaceAll(out, file, cases[i].Name)
			}
			if err != nil {
				t.Errorf("promtool: %v\n%s", err, failures(out))
			}
		})
	}
}

// write writes two files for each case: the case, and the rules that it needs. It returns the paths
// of the cases, in their order.
func (s *suite) write(t *testing.T) []string {
	t.Helper()
	var all []ruleFile
	for _, file := range s.RuleFiles {
		all = append(all, readRules(t, file))
	}
	dir := t.TempDir()
	var files []string
	for i, c := range s.Tests {
		rules := filepath.Join(dir, fmt.Sprintf("%d-rules.yaml", i))
		file := filepath.Join(dir, fmt.Sprintf("%d.yaml", i))
		writeYAML(t, rules, forCase(t, all, c))
		writeYAML(t, file, suite{RuleFiles: []string{rules}, Interval: s.Interval, Order: s.Order, Tests: []*test{c}})
		files = append(files, file)
	}
	return files
}

func writeYAML(t *testing.T, file string, v any) {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// failures returns what promtool printed about the files that failed.
func failures(out string) string {
	var failed []string
	for part := range strings.SplitSeq(out, "Processing test file: ") {
		if !strings.Contains(part, "SUCCESS") {
			failed = append(failed, strings.TrimSpace(part))
		}
	}
	text := strings.Join(failed, "\n")
	const most = 6000
	if len(text) > most {
		text = fmt.Sprintf("%s\n… %d bytes more", text[:most], len(text)-most)
	}
	return text
}

// samples is one sample without labels.
func samples(value int) []yaml.Node {
	var n yaml.Node
	if err := n.Encode(map[string]any{"labels": "{}", "value": value}); err != nil {
		panic(err) // a map of a string and a number always encodes
	}
	return []yaml.Node{n}
}
