package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// write makes files in a new folder and returns its path.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	t.Setenv("STAGING_TOKEN", "from-the-environment")
	dir := write(t, map[string]string{
		"token": "first\n", "token.next": "  second  \n",
		"c.yaml": `
apps:
  - sdk_app_id: 1400000001
    name: production
    token_files: [token, token.next]
  - sdk_app_id: "1400000002"
    token_env: [STAGING_TOKEN]
  - sdk_app_id: 1400000003
    allow_unsigned: true
`})
	c, warnings, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, app := range c.Apps {
		line := fmt.Sprintf("%s %s %t", app.SDKAppID, app.Name, app.AllowUnsigned)
		for _, token := range app.Tokens {
			line += " " + token.Reveal()
		}
		got = append(got, line)
	}
	want := []string{
		"1400000001 production false first second",
		"1400000002 1400000002 false from-the-environment",
		"1400000003 1400000003 true",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "application 1400000003: allow_unsigned") {
		t.Errorf("warnings are %q", warnings)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	const id = "\n  - sdk_app_id: 1\n    token_files: [token]"
	relay := func(settings string) string { return "apps:" + id + "\n    relay: {" + settings + "}" }
	for _, tc := range []struct{ name, yaml, want string }{
		{"empty", ``, `:1: apps: no applications: at least one is required`},
		{"no applications", `apps: []`, `:1: apps: no applications: at least one is required`},
		{"an unknown key", "apps:" + id + "\n    tokens: [abc]", `:4: apps[0].tokens: unknown key, did you mean token_files?`},
		{"an unknown key at the top", "apps:" + id + "\nweb: {}", `:4: web: unknown key, must be one of apps, relay, replica`},
		{"a key twice", "apps:" + id + "\n    sdk_app_id: 2", `:4: apps[0].sdk_app_id: key is already set on line 2`},
		{"no YAML", "apps: [", `:1: not valid YAML: did not find expected node content`},
		{"two documents", "apps:" + id + "\n---\napps: []", `:4: a second YAML document begins here: the file must contain one`},
		{"another type", "apps: secret-value", `:1: apps: must be a list, not a string`},
		{"another type of a flag", "apps:" + id + "\n    allow_unsigned: secret-value", `:4: apps[0].allow_unsigned: must be true or false, not a string`},
		{"an id with a sign", "apps:\n  - sdk_app_id: +1", `:2: apps[0].sdk_app_id: must be a decimal number without leading zeros`},
		{"a hexadecimal id", "apps:\n  - sdk_app_id: 0x10", `:2: apps[0].sdk_app_id: must be a decimal number without leading zeros`},
		{"an id with a leading zero", "apps:\n  - sdk_app_id: 01", `:2: apps[0].sdk_app_id: must be a decimal number without leading zeros`},
		{"a list as id", "apps:\n  - sdk_app_id: [1]", `:2: apps[0].sdk_app_id: must be a decimal number without leading zeros`},
		{"no id", "apps:\n  - name: x", `:2: apps[0].sdk_app_id: missing: every application needs its SDKAppID`},
		{"an id twice", "apps:" + id + id, `:4: apps[1].sdk_app_id: 1 is already used by apps[0]`},
		{"no token", "apps:" + id + "\n  - sdk_app_id: 2\n    name: x", `:4: apps[1].token_files: no token: set token_files or token_env, or set allow_unsigned to accept callbacks that anyone can forge`},
		{"no token file", "apps:\n  - sdk_app_id: 1\n    token_files:\n      - token\n      - missing", `:5: apps[0].token_files[1]: open DIR/missing: no such file or directory`},
		{"an empty token file", "apps:\n  - sdk_app_id: 1\n    token_files: [empty]", `:3: apps[0].token_files[0]: file DIR/empty is empty`},
		{"a long token", "apps:\n  - sdk_app_id: 1\n    token_files: [long]", `:3: apps[0].token_files[0]: file DIR/long has a token of more than 128 characters`},
		{"no name of a token file", "apps:\n  - sdk_app_id: 1\n    token_files: ['']", `:3: apps[0].token_files[0]: the file name is empty`},
		{"a folder as token file", "apps:\n  - sdk_app_id: 1\n    token_files: [.]", `:3: apps[0].token_files[0]: DIR is a folder`},
		{"five tokens", "apps:\n  - sdk_app_id: 1\n    token_files: [token, token, token, token, token]", `:3: apps[0].token_files: 5 tokens: an application can have at most 4`},
		{"a relay without URL", "apps:" + id + "\n    relay: {timeout: 1s}", `:4: apps[0].relay.url: missing`},
		{"a relay of another scheme", "apps:" + id + "\n    relay: {url: 'ftp://host'}", `:4: apps[0].relay.url: not an http or https URL`},
		{"a relay without host", "apps:" + id + "\n    relay: {url: 'http://:80/x'}", `:4: apps[0].relay.url: not an http or https URL`},
		{"a relay with a password", relay("url: 'https://user:secret@host'"), `:4: apps[0].relay.url: must have no user or password: set basic_auth`},
		{"a relay with a fragment", relay("url: 'https://host/#secret'"), `:4: apps[0].relay.url: must have no fragment: no server ever gets it`},
		{"a relay with a space in its query", relay("url: 'https://host/?a b'"), `:4: apps[0].relay.url: has a query with a space or a character that is not ASCII: write it percent-encoded`},
		{"a relay with a port above 65535", relay("url: 'https://host:99999'"), `:4: apps[0].relay.url: has port 99999: a port is a number from 1 to 65535`},
		{"a relay with port 0", relay("url: 'https://host:0'"), `:4: apps[0].relay.url: has port 0: a port is a number from 1 to 65535`},
		{"a relay that waits longer than Tencent", relay("url: 'https://host', timeout: 3s"), `:4: apps[0].relay.timeout: 3s is not within 10ms and 1.9s: Tencent waits 2s for the answer`},
		{"a negative idle_timeout", relay("url: 'https://host', idle_timeout: -1s"), `:4: apps[0].relay.idle_timeout: -1s is less than 1ms`},
		{"a header without value", relay("url: 'https://host', headers: {X-Key: {}}"), `:4: apps[0].relay.headers.X-Key: needs either value or value_file`},
		{"a header with two values", relay("url: 'https://host', headers: {X-Key: {value: secret, value_file: token}}"), `:4: apps[0].relay.headers.X-Key: needs either value or value_file`},
		{"a header without its file", relay("url: 'https://host', headers: {X-Key: {value_file: missing}}"), `:4: apps[0].relay.headers.X-Key: open DIR/missing: no such file or directory`},
		{"a header with an empty file", relay("url: 'https://host', headers: {X-Key: {value_file: empty}}"), `:4: apps[0].relay.headers.X-Key: file DIR/empty is empty`},
		{"a header with two lines", relay("url: 'https://host', headers: {X-Key: {value_file: lines}}"), `:4: apps[0].relay.headers.X-Key: file DIR/lines has several lines: it must contain one value and nothing else`},
		{"a header with a control character", relay(`url: 'https://host', headers: {X-Key: {value: "secret\u0001"}}`), `:4: apps[0].relay.headers.X-Key: value: has a character that a header field cannot have`},
		{"no name of a header", relay("url: 'https://host', headers: {'X Key': {value: secret}}"), `:4: apps[0].relay.headers.X Key: is not a name of a header field`},
		{"a header twice", relay("url: 'https://host', headers: {x-key: {value: secret}, X-Key: {value: secret}}"), `:4: apps[0].relay.headers.x-key: is there twice, in another letter case`},
		{"a header of the connection", relay("url: 'https://host', headers: {host: {value: secret}}"), `:4: apps[0].relay.headers.host: is set by the relay itself`},
		{"a header of the relay", relay("url: 'https://host', headers: {X-Tuilivekit-Delivery: {value: secret}}"), `:4: apps[0].relay.headers.X-Tuilivekit-Delivery: is set by the relay itself`},
		{"a header beside basic_auth", relay("url: 'https://host', headers: {authorization: {value: secret}}, basic_auth: {username: u, password_file: token}"), `:4: apps[0].relay.headers.authorization: cannot go together with basic_auth, which sets the same field`},
		{"basic_auth without a password", relay("url: 'https://host', basic_auth: {username: u}"), `:4: apps[0].relay.basic_auth.password_file: missing`},
		{"basic_auth with a colon", relay("url: 'https://host', basic_auth: {username: 'u:secret', password_file: token}"), `:4: apps[0].relay.basic_auth.username: must be there, and have no colon`},
		{"a duration without unit", "apps:" + id + "\n    relay: {url: 'https://host', timeout: 3}", `:4: apps[0].relay.timeout: must be a duration with a unit, for example 1500ms`},
		{"no duration", "apps:" + id + "\n    relay: {url: 'https://host', timeout: secret}", `:4: apps[0].relay.timeout: must be a duration with a unit, for example 1500ms`},
		{"a header with an unknown key", relay("url: 'https://host', headers: {X-Key: {file: token}}"), `:4: apps[0].relay.headers.X-Key.file: unknown key, did you mean value_file?`},
		{"a header as text", relay("url: 'https://host', headers: {X-Key: secret}"), `:4: apps[0].relay.headers.X-Key: must be a mapping, not a string`},
		{"an unknown on_failure", "apps:" + id + "\n    relay: {url: 'https://host', on_failure: maybe}", `:4: apps[0].relay.on_failure: must be fail, allow or deny`},
		{"a negative max_concurrent", "apps:" + id + "\n    relay: {url: 'https://host', max_concurrent: -1}", `:4: apps[0].relay.max_concurrent: is not within 1 and 10000`},
		{"a negative max_age", "apps:" + id + "\n    relay: {url: 'https://host', max_age: -1h}", `:4: apps[0].relay.max_age: -1h0m0s is less than 1s`},
		{"a negative max_queue_requests", "apps:" + id + "\n    relay: {url: 'https://host', max_queue_requests: -1}", `:4: apps[0].relay.max_queue_requests: must be at least 1`},
		{"a small max_queue_bytes", "apps:" + id + "\n    relay: {url: 'https://host', max_queue_bytes: 1000}", `:4: apps[0].relay.max_queue_bytes: 1000 is less than 1 MiB, which is 1048576`},
		{"no authority", "apps:" + id + "\n    relay: {url: 'https://host', ca_file: token}", `:4: apps[0].relay.ca_file: no certificate in it`},
		{"no authority file", "apps:" + id + "\n    relay: {url: 'https://host', ca_file: missing}", `:4: apps[0].relay.ca_file: open DIR/missing: no such file or directory`},
		{"a certificate without key", "apps:" + id + "\n    relay: {url: 'https://host', cert_file: token}", `:4: apps[0].relay.cert_file: cert_file and key_file: one needs the other`},
		{"a bad default", "relay:\n  url: https://host\n  timeout: 1h\napps:" + id, `:3: relay.timeout: 1h0m0s is not within 10ms and 1.9s: Tencent waits 2s for the answer`},
		{"no variable", "apps:\n  - sdk_app_id: 1\n    token_env: [TUILIVEKIT_NOT_SET]", `:3: apps[0].token_env[0]: environment variable TUILIVEKIT_NOT_SET is not set`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := write(t, map[string]string{"c.yaml": tc.yaml, "token": "secret-token", "empty": " \n", "lines": "secret\nsecret", "long": strings.Repeat("s", 129)})
			path := filepath.Join(dir, "c.yaml")
			_, _, err := Load(path)
			if err == nil {
				t.Fatal("no error")
			}
			want := path + strings.ReplaceAll(tc.want, "DIR", dir)
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a value in %s", err)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	dir := write(t, map[string]string{"a": "same", "b": "same", "c.yaml": "apps:\n- {sdk_app_id: 1, token_files: [a]}\n- {sdk_app_id: 2, token_files: [b]}\n- {sdk_app_id: 3, token_files: [c]}\n- {sdk_app_id: 4, token_files: [c, c]}\n- {sdk_app_id: 5, token_files: [c]}", "c": "other"})
	for name, mode := range map[string]os.FileMode{"a": 0o440, "b": 0o604} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	_, warnings, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"token file " + filepath.Join(dir, "b") + " can be read by everyone, or written by its group: chmod 600, or 640 for its group",
		"applications 1 and 2 share a token: whoever signs for one can sign for the other",
		"applications 3 to 5, 3 of them, share a token: whoever signs for one can sign for all",
	}
	if fmt.Sprint(warnings) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", warnings, want)
	}
}

