package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// aboutScrapes are the alerts that fire because scrapes fail.
var aboutScrapes = []string{"TUILiveKitExporterReplicaDown", "TUILiveKitExporterFlapping", "TUILiveKitExporterDown", "TUILiveKitExporterAbsent", "TUILiveKitRulesMissing"}

// TestEverySecondScrapeFails removes every second sample of each input. Each alert must still fire, at
// most ten minutes before or after the time that its case has.
func TestEverySecondScrapeFails(t *testing.T) {
	const late = 10 * time.Minute
	all, expected := suites(t), 0
	delete(all, "flapping.yaml") // its values change from scrape to scrape: without half of them the case is another one
	for _, s := range all {
		for _, c := range s.Tests {
			for i, in := range c.Inputs {
				c.Inputs[i].Values = everySecond(t, in)
			}
			c.Exprs = nil
			for _, a := range c.Alerts {
				if slices.Contains(aboutScrapes, a.Alert) {
					continue
				}
				at, err := model.ParseDuration(a.At)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range a.Fires {
					c.Exprs = append(c.Exprs, exprCase{
						Expr:    fmt.Sprintf("count(max_over_time(%s[%dm]))", selector(a.Alert, f.Labels), int((2 * late).Minutes())),
						At:      model.Duration(time.Duration(at) + late).String(),
						Samples: samples(1),
					})
					expected++
				}
			}
			c.Alerts = nil
		}
	}
	if expected < 30 {
		t.Errorf("only %d alerts are expected", expected)
	}
	promtool(t, all)
}

// everySecond returns the values of an input, with a staleness marker for every second value, which is
// what Prometheus stores if a scrape fails.
func everySecond(t *testing.T, in input) string {
	t.Helper()
	if name := metric(in.Series); name == "up" || strings.HasPrefix(name, "tuilivekit:") {
		return in.Values
	}
	_, values, err := parser.NewParser(parser.Options{}).ParseSeriesDesc(in.Series + " " + in.Values)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, v := range values {
		switch {
		case v.Omitted:
			out = append(out, "_")
		case i%2 == 1:
			out = append(out, "stale")
		case v.Histogram != nil:
			out = append(out, v.Histogram.TestExpression())
		case v.Value != v.Value: // a staleness marker is a NaN
			out = append(out, "stale")
		default:
			out = append(out, strconv.FormatFloat(v.Value, 'f', -1, 64))
		}
	}
	return strings.Join(out, " ")
}

func selector(alert string, labels map[string]string) string {
	all := []string{fmt.Sprintf("alertname=%q", alert), `alertstate="firing"`}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, fmt.Sprintf("%s=%q", name, labels[name]))
	}
	return "ALERTS{" + strings.Join(all, ", ") + "}"
}
