package alerts_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write zh-CN/alerts.yaml again")

const (
	chineseFile  = "zh-CN/alerts.yaml"
	chineseTexts = "zh-CN/texts.yaml"
)

// ofApplication begins a template that asks for numbers of one application.
const ofApplication = `{{ $app := printf "{sdk_app_id=%q}" $labels.sdk_app_id -}}`

// shortNames stand in the texts for templates that many of them need.
var shortNames = map[string]string{
	"{app}":        `{{ with query (print "sdk_app_id_name:tuilivekit_app_info:newest" $app) }}{{ . | first | label "name" }}{{ else }}应用{{ end }}（{{ $labels.sdk_app_id }}）`,
	"{best}":       number(`(print "sdk_app_id:tuilivekit_rooms:best" $app)`, "%.0f"),
	"{limit}":      number(`(print "sdk_app_id:tuilivekit_rooms:limit" $app)`, "%.0f"),
	"{source}":     `{{ with query (print "sdk_app_id:tuilivekit_rooms:best_source" $app) }}{{ . | first | label "source" }}{{ end }}`,
	"{best_age}":   age(`(print "sdk_app_id:tuilivekit_rooms:best_age_seconds" $app)`),
	"{rooms}":      number(`(print "sdk_app_id:tuilivekit_current_rooms:newest" $app)`, "%.0f"),
	"{max}":        number(`(print "sdk_app_id:tuilivekit_max_rooms:newest" $app)`, "%.0f"),
	"{max_before}": `{{ with query (print "sdk_app_id:tuilivekit_max_rooms:newest" $app " offset 1h") }}{{ . | first | value | printf "%.0f" }}{{ else }}另一个数{{ end }}`,
	"{event_age}":  age(`(print "sdk_app_id:tuilivekit_last_event_age_seconds:newest" $app)`),
	"{pace}":       number(`(print "60 * sdk_app_id:tuilivekit_rooms:deriv30m" $app)`, "%.1f"),
	"{quiet}":      age(`"tuilivekit:alert_window_seconds{window='quiet'}"`),
	"{forget}":     age(`"tuilivekit:alert_window_seconds{window='forget'}"`),
	"{value}":      `{{ $value | printf "%.0f" }}`,
	"{percent}":    `{{ $value | humanizePercentage }}`,
	"{duration}":   `{{ $value | printf "%.0f" | humanizeDuration }} `,
}

func number(query, format string) string {
	return `{{ with query ` + query + ` }}{{ . | first | value | printf "` + format + `" }}{{ end }}`
}

func age(query string) string {
	return `{{ with query ` + query + ` }}{{ . | first | value | printf "%.0f" | humanizeDuration }}{{ end }} `
}

// TestDocumentsInChinese makes the alerts with Chinese texts from those with English texts and
// the table of texts. Expressions, times and labels are those of alerts.yaml.
func TestDocumentsInChinese(t *testing.T) {
	var file struct {
		Groups []struct {
			Name     string
			Interval string `yaml:",omitempty"`
			Rules    []struct {
				Alert         string
				Expr          string
				For           string            `yaml:",omitempty"`
				KeepFiringFor string            `yaml:"keep_firing_for,omitempty"`
				Labels        map[string]string `yaml:",omitempty"`
				Annotations   map[string]string
			}
		}
	}
	decodeStrictly(t, alertsFile, &file)
	texts := map[string]map[string]string{}
	decodeStrictly(t, chineseTexts, &texts)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			text := texts[rule.Alert]
			delete(texts, rule.Alert)
			english := rule.Annotations["summary"] + rule.Annotations["description"]
			for _, key := range []string{"summary", "description"} {
				rule.Annotations[key] = inFull(text[key])
				if !regexp.MustCompile(`\p{Han}`).MatchString(text[key]) {
					t.Errorf("%s: %s has no Chinese %s", chineseTexts, rule.Alert, key)
				}
			}
			if got, want := asks(rule.Annotations["summary"]+rule.Annotations["description"]), asks(english); !slices.Equal(got, want) {
				t.Errorf("%s: the Chinese texts use %q, the English ones %q", rule.Alert, got, want)
			}
			rule.Annotations["runbook_url"] = strings.Replace(rule.Annotations["runbook_url"], "/docs/", "/docs/zh-CN/", 1)
		}
	}
	for name := range texts {
		t.Errorf("%s has texts of %s, which is no alert", chineseTexts, name)
	}
	var b bytes.Buffer
	b.WriteString("# The alerts of tuilivekit-exporter with Chinese texts: load them instead of alerts.yaml.\n" +
		"# make docs writes this file from alerts.yaml and zh-CN/texts.yaml.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(map[string]any{"groups": file.Groups}); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(chineseFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, chineseFile); !bytes.Equal(got, b.Bytes()) {
		t.Errorf("%s is not as alerts.yaml and %s are: make docs writes it again", chineseFile, chineseTexts)
	}
}

// inFull replaces short names, and takes out the spaces that lines of YAML leave in Chinese.
func inFull(text string) string {
	text = regexp.MustCompile(`([\p{Han}。，：；）]) (\p{Han})`).ReplaceAllString(text, "$1$2")
	for _, short := range slices.Sorted(maps.Keys(shortNames)) {
		text = strings.ReplaceAll(text, short, shortNames[short])
	}
	text = regexp.MustCompile(` ([，。；）])`).ReplaceAllString(text, "$1")
	if strings.Contains(text, "$app") {
		text = ofApplication + text
	}
	return text
}

// asks returns the queries and labels that a text uses.
func asks(text string) []string {
	all := regexp.MustCompile(`query \([^{}]*(?:\{[^{}]*\})?[^{}]*\)|query "[^"]*"|\$labels\.(?:command|reason|instance|job)`).FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func decodeStrictly(t *testing.T, name string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(read(t, name)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
