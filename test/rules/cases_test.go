// Package rules changes the inputs of the rules' own tests, in alerts/tests, in ways that
// must not change what the rules say, and runs promtool on them.
package rules

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const alerts = "../../alerts"

// suite is a file of promtool's tests. Only what is changed here has a type.
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

// suites returns the tests of the rules by the name of their file, for the caller to
// change. Their rule files are absolute.
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

// promtool runs changed suites and fails with what promtool says.
func promtool(t *testing.T, dir string, all map[string]*suite) {
	t.Helper()
	args := []string{"test", "rules"}
	for name, s := range all {
		b, err := yaml.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	program, err := exec.CommandContext(t.Context(), "../../scripts/tool", "promtool").Output()
	if err != nil {
		t.Fatal("scripts/tool promtool:", err)
	}
	out, err := exec.CommandContext(t.Context(), strings.TrimSpace(string(program)), args...).CombinedOutput()
	if err != nil {
		t.Errorf("promtool: %v\n%s", err, failures(string(out)))
	}
	if got, want := strings.Count(string(out), "Processing test file"), len(all); got != want {
		t.Errorf("promtool read %d of %d files", got, want)
	}
}

// failures is what promtool printed, without the files that succeeded.
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
