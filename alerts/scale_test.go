package alerts_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/usage"
)

// TestOneScale: page, API, dashboards, documents and alerts name and colour the same usage
// alike. Levels between the first and Tencent's notice have an alert each.
func TestOneScale(t *testing.T) {
	thresholds := map[string]string{}
	for _, r := range readRules(t, recordingFile) {
		if name := r.Labels["threshold"]; name != "" {
			thresholds[name] = r.Expr
		}
	}
	alerts := map[string]rule{}
	for _, a := range readRules(t, alertsFile) {
		alerts[a.Alert] = a
	}
	var marks, api, words []string
	for _, l := range usage.Levels() {
		percent := fmt.Sprintf("%.0f %%", 100*l.From)
		if l.From > 0 {
			marks = append(marks, fmt.Sprintf("%.0f", 100*l.From))
			api = append(api, fmt.Sprintf("%s (from %s)", l.Name, percent))
			words = append(words, fmt.Sprintf("%s from %s", l.Words, percent))
		}
		if l.From < 0.75 {
			continue // no alert: nothing is wrong, or Tencent has only begun to tell
		}
		name := "TUILiveKitRooms"
		for word := range strings.FieldsSeq(l.Words) {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
		a, ok := alerts[name]
		if !ok {
			t.Errorf("there is no alert %s for the level %s", name, l.Name)
			continue
		}
		if expr, ok := thresholds[l.Name]; ok {
			if want := fmt.Sprintf("vector(%g)", l.From); expr != want {
				t.Errorf("threshold %s is %s, the scale has %s", l.Name, expr, want)
			}
			if !strings.Contains(a.Expr, `threshold="`+l.Name+`"`) {
				t.Errorf("%s does not compare with threshold %s", name, l.Name)
			}
		} else if !strings.Contains(a.Expr, fmt.Sprintf(">= %g", l.From)) {
			t.Errorf("%s does not compare with %g", name, l.From)
		}
	}
	last := len(marks) - 1
	inAll := strings.Join(marks[:last], ", ") + " and " + marks[last]
	for file, wants := range map[string][]string{
		"../docs/status.md":              {strings.Join(api, ", "), "marks at " + inAll},
		"../docs/alerting.md":            {strings.Join(words, ", "), "from " + inAll + " % on"},
		"../docs/dashboards.md":          {strings.Join(words, ", ")},
		"../dashboards/overview.json":    {steps()},
		"../dashboards/application.json": {steps()},
	} {
		text := strings.Join(strings.Fields(string(read(t, file))), " ")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not have %q", file, want)
			}
		}
	}
	// Nobody has a scale of their own.
	other := regexp.MustCompile(`\b(0?\.85|0?\.95|nearly_full|elevated)\b|\b85 and 95\b`)
	for _, file := range []string{"../internal/web/templates/applications.html", "../internal/web/status.css", "../internal/web/report_app.go", "../internal/web/page.go",
		"../dashboards/overview.json", "../dashboards/application.json", "../docs/status.md", "../docs/alerting.md", "../docs/dashboards.md"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(b), "histogram_quantile(0.95", "") // 95 % of something else
		for _, found := range other.FindAllString(text, -1) {
			t.Errorf("%s has %s", file, found)
		}
	}
}

// steps are the thresholds of a panel of usage, as Grafana has them.
func steps() string {
	var all []string
	for i, l := range usage.Levels() {
		from := fmt.Sprint(l.From)
		if i == 0 {
			from = "null"
		}
		all = append(all, fmt.Sprintf(`{ "color": %q, "value": %s }`, l.Color, from))
	}
	return strings.Join(all, ", ")
}
