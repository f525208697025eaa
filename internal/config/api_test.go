package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

func TestAPI(t *testing.T) {
	expired := time.Now().Add(-2 * time.Hour)
	dir := write(t, map[string]string{
		"token": "t", "key": "secret-key\n", "sig": tuilivekit.UserSig("2", "ops", "k", expired, time.Hour),
		"c.yaml": `
apps:
  - {sdk_app_id: 1, token_files: [token], api: {region: singapore, secret_key_file: key}, reconcile: {}}
  - {sdk_app_id: 2, token_files: [token], api: {host: 'gateway.internal:8443', allow_host: true, identifier: ops, user_sig_file: sig}}
  - {sdk_app_id: 3, token_files: [token], api: {region: china, secret_key_file: key}, reconcile: {interval: 1h, rate: 0.5}}
  - {sdk_app_id: 4, token_files: [token]}
`})
	if err := os.Chmod(filepath.Join(dir, "sig"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, warnings, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, app := range c.Apps {
		line := "none"
		if a := app.API; a != nil {
			line = fmt.Sprintf("%s %s %d %d", a.Address, a.Identifier, len(a.SecretKey.Reveal()), len(a.UserSig.Reveal()))
		}
		if r := app.Reconcile; r != nil {
			line += fmt.Sprintf(" %s %v", r.Interval, r.Rate)
		}
		got = append(got, line)
	}
	want := []string{
		"adminapisgp.im.qcloud.com administrator 10 0 10m0s 2",
		fmt.Sprintf("gateway.internal:8443 ops 0 %d", len(c.Apps[1].API.UserSig.Reveal())),
		"console.tim.qq.com administrator 10 0 1h0m0s 0.5",
		"none",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	all := fmt.Sprint(warnings)
	for _, want := range []string{
		"user_sig_file " + filepath.Join(dir, "sig") + " can be read by everyone",
		"application 2: the UserSig of user_sig_file expired at " + expired.Add(time.Hour).UTC().Format(time.RFC3339),
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %q", want, warnings)
		}
	}
}

func TestAPISaysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"recounts without the API", "reconcile: {}", "reconcile: needs api: the rooms are counted by calls of Tencent's server API"},
		{"no region", "api: {secret_key_file: key}", "api.region: must be one of china, frankfurt, jakarta, mumbai, seoul, singapore, tokyo, usa"},
		{"an unknown region", "api: {region: secret, secret_key_file: key}", "api.region: must be one of china, frankfurt, jakarta, mumbai, seoul, singapore, tokyo, usa"},
		{"region and host", "api: {region: china, host: a.im.qcloud.com, secret_key_file: key}", "api.host: set one of region and host"},
		{"a foreign host", "api: {host: example.com, secret_key_file: key}", `api.host: "example.com" is not under .im.qcloud.com or .tim.qq.com; whoever answers there can act as an administrator of the application; if it is yours, set allow_host`},
		{"a URL as host", "api: {host: 'https://example.com', allow_host: true, secret_key_file: key}", `api.host: "https://example.com" is not HOST or HOST:PORT`},
		{"allow_host alone", "api: {region: china, allow_host: true, secret_key_file: key}", "api.allow_host: is for host, which is not set"},
		{"no credentials", "api: {region: china}", "api.secret_key_file: set one of secret_key_file and user_sig_file"},
		{"two credentials", "api: {region: china, secret_key_file: key, user_sig_file: sig}", "api.secret_key_file: set one of secret_key_file and user_sig_file"},
		{"no key file", "api: {region: china, secret_key_file: missing}", "api.secret_key_file: open DIR/missing: no such file or directory"},
		{"two keys", "api: {region: china, secret_key_file: two}", "api.secret_key_file: file DIR/two has several lines: it must contain one secret key and nothing else"},
		{"no UserSig in the file", "api: {region: china, user_sig_file: key}", "api.user_sig_file: not a UserSig: it has characters that no UserSig has"},
		{"UserSig of another application", "api: {region: china, user_sig_file: other}", "api.user_sig_file: the UserSig is of the application 2, not of 1"},
		{"UserSig of another identifier", "api: {region: china, identifier: ops, user_sig_file: sig}", `api.user_sig_file: the UserSig is of the identifier "administrator", not of "ops"`},
		{"no authority", "api: {region: china, secret_key_file: key, ca_file: key}", "api.ca_file: no certificate in it"},
		{"a short interval", "api: {region: china, secret_key_file: key}\n    reconcile: {interval: 1s}", "reconcile.interval: 1s is not within 1m and 24h"},
		{"a high rate", "api: {region: china, secret_key_file: key}\n    reconcile: {rate: 9}", "reconcile.rate: 9 is not within 0.01 and 8 calls a second"},
		{"no number", "api: {region: china, secret_key_file: key}\n    reconcile: {rate: .nan}", "reconcile.rate: NaN is not within 0.01 and 8 calls a second"},
		{"a rate in words", "api: {region: china, secret_key_file: key}\n    reconcile: {rate: secret}", "reconcile.rate: must be a number, not a string"},
		{"an unknown key", "api: {region: china, secret_key: secret}", "api.secret_key: unknown key, did you mean secret_key_file?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"c.yaml": "apps:\n  - sdk_app_id: 1\n    allow_unsigned: true\n    " + tc.yaml, "key": "secretkey", "two": "secret\nsecret",
				"sig":   tuilivekit.UserSig("1", "administrator", "secret", time.Now(), time.Hour),
				"other": tuilivekit.UserSig("2", "administrator", "secret", time.Now(), time.Hour),
			})
			_, _, err := Load(filepath.Join(dir, "c.yaml"))
			if err == nil {
				t.Fatal("no error")
			}
			if want := ": apps[0]." + strings.ReplaceAll(tc.want, "DIR", dir); !strings.HasSuffix(err.Error(), want) {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
}

func TestSumFollowsTheFilesOfTheAPI(t *testing.T) {
	dir := write(t, map[string]string{"c.yaml": "apps: [{sdk_app_id: 1, api: {secret_key_file: a, user_sig_file: b, ca_file: c}}]"})
	path := filepath.Join(dir, "c.yaml")
	for _, name := range []string{"a", "b", "c"} {
		before := SumFile(path)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		if SumFile(path) == before {
			t.Errorf("another %s changes nothing", name)
		}
	}
}
