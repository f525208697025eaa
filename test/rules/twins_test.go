package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A series has a twin when a second Prometheus scrapes the same exporters, when another
// one is federated, or when a label of a cluster was added for a while. Two of one thing
// are one thing: no rule may add them up, fire twice, or fail to match.

// twin is the series under one more label.
func twin(series, label, value string) string {
	pair := label + `="` + value + `"`
	if name, rest, ok := strings.Cut(series, "{"); ok {
		return name + "{" + pair + "," + rest
	}
	return series + "{" + pair + "}"
}

// long takes most of promtool's time, so its inputs have twins only once.
var long = []string{"days.yaml", "silence.yaml"}

// short is what is not long.
func short(all map[string]*suite) map[string]*suite {
	for _, name := range long {
		delete(all, name)
	}
	return all
}

func metric(series string) string {
	name, _, _ := strings.Cut(series, "{")
	return name
}

func TestTwinsOfAllInputsChangeNoVerdict(t *testing.T) {
	t.Parallel() // promtool uses one core
	all := suites(t)
	for _, s := range all {
		for _, c := range s.Tests {
			for _, in := range c.Inputs {
				c.Inputs = append(c.Inputs, input{twin(in.Series, "cluster", "twin"), in.Values})
			}
		}
	}
	promtool(t, t.TempDir(), all)
}

// Neither has the labels of before.
func TestTwinsOfTwoPrometheusChangeNoVerdict(t *testing.T) {
	t.Parallel() // promtool uses one core
	all := short(suites(t))
	for _, s := range all {
		for _, c := range s.Tests {
			var both []input
			for _, in := range c.Inputs {
				if strings.HasPrefix(in.Series, "tuilivekit:") {
					both = append(both, in) // what the test reads as it is
					continue
				}
				both = append(both, input{twin(in.Series, "prometheus", "a"), in.Values}, input{twin(in.Series, "prometheus", "b"), in.Values})
			}
			c.Inputs = both
		}
	}
	promtool(t, t.TempDir(), all)
}

// Every second metric has one, then the others: what is matched with a twin has none.
func TestTwinsOfSomeInputsChangeNoVerdict(t *testing.T) {
	t.Parallel() // promtool uses one core
	changed := map[string]*suite{}
	for _, half := range []int{0, 1} {
		for name, s := range short(suites(t)) {
			order := map[string]int{} // of metrics, as the tests name them first
			for _, c := range s.Tests {
				for _, in := range c.Inputs {
					m := metric(in.Series)
					if _, ok := order[m]; !ok {
						order[m] = len(order)
					}
					if order[m]%2 == half {
						c.Inputs = append(c.Inputs, input{twin(in.Series, "cluster", "twin"), in.Values})
					}
				}
			}
			changed[fmt.Sprintf("%d-%s", half, name)] = s
		}
	}
	promtool(t, t.TempDir(), changed)
}

// Federation brings what another Prometheus has recorded.
func TestTwinsOfRecordedSeriesChangeNoVerdict(t *testing.T) {
	t.Parallel() // promtool uses one core
	b, err := os.ReadFile(filepath.Join(alerts, "recording.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name     string           `yaml:"name"`
			Interval string           `yaml:"interval"`
			Rules    []map[string]any `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	for i, g := range file.Groups {
		var both []map[string]any
		for _, r := range g.Rules {
			other, labels := map[string]any{}, map[string]any{"cluster": "twin"}
			for k, v := range r {
				other[k] = v
			}
			if own, ok := r["labels"].(map[string]any); ok {
				for k, v := range own {
					labels[k] = v
				}
			}
			other["labels"] = labels
			both = append(both, r, other)
		}
		file.Groups[i].Rules = both
	}
	dir := t.TempDir()
	doubled := filepath.Join(dir, "recording-twice.yaml")
	if b, err = yaml.Marshal(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(doubled, b, 0o600); err != nil {
		t.Fatal(err)
	}
	all, alertsLeft := short(suites(t)), 0
	for _, s := range all {
		for i, rules := range s.RuleFiles {
			if filepath.Base(rules) == "recording.yaml" {
				s.RuleFiles[i] = doubled
			}
		}
		for _, c := range s.Tests {
			var left []exprCase
			for _, e := range c.Exprs {
				if strings.Contains(e.Expr, "ALERTS") { // others look at what is recorded twice
					left = append(left, e)
				}
			}
			c.Exprs = left
			alertsLeft += len(c.Alerts) + len(left)
		}
	}
	if alertsLeft < 100 {
		t.Errorf("only %d expectations of alerts are left", alertsLeft)
	}
	promtool(t, dir, all)
}

// The foreign labels are none that a rule knows.
func TestTwinsHaveForeignLabels(t *testing.T) {
	for _, name := range []string{"recording.yaml", "alerts.yaml"} {
		b, err := os.ReadFile(filepath.Join(alerts, name))
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`\b(cluster|prometheus)(=~?|!=|\)|,)`).FindString(string(b)); found != "" {
			t.Errorf("%s reads the label %s", name, found)
		}
	}
}
