package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRedactedHasNoSecret(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("hidden-in-a-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(`apps:
  - sdk_app_id: 1400000001
    name: production
    token_files: [secret]
    relay:
      url: 'https://backend.internal:8443/index.php?route=hidden-query'
      headers: {X-Key: {value: hidden-header}, X-File: {value_file: secret}}
      basic_auth: {username: exporter, password_file: secret}
    api: {region: singapore, secret_key_file: secret}
    reconcile: {}
  - {sdk_app_id: 1400000002, allow_unsigned: true}
relay: {url: 'https://shared.internal', timeout: 1s, max_age: 2h}
replica: {redis: {addresses: ['redis:6379'], password_file: secret}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		app  string
		want []string
	}{
		{"1400000001", []string{"name: production", "token_files:", "url: https://backend.internal:8443/index.php?<secret>", "X-Key:", "value: <secret>", "username: exporter", "password_file: secret", "timeout: 1s", "max_age: 2h", "region: singapore", "interval: 10m0s", "rate: 2"}},
		{"1400000002", []string{"allow_unsigned: true", "url: https://shared.internal"}},
		{"", []string{"url: https://shared.internal", "redis:6379", "key_prefix: tuilivekit"}},
	} {
		got := c.Redacted(tt.app)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q: no %q in\n%s", tt.app, want, got)
			}
		}
		for _, bad := range []string{"hidden", "null", `""`, "[]"} {
			if strings.Contains(got, bad) {
				t.Errorf("%q: %s in\n%s", tt.app, bad, got)
			}
		}
	}
	if got := c.Redacted("3"); got != "" {
		t.Errorf("an application that is not there: %s", got)
	}
	for text, want := range map[string]string{"https://user:pw@host/p": "https://<secret>@host/p", "http://host:1/%2Fa?b": "http://host:1/%2Fa?<secret>"} {
		if got := redactedURL(text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
