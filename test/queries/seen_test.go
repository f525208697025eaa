package queries

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/seen.md again")

// sight is what all panels show in all scenes: by dashboard and panel, and by scene.
type sight map[string]map[string][]shown

// TestWhatAPersonSees writes the text and the colour that each panel shows in each scene
// into testdata/seen.md, for review, and says which of them would be false. It computes
// them from the answers of Prometheus' engine by the mappings, thresholds and texts of the
// panel. It does not draw: what Grafana makes of an option is not checked.
func TestWhatAPersonSees(t *testing.T) {
	seen, order := sight{}, []string{}
	for _, c := range scenes {
		samples, end := c.samples(t)
		s := c.server(t, samples)
		for _, d := range load(t) {
			for _, p := range d.Panels {
				if p.Type == "row" {
					continue
				}
				key := fmt.Sprintf("%s: %s (%s)", strings.TrimPrefix(d.Title, "TUILiveKit / "), p.Title, p.Type)
				if seen[key] == nil {
					seen[key] = map[string][]shown{}
					order = append(order, key)
				}
				seen[key][c.name] = s.see(t, p, c.look(d.UID), end)
			}
		}
	}
	seen.judge(t)

	var b strings.Builder
	b.WriteString("# What a person sees\n\nMade by the test TestWhatAPersonSees; `go test ./queries -run Sees -update` in `test/` writes it again. Of many lines six are here.\n")
	for _, key := range order {
		fmt.Fprintf(&b, "\n## %s\n\n| World | Shown |\n|---|---|\n", key)
		for _, c := range scenes {
			fmt.Fprintf(&b, "| %s | %s |\n", c.name, inWords(seen[key][c.name]))
		}
	}
	const file = "testdata/seen.md"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got := b.String(); got != string(want) {
		gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range gotLines {
			if i >= len(wantLines) || gotLines[i] != wantLines[i] {
				t.Fatalf("line %d of %s differs; if it should, write it again with -update:\n%s", i+1, file, gotLines[i])
			}
		}
		t.Fatalf("%s has more lines than are seen", file)
	}
}

// inWords is what is shown on one line.
func inWords(all []shown) string {
	const most = 6
	var words []string
	for _, s := range all[:min(most, len(all))] {
		words = append(words, strings.ReplaceAll(s.String(), "|", "/"))
	}
	if n := len(all) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(words, "; ")
}

// judge fails for what is false or says nothing.
func (seen sight) judge(t *testing.T) {
	unknown := []string{"no data", "not scraped", "not loaded"}
	known := []string{"no event yet", "memory only", "no relay", "no recount", "never used", "no request", "at the limit", "not filling", "no forecast"}
	for key, worlds := range seen {
		for world, all := range worlds {
			if len(all) == 0 {
				t.Errorf("%s, %s: shows nothing", key, world)
			}
			for _, s := range all {
				says := func(texts []string) bool {
					return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(s.String(), text) })
				}
				aboutAlerts := strings.Contains(key, "Firing now") || strings.Contains(key, ": Alerts (")
				switch {
				case s.text == "":
					t.Errorf("%s, %s: %q has no text", key, world, s.name)
				case strings.Contains(key, "(timeseries)") && strings.HasPrefix(s.text, "-") && !strings.ContainsAny(s.text, "0123456789"):
					t.Errorf("%s, %s: %q is an empty graph without a word", key, world, s.name)
				case world == "not scraped" && !aboutAlerts && !says(unknown):
					t.Errorf("%s, %s: says %q, and nothing is known", key, world, s)
				case world == "not scraped" && says(known) && !says(unknown):
					t.Errorf("%s, %s: says %q of what nobody has seen", key, world, s)
				case world == "rules not loaded" && aboutAlerts && !says(unknown):
					t.Errorf("%s, %s: says %q without the rules", key, world, s)
				case world == "healthy and quiet" && aboutAlerts && !strings.Contains(s.String(), "no alert"):
					t.Errorf("%s, %s: says %q", key, world, s)
				case world == "healthy and quiet" && strings.Contains(s.color, "red"):
					t.Errorf("%s, %s: %q is red", key, world, s)
				case world == "replica down" && strings.HasPrefix(key, "Exporter") && strings.Contains(s.text, "memory only") && !says(unknown):
					t.Errorf("%s, %s: says %q of a replica that has a storage", key, world, s)
				}
			}
			if strings.Contains(key, "(state-timeline)") && len(all) > 21 || strings.HasPrefix(key, "Overview") && strings.Contains(key, "(timeseries)") && len(all) > 40 {
				t.Errorf("%s, %s: %d lines", key, world, len(all))
			}
		}
	}
	for _, fact := range []struct{ key, world, want string }{
		{"Application: Time to the limit (stat)", "at the limit", "at the limit (dark-red)"},
		{"Application: Free rooms (stat)", "at the limit", "0 (dark-red)"},
		{"Application: Rooms (stat)", "at the limit", "1000"},
		{"Application: Rooms (stat)", "never reported", "no event yet"},
		{"Application: Rooms (stat)", "below 70 %", "51"},
		{"Application: Limit (stat)", "below 70 %", "500"},
		{"Application: Free rooms (stat)", "below 70 %", "449 (green)"},
		{"Application: Source (stat)", "below 70 %", "known (blue)"},
		{"Application: Age of the number (stat)", "below 70 %", "0 s (green)"},
		{"Application: Rooms (stat)", "after the peak", "901"},
		{"Application: Last reported rooms (stat)", "after the peak", "919"},
		{"Application: Source (stat)", "after the peak", "estimate (blue)"},
		{"Application: Source (stat)", "at the limit", "event (green)"},
		{"Application: Source (stat)", "rules not loaded", "last event"},
		{"Overview: Highest usage (stat)", "below 70 %", "production: 10.2% (green)"},
		{"Overview: Its source (stat)", "below 70 %", "known (blue)"},
		{"Application: Free rooms (stat)", "never reported", "no event yet"},
		{"Exporter: Storage (stat)", "never reported", "memory only"},
		{"Exporter: Storage (stat)", "replica down", "no data"},
		{"Exporter: Up (stat)", "replica down", "0 (red)"},
		{"Exporter: Panics (stat)", "replica down", "no data"},
		{"Overview: Refused (stat)", "replica down", "no data"},
		{"Exporter: Up (stat)", "not scraped", "not scraped"},
		{"Exporter: Down (stat)", "two replicas", "1 (red)"},
		{"Overview: Highest usage (stat)", "healthy and quiet", "production: 72% (yellow)"},
		{"Overview: Highest usage (stat)", "not scraped", "no data"},
		{"Overview: Time to the limit (stat)", "at the limit", "production: at the limit (dark-red)"},
		{"Overview: Age of every number (state-timeline)", "at the limit", "production: < 10 min (green); staging: no event yet (rgba(128, 128, 128, 0.2))"},
		{"Exporter: Clock skew (stat)", "backend fails, one late callback", "0.5 s (green)"},
		{"Exporter: Alerts (state-timeline)", "backend fails, one late callback", "RelayCircuitOpen production replica-a:19780: critical (red); RelayDecisionsFailing production: warning (orange); RelayDelayed production replica-a:19780: warning (orange)"},
		{"Exporter: Circuit (state-timeline)", "backend fails, one late callback", "production: open (red)"},
		{"Application: Duration of rooms (timeseries)", "never reported", "no room closed in this time, or no data"},
	} {
		if got := inWords(seen[fact.key][fact.world]); got != fact.want {
			t.Errorf("%s, %s: shows %q, want %q", fact.key, fact.world, got, fact.want)
		}
	}
}
