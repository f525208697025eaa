package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSumFollowsTheContent(t *testing.T) {
	dir := write(t, map[string]string{"token": "first", "c.yaml": "apps: [{sdk_app_id: 1, token_files: [token]}]"})
	path, token := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "token")
	last := SumFile(path)
	put := func(name, content string) func() error {
		return func() error { return os.WriteFile(name, []byte(content), 0o600) }
	}
	for _, tc := range []struct {
		name    string
		do      func() error
		changes bool
	}{
		{"nothing", func() error { return nil }, false},
		{"a new time", func() error { return os.Chtimes(token, time.Unix(1, 0), time.Unix(1, 0)) }, false},
		{"the same again", put(token, "first"), false},
		{"a token of the same size", put(token, "secnd"), true},
		{"no token", func() error { return os.Remove(token) }, true},
		{"an empty token", put(token, ""), true},
		{"the configuration, broken", put(path, "apps: ["), true},
		{"a token that no valid configuration names", put(token, "third"), false},
		{"the configuration, whole", put(path, "apps: [{sdk_app_id: 1, token_files: [token]}]"), true},
		{"no configuration", func() error { return os.Remove(path) }, true},
	} {
		if err := tc.do(); err != nil {
			t.Fatal(err)
		}
		sum := SumFile(path)
		if (sum != last) != tc.changes {
			t.Errorf("%s: changed is %t", tc.name, sum != last)
		}
		last = sum
	}
	for _, key := range []string{"ca_file: pem", "cert_file: pem", "key_file: pem", "headers: {X-Key: {value_file: pem}}", "basic_auth: {password_file: pem}"} {
		for _, relay := range []string{"apps: [{sdk_app_id: 1, relay: {KEY}}]", "{relay: {KEY}, apps: []}"} {
			if err := put(path, strings.ReplaceAll(relay, "KEY", key))(); err != nil {
				t.Fatal(err)
			}
			before := SumFile(path)
			if err := put(filepath.Join(dir, "pem"), key+relay)(); err != nil || SumFile(path) == before {
				t.Errorf("another %s in %s changes nothing (%v)", key, relay, err)
			}
		}
	}
	tokens := SumFiles(token)
	if err := put(token, "fourth")(); err != nil || SumFiles(token) == tokens {
		t.Errorf("a token of the flags changes nothing (%v)", err)
	}
}

// Kubernetes changes a ConfigMap by one symbolic link from one folder to another.
func TestSumFollowsSymbolicLinks(t *testing.T) {
	dir := write(t, nil)
	for name, content := range map[string]string{"1": "apps: [{sdk_app_id: 1, allow_unsigned: true}]", "2": "apps: [{sdk_app_id: 2, allow_unsigned: true}]"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name, "c.yaml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	link("1")
	if err := os.Symlink("..data/c.yaml", filepath.Join(dir, "c.yaml")); err != nil {
		t.Fatal(err)
	}
	before := SumFile(filepath.Join(dir, "c.yaml"))
	link("2")
	if SumFile(filepath.Join(dir, "c.yaml")) == before {
		t.Error("the sum is the same")
	}
}
