package main

import (
	"strings"
	"testing"
)

// TestTextsOfTheRepository looks for one text of each kind.
func TestTextsOfTheRepository(t *testing.T) {
	var b strings.Builder
	if err := run("../..", &b); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{
		"a help text":      "Maximum size of a callback body.",
		"a log message":    "configuration not reloaded, the last one stays",
		"an error":         "no applications: set --config.file=FILE",
		"HELP of a metric": "MaxRoomCount, the limit, of the same event as tuilivekit_current_rooms.",
		"the status page":  "No callback yet",
		"a reason":         "Callbacks are POSTs.",
		"an alert":         "`alerts/alerts.yaml:",
		"a dashboard":      "`dashboards/overview.json:",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is missing: %q", kind, want)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct{ name, file, content, want string }{
		{"a literal of code", "a.go", "package a\n\nvar _ = \"one two three\"", "3 one two three"},
		{"a name", "a.go", "package a\n\nvar _ = \"one_name\"", ""},
		{"a comment", "a.go", "package a\n\n// one two three\nvar _ = 1", ""},
		{"a raw literal", "a.go", "package a\n\nvar _ = `one\ntwo <b> three`", "3 one two (b) three"},
		{"a test", "a_test.go", "package a\n\nvar _ = \"one two three\"", ""},
		{"a page", "a.html", "<style>\na b c d\n</style>\n<p>one {{if\n.X}}two{{end}} &amp; three</p>", "5 two & three"},
		{"an alert", "alerts/a.yaml", "a:\n  description: &x >-\n    {{ $y }} one\n    two three\n  summary: *x\n", "2 … one two three"},
		{"a dashboard", "dashboards/a.json", "{\n \"title\": \"one\",\n", "2 one"},
		{"another file", "a.txt", "one two three", ""},
	} {
		var got []string
		if texts := textsOf(tt.file); texts != nil {
			found, err := texts(tt.content)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				got = append(got, strings.TrimSpace(string(rune('0'+f.line))+" "+f.words))
			}
		}
		if strings.Join(got, "\n") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
