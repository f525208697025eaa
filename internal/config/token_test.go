package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tokenCases are contents of token files and environment variables. token is what must
// come out; else the error has fault.
var tokenCases = []struct{ name, content, token, fault string }{
	{"a token", "secret", "secret", ""},
	{"space and line ends around it", " \tsecret \r\n\n", "secret", ""},
	{"a byte order mark", "\xef\xbb\xbfsecret\n", "secret", ""},
	{"128 characters", strings.Repeat("s", 128), strings.Repeat("s", 128), ""},
	{"other letters", "sécret", "sécret", ""},
	{"nothing", "", "", "is empty"},
	{"space alone", " \n\t\n", "", "is empty"},
	{"a byte order mark alone", "\xef\xbb\xbf\n", "", "is empty"},
	{"UTF-16, little endian", "\xff\xfes\x00e\x00c\x00", "", "is encoded as UTF-16: save it as UTF-8"},
	{"UTF-16, big endian", "\xfe\xff\x00s\x00e", "", "is encoded as UTF-16: save it as UTF-8"},
	{"UTF-16 without a mark", "s\x00e\x00", "", "has a NUL byte at position 2: a token is text (is the file encoded as UTF-16?)"},
	{"Latin-1", "secr\xe9t", "", "is not valid UTF-8"},
	{"what the example of Kubernetes has", "<callback token>\n", "", "has a placeholder instead of the token"},
	{"a word to be replaced", "Change-Me", "", "has a placeholder instead of the token"},
	{"the token of Tencent's example", "xxxxyyyy", "", "has a placeholder instead of the token"},
	{"two tokens", "secret\nsecret2\n", "", "has several lines: it must contain one token and nothing else"},
	{"two lines of an old Macintosh", "secret\rsecret2", "", "has several lines: it must contain one token and nothing else"},
	{"a comment before it", "#secret comment\nsecret\n", "", "begins with a comment: it must contain the token and nothing else"},
	{"a comment alone", "# secret\n", "", "begins with a comment: it must contain the token and nothing else"},
	{"a comment behind it", "secret\n# comment", "", "has several lines: it must contain one token and nothing else"},
	{"129 characters", strings.Repeat("s", 129), "", "has a token of more than 128 characters"},
	{"a large file", strings.Repeat("s", 1<<20), "", "has a token of more than 128 characters"},
	{"an escape", "sec\x1bret", "", "has a control or invisible character (U+001B) at position 4 of the token"},
	{"a tab", "sec\tret", "", "has a control or invisible character (U+0009) at position 4 of the token"},
	{"a space without width", "sec\u200bret", "", "has a control or invisible character (U+200B) at position 4 of the token"},
}

func TestTokenFiles(t *testing.T) {
	for _, tc := range tokenCases {
		t.Run(tc.name, func(t *testing.T) {
			dir := write(t, map[string]string{"token": tc.content, "c.yaml": "apps:\n  - sdk_app_id: 1\n    token_files: [token]\n"})
			c, _, err := Load(filepath.Join(dir, "c.yaml"))
			checkToken(t, c, err, tc.token, filepath.Join(dir, "c.yaml")+":3: apps[0].token_files[0]: file "+filepath.Join(dir, "token")+" "+tc.fault)
			c, _, err = FromFlags([]string{"1"}, []string{filepath.Join(dir, "token")}, false)
			checkToken(t, c, err, tc.token, "--app.token-file: file "+filepath.Join(dir, "token")+" "+tc.fault)
		})
	}
}

func TestTokenVariables(t *testing.T) {
	for _, tc := range tokenCases {
		if strings.Contains(tc.content, "\x00") {
			continue // no variable can hold it
		}
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("TOKEN", tc.content)
			path := filepath.Join(write(t, map[string]string{"c.yaml": "apps:\n  - sdk_app_id: 1\n    token_env: [TOKEN]\n"}), "c.yaml")
			c, _, err := Load(path)
			checkToken(t, c, err, tc.token, path+":3: apps[0].token_env[0]: environment variable TOKEN "+tc.fault)
		})
	}
}

func checkToken(t *testing.T, c *Config, err error, token, fault string) {
	t.Helper()
	switch {
	case token != "" && (err != nil || c.Apps[0].Tokens[0].Reveal() != token):
		t.Errorf("got %v", err)
	case token == "" && (err == nil || err.Error() != fault):
		t.Errorf("got  %v\nwant %s", err, fault)
	case err != nil && strings.Contains(err.Error(), "sec"):
		t.Errorf("the content is in %v", err)
	}
}

func TestOddTokensAreWarnedAbout(t *testing.T) {
	for content, want := range map[string]string{
		`"quoted"`:  "has quotation marks around the token, which are part of it",
		`'quoted'`:  "has quotation marks around the token, which are part of it",
		"two words": "has a space inside the token, which is part of it",
		"#number":   "has a token that begins with #, which is part of it",
		`it's "it"`: "has a space inside the token, which is part of it",
	} {
		t.Setenv("TOKEN", content)
		dir := write(t, map[string]string{"token": content, "c.yaml": "apps: [{sdk_app_id: 1, token_files: [token], token_env: [TOKEN]}]"})
		c, warnings, err := Load(filepath.Join(dir, "c.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(warnings) != 2 || warnings[0] != "token file "+filepath.Join(dir, "token")+" "+want || warnings[1] != "environment variable TOKEN "+want {
			t.Errorf("%s: warnings are %q", content, warnings)
		}
		if c.Apps[0].Tokens[0].Reveal() != content {
			t.Errorf("%s is changed", content)
		}
	}
}

func TestADeviceAsTokenFile(t *testing.T) {
	if _, _, err := ReadTokenFile(os.DevNull); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("got %v", err)
	}
}