func TestRelayFields(t *testing.T) {
	dir := write(t, map[string]string{"token": "t", "key": "\uFEFF s3cret \n", "password": "pa:ss\n", "c.yaml": `
relay:
  url: https://host/index.php?route=live/callback&x=%2F
  headers: {x-api-key: {value_file: key}, X-Tenant: {value: "7"}}
apps:
  - {sdk_app_id: 1, token_files: [token]}
  - {sdk_app_id: 2, token_files: [token], relay: {basic_auth: {username: Aladdin, password_file: password}, headers: {}}}
`})
	c, _, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, app := range c.Apps {
		for _, name := range slices.Sorted(maps.Keys(app.Relay.Fields)) {
			got = append(got, string(app.SDKAppID)+" "+name+": "+app.Relay.Fields[name].Reveal())
		}
		if app.Relay.Target.RawQuery != "route=live/callback&x=%2F" || app.Relay.IdleTimeout != 1500*time.Millisecond {
			t.Errorf("query %s, idle_timeout %s", app.Relay.Target.RawQuery, app.Relay.IdleTimeout)
		}
	}
	want := []string{"1 X-Api-Key: s3cret", "1 X-Tenant: 7", "2 Authorization: Basic QWxhZGRpbjpwYTpzcw=="}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if text := fmt.Sprintf("%+v %#v", c, *c.Apps[0].Relay); strings.Contains(text, "s3cret") {
		t.Errorf("printed: %s", text)
	}
}

