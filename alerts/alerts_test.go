// Package alerts_test checks what promtool cannot: that every alert is tested,
// explained and complete, and that rules name only what exists.
package alerts_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

const (
	recordingFile = "recording.yaml"
	alertsFile    = "alerts.yaml"
	runbooksFile  = "../docs/runbooks.md"
	manualFile    = "../docs/alerting.md"
	runbooks      = "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/docs/runbooks.md#"
)

func TestEveryAlertHasARunbook(t *testing.T) {
	text := string(read(t, runbooksFile))
	sections := map[string]string{}
	for _, section := range strings.Split(text, "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		sections[title] = body
	}
	for name := range alertNames(t) {
		body, ok := sections[name]
		if !ok {
			t.Errorf("%s has no section in %s", name, runbooksFile)
			continue
		}
		for _, part := range []string{"**Meaning.**", "**Check.**", "**Do.**", "**Do not**"} {
			if !strings.Contains(body, part) {
				t.Errorf("the section of %s has no %s", name, part)
			}
		}
	}
	for title := range sections {
		if !alertNames(t)[title] {
			t.Errorf("section %q is of no alert", title)
		}
	}
	for _, file := range []string{runbooksFile, manualFile} {
		for _, name := range regexp.MustCompile(`\bTUILiveKit[A-Z]\w+`).FindAllString(string(read(t, file)), -1) {
			if !alertNames(t)[name] {
				t.Errorf("%s names %s, which is no alert", file, name)
			}
		}
	}
}

func TestEveryAlertIsComplete(t *testing.T) {
	dashboard := regexp.MustCompile(`^/d/tuilivekit-(overview|application|exporter)(\?|$)`)
	for _, a := range readRules(t, alertsFile) {
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: no summary or no description", a.Alert)
		}
		if strings.Contains(a.Expr, "_rooms") && !strings.Contains(a.Annotations["description"], "age_seconds") {
			t.Errorf("%s: the description does not say how old its number is", a.Alert)
		}
		if got, want := a.Annotations["runbook_url"], runbooks+strings.ToLower(a.Alert); got != want {
			t.Errorf("%s: runbook_url is %q, want %q", a.Alert, got, want)
		}
		if got := a.Annotations["dashboard_url"]; !dashboard.MatchString(got) {
			t.Errorf("%s: dashboard_url is %q", a.Alert, got)
		}
		if len(comparisons(a.Expr)) == 0 && !strings.Contains(a.Expr, "absent(") {
			t.Errorf("%s: nothing is compared, so it always fires", a.Alert)
		}
	}
}

