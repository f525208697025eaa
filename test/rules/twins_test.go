package rules

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A twin is the same series with one more label. There are twins if two Prometheus servers scrape the
// same exporter, if one Prometheus federates another, or if a label for the cluster was added for a
// while. No rule may add twins up, fire twice because of them, or fail to match.

// twin returns the series with one more label.
func twin(series, label, value string) string {
	pair := label + `="` + value + `"`
	if name, rest, ok := strings.Cut(series, "{"); ok {
		return name + "{" + pair + "," + rest
	}
	return series + "{" + pair + "}"
}

// long are the files that take most of the time. Only one of the tests runs them.
var long = []string{"days.yaml", "silence.yaml"}

// short returns all files except the long ones.
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
	all := suites(t)
	for _, s := range all {
		for _, c := range s.Tests {
			for _, in := range c.Inputs {
				c.Inputs = append(c.Inputs, input{twin(in.Series, "cluster", "twin"), in.Values})
			}
		}
	}
	promtool(t, all)
}

// Both twins have a new label, so no series has the labels that the case has.
func TestTwinsOfTwoPrometheusChangeNoVerdict(t *testing.T) {
	all := short(suites(t))
	for _, s := range all {
		for _, c := range s.Tests {
			var both []input
			for _, in := range c.Inputs {
				if strings.HasPrefix(in.Series, "tuilivekit:") {
					both = append(both, in) // an expectation reads it with these labels
					continue
				}
				both = append(both, input{twin(in.Series, "prometheus", "a"), in.Values}, input{twin(in.Series, "prometheus", "b"), in.Values})
			}
			c.Inputs = both
		}
	}
	promtool(t, all)
}

// Every second metric has a twin, and in a second run the other metrics: a series with a twin is
// matched with a series that has none.
func TestTwinsOfSomeInputsChangeNoVerdict(t *testing.T) {
	changed := map[string]*suite{}
	for _, half := range []int{0, 1} {
		for name, s := range short(suites(t)) {
			order := map[string]int{} // of metrics, by their first use
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
	promtool(t, changed)
}

// Federation adds twins of recorded series: another Prometheus has evaluated the same rules.
func TestTwinsOfRecordedSeriesChangeNoVerdict(t *testing.T) {
	file := readRules(t, filepath.Join(alerts, "recording.yaml"))
	for i, g := range file.Groups {
		var both []map[string]any
		for _, r := range g.Rules {
			other, labels := maps.Clone(r), map[string]any{"cluster": "twin"}
			if own, ok := r["labels"].(map[string]any); ok {
				maps.Copy(labels, own)
			}
			other["labels"] = labels
			both = append(both, r, other)
		}
		file.Groups[i].Rules = both
	}
	doubled := filepath.Join(t.TempDir(), "recording-twice.yaml")
	writeYAML(t, doubled, file)
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
				if strings.Contains(e.Expr, "ALERTS") { // other expressions see both twins
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
	promtool(t, all)
}

// No rule reads a label that only twins have.
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
