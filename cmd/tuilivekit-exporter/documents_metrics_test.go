package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// experimental has the metrics that may change in any release: they depend on callbacks or
// calls of Tencent that are documented and not often seen, or on parts that are new.
var experimental = regexp.MustCompile(`^tuilivekit_(replica_|reconcile_|known_rooms_(deviation|dropped)|daily_group_quota_|rest_rate_alarms_|member_changes_|rooms_without_|webhook_oddities_|webhook_request_skew_|exporter_storage_batch_)`)

// stableMetrics has the name, type and labels of each stable metric of a release. make docs
// adds to it and removes nothing.
const stableMetrics = "testdata/metrics.stable.txt"

// groups are the tables of docs/metrics.md: the first expression that a name matches is its.
var groups = []struct{ title, names, about string }{
	{"Rooms", `^tuilivekit_(app_info|configured_|current_|max_|estimated_|known_|last_event_|threshold_)`, "Numbers of an application. [numbers.md](numbers.md) says which to trust when."},
	{"Lives", `^tuilivekit_(room_|rooms_|member_)`, "What happened in rooms, from the callbacks of rooms created and destroyed and of members."},
	{"Quotas", `^tuilivekit_(daily_|rest_)`, "Other limits of Tencent, from its alarms."},
	{"Webhook", `^tuilivekit_webhook_`, "Callbacks, refused requests, clocks and tokens. [refusals.md](refusals.md) has the reasons."},
	{"Relay", `^tuilivekit_relay_`, "The application's own backend. See [relay.md](relay.md)."},
	{"Recounts", `^tuilivekit_reconcile_`, "Recounts with Tencent's server API. See [reconcile.md](reconcile.md)."},
	{"Replicas", `^tuilivekit_replica_`, "Exchange of records through Redis. See [replicas.md](replicas.md)."},
	{"Exporter", `^tuilivekit_exporter_`, "The process, its configuration and its storage. See [storage.md](storage.md)."},
}

func TestDocumentsOfMetrics(t *testing.T) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(expositionText(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(families))
	var b strings.Builder
	b.WriteString(`# Metrics

` + "`make docs`" + ` generates this page from the code.

` + "`sdk_app_id`" + ` has only values of the configuration. The values of all other labels are written in the source, so no
request can create a series. Counters of a configured application are 0 from the first scrape on. Its gauges appear
with its first event. Times are Unix seconds. Histograms have classic buckets and, for a Prometheus that scrapes them,
native ones. The usual ` + "`go_*` and `process_*`" + ` metrics are exposed too.

**Stable** metrics keep their name, type, labels and meaning. Before a stable metric is removed or changed, at least one
release marks it as deprecated and still exposes it. **Experimental** metrics may change in any release, and
[CHANGELOG.md](../CHANGELOG.md) says so.

`)
	for _, g := range groups {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| metric | type | labels | stability | what |\n|---|---|---|---|---|\n", g.title, g.about)
		matches := regexp.MustCompile(g.names)
		for _, name := range names {
			if f := families[name]; matches.MatchString(name) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, typeOf(f), labelsOf(f, ", ", "`"), stability(name), f.GetHelp())
			}
		}
		names = slices.DeleteFunc(names, matches.MatchString)
		b.WriteByte('\n')
	}
	if len(names) > 0 {
		t.Errorf("these are in no table: %q", names)
	}
	writeLabelValues(&b, families)
	checkFile(t, "docs/metrics.md", b.String())
}

// TestDocumentsOfStableMetrics compares the stable metrics with those of earlier releases: none may
// disappear, or have another type or other labels.
func TestDocumentsOfStableMetrics(t *testing.T) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(expositionText(t, "")))
	if err != nil {
		t.Fatal(err)
	}
	var now []string
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if stability(name) == "stable" {
			now = append(now, strings.TrimSpace(fmt.Sprintf("%s %s %s", name, typeOf(families[name]), labelsOf(families[name], ",", ""))))
		}
	}
	before, err := os.ReadFile(filepath.Join("..", "..", stableMetrics))
	if err != nil && !*update {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(before)) {
		if line = strings.TrimSpace(line); !slices.Contains(now, line) {
			t.Errorf("%q was stable and is not there any more: deprecate it for a release first", line)
			now = append(now, line)
		}
	}
	slices.Sort(now)
	checkFile(t, stableMetrics, strings.Join(now, "\n")+"\n")
}

func stability(name string) string {
	if experimental.MatchString(name) {
		return "experimental"
	}
	return "stable"
}

func typeOf(f *dto.MetricFamily) string { return strings.ToLower(f.GetType().String()) }

// labelsOf returns the names of the labels, each in quotes.
func labelsOf(f *dto.MetricFamily, separator, quote string) string {
	var labels []string
	for _, pair := range f.Metric[0].Label {
		labels = append(labels, quote+pair.GetName()+quote)
	}
	return strings.Join(labels, separator)
}

// writeLabelValues writes all values of the labels whose values are written in the source.
func writeLabelValues(b *strings.Builder, families map[string]*dto.MetricFamily) {
	b.WriteString("## Label values\n\n| metric | label | values |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if !strings.HasPrefix(name, "tuilivekit_") {
			continue
		}
		for _, label := range []string{"cause", "command", "kind", "reason"} {
			values := map[string]bool{}
			for _, m := range families[name].Metric {
				for _, pair := range m.Label {
					if pair.GetName() == label {
						values["`"+pair.GetValue()+"`"] = true
					}
				}
			}
			if len(values) > 0 {
				fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", name, label, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
			}
		}
	}
}