func TestRelaysTakeOverWhatAllHave(t *testing.T) {
	dir := write(t, map[string]string{"token": "t", "c.yaml": `
relay: {url: 'https://all.example/hook', timeout: 1s, on_failure: allow, max_age: 2h, max_queue_requests: 7, keep_signature: true}
apps:
  - {sdk_app_id: 1, token_files: [token]}
  - {sdk_app_id: 2, token_files: [token], relay: {url: 'http://two.example', on_failure: deny, max_age: 1m, max_queue_bytes: 2000000, keep_signature: false}}
  - {sdk_app_id: 3, token_files: [token], relay: {disabled: true}}
`})
	c, warnings, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, app := range c.Apps {
		line := "none"
		if r := app.Relay; r != nil {
			line = fmt.Sprintf("%s %s %s %d %s %d %d %t", r.Target, r.Timeout, r.OnFailure, r.MaxConcurrent, r.MaxAge, r.MaxQueueRequests, r.MaxQueueBytes, *r.KeepSignature)
		}
		got = append(got, line)
	}
	want := []string{"https://all.example/hook 1s allow 64 2h0m0s 7 16777216 true", "http://two.example 1s deny 64 1m0s 7 2000000 false", "none"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if last := warnings[len(warnings)-1]; !strings.Contains(fmt.Sprint(warnings), "application 2: relay.url has no TLS") {
		t.Errorf("warnings are %q", last)
	}
}

func TestFromFlags(t *testing.T) {
	token := filepath.Join(write(t, map[string]string{"token": "t"}), "token")
	c, _, err := FromFlags([]string{"2=two=2", "1"}, []string{token}, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Apps[0].SDKAppID, c.Apps[0].Name, c.Apps[1].SDKAppID, c.Apps[1].Name, c.Apps[1].Tokens[0].Reveal()); got != "2two=211t" {
		t.Errorf("got %s", got)
	}
	for _, tc := range []struct {
		name         string
		apps, tokens []string
		want         string
	}{
		{"no id", []string{"=x"}, nil, `--app: "=x" is not SDKAPPID[=NAME] with a decimal SDKAppID`},
		{"an id twice", []string{"1", "1"}, []string{token}, `--app: 1 is already used by apps[0]`},
		{"no token", []string{"1"}, nil, `--app.token-file: missing: set it, or set --app.allow-unsigned to accept callbacks that anyone can forge`},
		{"a name in Latin-1", []string{"1=B\xfcro"}, []string{token}, `--app: "B\xfcro" is not valid UTF-8`},
		{"no token file", []string{"1"}, []string{"/missing"}, `--app.token-file: open /missing: no such file or directory`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, _, err := FromFlags(tc.apps, tc.tokens, false); err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestASecretNeverPrints(t *testing.T) {
	s := Secret{"hidden"}
	printed := s.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		printed += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, App{Tokens: []Secret{s}})
	}
	j, err := json.Marshal(App{Tokens: []Secret{s}})
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(map[string]Secret{"token": s})
	if err != nil {
		t.Fatal(err)
	}
	printed += string(j) + string(y)
	if strings.Contains(printed, "hidden") || strings.Contains(printed, fmt.Sprintf("%x", "hidden")) {
		t.Errorf("printed as %s", printed)
	}
	printed = strings.ReplaceAll(printed, `\u003csecret\u003e`, redacted) // as JSON has it
	if n := strings.Count(printed, redacted); n != 24 {
		t.Errorf("%s is there %d times in %s", redacted, n, printed)
	}
}

// FuzzConfig: whatever the file, Load returns a valid configuration or an error that
// names the file.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("apps:\n  - sdk_app_id: 1400000001\n    allow_unsigned: true\n"))
	f.Add([]byte("apps: [{sdk_app_id: 1, token_files: [token]}, &a {sdk_app_id: 2}, *a]"))
	f.Add([]byte("a: &a [*a]"))
	dir := write(f, map[string]string{"token": "t"})
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Chdir(dir)
		c, _, err := Load(path)
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("error without the file: %v", err)
			}
			return
		}
		for _, app := range c.Apps {
			if !tuilivekit.ValidAppID(string(app.SDKAppID)) || len(app.Tokens) == 0 && !app.AllowUnsigned {
				t.Fatalf("accepted %+v from %q", app, b)
			}
		}
	})
}
