package config

import (
	"path/filepath"
	"strings"
	"testing"
)

// loadError returns the error of Load for a file with that content, without the folder of the
// file.
func loadError(t *testing.T, content string) string {
	t.Helper()
	dir := write(t, map[string]string{"c.yaml": content, "token": "t"})
	_, _, err := Load(filepath.Join(dir, "c.yaml"))
	if err == nil {
		t.Fatal("no error")
	}
	return strings.ReplaceAll(err.Error(), dir+"/", "")
}

func TestSyntaxErrorsHaveTheLineOfTheMistake(t *testing.T) {
	const head, tail = "# a comment\napps:\n  - sdk_app_id: 1\n", "    relay:\n      url: https://b.example\n"
	for name, line4 := range map[string]string{
		"a list that is not closed":  "    token_files: [token",
		"a tab":                      "\tname: x",
		"too little indentation":     "   name: x",
		"no indentation at all":      " name: x",
		"no colon":                   "    name x",
		"two colons":                 "    name: a: b",
		"a quote that is not closed": "    name: \"x",
		"text after a quote":         "    name: 'x'y",
		"a reserved character":       "    name: @x",
		"an unknown anchor":          "    name: *x",
		"an unknown escape":          `    name: "a\q"`,
		"a wrong bracket":            "    relay: {timeout: 1s]",
		"a NUL":                      "    name: a\x00b",
		"Latin-1":                    "    name: B\xfcro",
	} {
		t.Run(name, func(t *testing.T) {
			if got := loadError(t, head+line4+"\n"+tail); !strings.HasPrefix(got, "c.yaml:4: not valid YAML: ") || strings.Contains(got, "line ") {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestUnknownKeysHaveASuggestion(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"part of a name", "apps:\n  - tokens: [x]", "c.yaml:2: apps[0].tokens: unknown key, did you mean token_files?"},
		{"a misspelling", "apps:\n  - sdk_app_id: 1\n    token_file: [x]", "c.yaml:3: apps[0].token_file: unknown key, did you mean token_files?"},
		{"other letter case", "apps:\n  - sdkAppId: 1", "c.yaml:2: apps[0].sdkAppId: unknown key, did you mean sdk_app_id?"},
		{"a short name", "apps:\n  - id: 1", "c.yaml:2: apps[0].id: unknown key, did you mean sdk_app_id?"},
		{"another level", "apps:\n  - sdk_app_id: 1\n    on_failure: deny", "c.yaml:3: apps[0].on_failure: unknown key here, did you mean apps[].relay.on_failure or relay.on_failure?"},
		{"no likeness", "apps:\n  - sdk_app_id: 1\nlogging: {}", "c.yaml:3: logging: unknown key, must be one of apps, relay"},
		{"all of them, by line", "relay: {uri: x}\napps:\n  - sdk_app_id: 01\n    nam: x\n    allow_unsigned: yes please",
			"c.yaml:1: relay.uri: unknown key, did you mean url?\n" +
				"c.yaml:3: apps[0].sdk_app_id: must be a decimal number without leading zeros\n" +
				"c.yaml:4: apps[0].nam: unknown key, did you mean name?\n" +
				"c.yaml:5: apps[0].allow_unsigned: must be true or false, not a string"},
		{"an alias", "x: &x {nam: y}\napps: [*x]", "c.yaml:1: x: unknown key, must be one of apps, relay"},
		{"a word as file", "nonsense", "c.yaml:1: must be a mapping, not a string"},
		{"an alias to itself", "apps: &a [*a]", "c.yaml:1: apps[0]: must be a mapping, not a list"},
		{"a number out of range", "apps: []\nrelay: {max_concurrent: 1e30}", "c.yaml:2: relay.max_concurrent: must be a whole number"},
		{"a mapping as name", "apps:\n  - name: {a: b}", "c.yaml:2: apps[0].name: must be a string, not a mapping"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// Other parts of the program add keys to the file.
			got := loadError(t, tc.yaml)
			if prefix, _, ok := strings.Cut(tc.want, "must be one of"); ok && strings.HasPrefix(got, prefix) {
				return
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}
