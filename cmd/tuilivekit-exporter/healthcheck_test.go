package main

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hashedPassword is bcrypt of "scrape-password", at the least cost.
const hashedPassword = "$2a$04$SMi.SlwJEtlAuLnIj4KV6.hlJr15VkK3YswVlDhDjgNP6FLHLmOH6"

func onlyByName(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"exporter.example"} }

// The health listener answers while the web listener wants a certificate and a password of
// its clients, and nothing but the two checks.
func TestHealthListenerNeedsNoPassword(t *testing.T) {
	t.Parallel()
	pair := newKeyPair(t, 1)
	s := runBinary(t, nil, "--app=1", "--app.allow-unsigned", "--storage.path=", "--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0",
		"--health.listen-address=127.0.0.1:0", "--web.config.file="+writeFile(t, "web.yml", fmt.Sprintf(
			"tls_server_config: {cert_file: %q, key_file: %q}\nbasic_auth_users: {prometheus: %s}\n", pair.certFile, pair.keyFile, hashedPassword)))
	health := "http://" + s.stderr.wait(t, `msg="serving health checks" address="([^"]+)"`)
	s.stderr.wait(t, `msg="(accepting callbacks)"`)
	for path, want := range map[string]int{"/-/healthy": 200, "/-/ready": 200, "/": 404, "/metrics": 404, "/-/reload": 404} {
		if a := do(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}, http.MethodGet, health+path, ""); a.status != want {
			t.Errorf("%s: got %d, want %d", path, a.status, want)
		}
	}
	runBinary(t, nil, "healthcheck", "--timeout=1m", "--url="+health+"/-/ready").expect(0)
}

func TestHealthListenerThatCannotBeBound(t *testing.T) {
	t.Parallel()
	runBinary(t, nil, "--app=1", "--app.allow-unsigned", "--storage.path=", "--webhook.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0",
		"--health.listen-address=192.0.2.1:1").expect(1, "--health.listen-address: ")
}

// A certificate by name, a password: healthcheck says which flag is missing, one after the
// other, and passes with all of them.
func TestHealthcheckOfAProtectedListener(t *testing.T) {
	t.Parallel()
	pair := newKeyPair(t, 1, onlyByName)
	i := startApp(t, "--web.config.file="+writeFile(t, "web.yml", fmt.Sprintf(
		"tls_server_config: {cert_file: %q, key_file: %q}\nbasic_auth_users: {prometheus: %s}\n", pair.certFile, pair.keyFile, hashedPassword)))
	const password = "scrape-password"
	client := writeFile(t, "client.yml", "basic_auth: {username: prometheus, password_file: password}\n")
	args := []string{"healthcheck", "--timeout=1m", "--url=" + strings.Replace(i.web, "http:", "https:", 1) + "/metrics"} // the health checks need no password
	for _, step := range []struct{ fails, add string }{
		{"--server-name", "--server-name=exporter.example"},
		{"--ca-file", "--ca-file=" + pair.certFile},
		{"--http.config.file", "--http.config.file=" + client},
		{"password", ""}, // its file is not there yet
	} {
		p := runBinary(t, nil, args...)
		p.expect(1, step.fails)
		if step.add != "" {
			args = append(args, step.add)
		}
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(client), "password"), []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	p := runBinary(t, nil, args...)
	p.expect(0)
	if strings.Contains(p.output(), password) {
		t.Error("the password is printed")
	}
	runBinary(t, nil, "healthcheck", "--timeout=1m", args[2], "--insecure-skip-verify", "--http.config.file="+client).expect(0)
}