// 2.614s says no more than 3s, and is harder to read.
func TestDurationsAreRounded(t *testing.T) {
	seen := 0
	for _, a := range readRules(t, alertsFile) {
		for _, text := range a.Annotations {
			pieces := strings.Split(text, "| humanizeDuration")
			for _, before := range pieces[:len(pieces)-1] {
				seen++
				if !strings.HasSuffix(before, `| printf "%.0f" `) {
					t.Errorf("%s: a duration is not rounded: …%s| humanizeDuration", a.Alert, before[max(0, len(before)-40):])
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no duration found")
	}
}

// The labels of an alert are those that promtool has compared.
func TestAnnotationsUseLabelsThatTheExpressionKeeps(t *testing.T) {
	used := regexp.MustCompile(`\$labels\.(\w+)`)
	tests := readAlertTests(t)
	for _, a := range readRules(t, alertsFile) {
		for _, m := range used.FindAllStringSubmatch(a.text(), -1) {
			for _, test := range tests {
				for _, fired := range test.Fires {
					if _, ok := fired.Labels[m[1]]; test.Alert == a.Alert && !ok {
						t.Errorf("%s: an annotation uses label %s, which it has not: %v", a.Alert, m[1], fired.Labels)
					}
				}
			}
		}
	}
}

func TestRulesNameOnlyMetricsThatExist(t *testing.T) {
	known, recorded := metricNames(t), map[string]bool{}
	rules := readRules(t, recordingFile, alertsFile)
	for _, r := range rules {
		recorded[r.Record] = true
	}
	identifier := regexp.MustCompile(`\b(?:[a-z_]+:)?(?:tuilivekit|process)[_:][a-z0-9_:]+`)
	histogram := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, r := range rules {
		for _, name := range identifier.FindAllString(r.text(), -1) {
			if !recorded[name] && !known[name] && !known[histogram.ReplaceAllString(name, "")] {
				t.Errorf("%s: there is no %s", r.name(), name)
			}
		}
	}
}

func TestRulesNameOnlyReasonsThatExist(t *testing.T) {
	known := exposition(t)
	for _, r := range readRules(t, alertsFile) {
		for _, m := range regexp.MustCompile(`\breason[=!]~?"([^"]*)"`).FindAllStringSubmatch(r.Expr, -1) {
			for reason := range strings.SplitSeq(m[1], "|") {
				if !strings.Contains(known, `reason="`+reason+`"`) {
					t.Errorf("%s: there is no reason %q", r.name(), reason)
				}
			}
		}
	}
}

// A range needs four scrapes, so that one that fails is no gap. docs/alerting.md
// allows for a scrape a minute.
func TestRangesAreLongEnough(t *testing.T) {
	ranges := regexp.MustCompile(`\[(\w+)(?::\w*)?\]`)
	seen := 0
	for _, r := range readRules(t, recordingFile, alertsFile) {
		for _, m := range ranges.FindAllStringSubmatch(r.text(), -1) {
			seen++
			d, err := model.ParseDuration(m[1])
			if err != nil || time.Duration(d) < 4*time.Minute {
				t.Errorf("%s: range %s is shorter than four scrapes a minute apart (%v)", r.name(), m[0], err)
			}
		}
		if strings.Contains(r.Expr, "irate(") || strings.Contains(r.Expr, "idelta(") {
			t.Errorf("%s: looks at two samples only", r.name())
		}
	}
	if seen == 0 {
		t.Error("no range found")
	}
}

var comparison = regexp.MustCompile(`(?:[<>]=?|[=!]=)\s+(on \([^)]*\)\s+group_left \([^)]*\)\s+)?([^\s(]+)`)

// comparisons returns what expr compares with.
func comparisons(expr string) []string {
	var with []string
	for _, m := range comparison.FindAllStringSubmatch(expr, -1) {
		with = append(with, strings.TrimRight(m[2], ")"))
	}
	return with
}

func TestThresholdsAreInOnePlace(t *testing.T) {
	named := regexp.MustCompile(`max\(tuilivekit:alert_(?:threshold|window_seconds)\{(\w+)="(\w+)"\}\)`)
	users, values := map[string][]string{}, map[string]string{}
	for _, r := range readRules(t, recordingFile) {
		for _, key := range []string{"threshold", "window"} {
			if r.Labels[key] != "" {
				values[r.Labels[key]] = strings.TrimSuffix(strings.TrimPrefix(r.Expr, "vector("), ")")
			}
		}
	}
	for _, r := range readRules(t, recordingFile, alertsFile) {
		for _, with := range comparisons(r.Expr) {
			if r.Alert != "" && with != "0" && with != "1" && with != "scalar" {
				t.Errorf("%s compares with %s, which is no threshold of %s", r.name(), with, recordingFile)
			}
		}
		for _, m := range named.FindAllStringSubmatch(r.Expr, -1) {
			users[m[2]] = append(users[m[2]], r.name())
		}
	}
	manual := string(read(t, manualFile))
	for name, value := range values {
		if len(users[name]) == 0 {
			t.Errorf("threshold %s is not used", name)
		}
		row := fmt.Sprintf("| `%s` | %s | ", name, value)
		_, rest, ok := strings.Cut(manual, row)
		if !ok {
			t.Errorf("%s has no row %q", manualFile, row)
		}
		line, _, _ := strings.Cut(rest, "\n")
		for _, user := range users[name] {
			if strings.HasPrefix(user, "TUILiveKit") && !strings.Contains(line, user+" ") && !strings.Contains(line, user+",") {
				t.Errorf("%s: the row of %s does not name %s", manualFile, name, user)
			}
		}
	}
	for name := range users {
		if values[name] == "" {
			t.Errorf("%v use threshold %s, which is not there", users[name], name)
		}
	}
}

// for: starts again with each evaluation that is not true, and a scrape that fails is a gap.
// So a gauge is read over time, where its rule waits.
func TestRulesThatWaitReadNoGaugeAsItIs(t *testing.T) {
	bare := regexp.MustCompile(`\btuilivekit_\w+(\{[^}]*\})?(.?)`)
	for _, a := range readRules(t, alertsFile) {
		if a.For == "" || strings.HasPrefix(a.Expr, "absent(") {
			continue
		}
		for _, m := range bare.FindAllStringSubmatch(a.Expr, -1) {
			if m[2] != "[" && m[2] != ":" {
				t.Errorf("%s: waits for %s on %s, which has a gap at each scrape that fails", a.Alert, a.For, m[0])
			}
		}
	}
}

// Each alternative of a matcher is an alert, or inhibition ends with a renaming.
func TestInhibitionNamesAlerts(t *testing.T) {
	matchers := regexp.MustCompile(`alertname=~?"([^"]+)"`).FindAllStringSubmatch(string(read(t, "alertmanager.example.yaml")), -1)
	if len(matchers) == 0 {
		t.Fatal("no matchers found")
	}
	for _, m := range matchers {
		re, got := regexp.MustCompile("^(?:"+m[1]+")$"), 0
		for name := range alertNames(t) {
			if re.MatchString(name) {
				got++
			}
		}
		if want := strings.Count(m[1], "|") + 1; got != want {
			t.Errorf("%s matches %d alerts, want %d", m[0], got, want)
		}
	}
}

func alertNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, a := range readRules(t, alertsFile) {
		names[a.Alert] = true
	}
	return names
}
