package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// bcrypt of "scrape-password", at the least cost.
const scrapeHash = "$2a$04$SMi.SlwJEtlAuLnIj4KV6.hlJr15VkK3YswVlDhDjgNP6FLHLmOH6"

// getAs returns the answer of the web listener to a user.
func (i *instance) getAs(user, password, path string) answer {
	i.t.Helper()
	req, err := http.NewRequest(http.MethodGet, i.web+path, nil)
	if err != nil {
		i.t.Fatal(err)
	}
	req.SetBasicAuth(user, password)
	resp, err := i.client.Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	return readAll(i.t, resp)
}

func overwrite(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenWebConfigurationLeavesTheLastGoodOne(t *testing.T) {
	const users = "basic_auth_users:\n  prometheus: " + scrapeHash + "\n"
	for name, broken := range map[string]string{
		"no YAML":           "basic_auth_users: [",
		"an unknown key":    users + "colour: red\n",
		"no bcrypt":         "basic_auth_users: {prometheus: secret-password}\n",
		"a missing file":    "", // removed
		"TLS switched on":   "TLS",
		"an unknown cipher": users + "tls_server_config: {cert_file: x, key_file: y, cipher_suites: [ROT13]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, "web.yml", users)
			i := startApp(t, "--web.config.file="+file)
			switch broken {
			case "":
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			case "TLS":
				pair := newKeyPair(t, 7)
				overwrite(t, file, users+fmt.Sprintf("tls_server_config: {cert_file: %q, key_file: %q}\n", pair.certFile, pair.keyFile))
			default:
				overwrite(t, file, broken)
			}
			i.log.wait(t, "web configuration not reloaded, the last one stays")
			for _, path := range []string{"/-/healthy", "/-/ready"} {
				if a := i.get(path); a.status != http.StatusOK {
					t.Errorf("%s: got %d", path, a.status)
				}
			}
			if a := i.get("/metrics"); a.status != http.StatusUnauthorized {
				t.Errorf("a scrape without a password: got %d", a.status)
			}
			a := i.getAs("prometheus", "scrape-password", "/metrics")
			if a.status != http.StatusOK {
				t.Fatalf("a scrape: got %d", a.status)
			}
			expect(t, parseSeries(t, a.body), map[string]float64{reloadSuccessful: 0})
			if a := i.getAs("prometheus", "scrape-password", "/"); !strings.Contains(a.body, "Last reload failed") || !strings.Contains(a.body, "new web configuration") {
				t.Error("the status page does not say it")
			}
			if strings.Contains(i.log.String(), "secret-password") {
				t.Error("the log has a value of the file")
			}
			acknowledged(t, i.post(i.signed(""), harmless))

			overwrite(t, file, "basic_auth_users:\n  grafana: "+scrapeHash+"\n")
			i.log.wait(t, "web configuration reloaded")
			if a := i.getAs("prometheus", "scrape-password", "/metrics"); a.status != http.StatusUnauthorized {
				t.Errorf("a user who has left: got %d", a.status)
			}
			expect(t, parseSeries(t, i.getAs("grafana", "scrape-password", "/metrics").body), map[string]float64{reloadSuccessful: 1})
		})
	}
}

func TestCertificateOfTheWebListenerFollowsItsFiles(t *testing.T) {
	t.Parallel()
	first, next, old := newKeyPair(t, 7), newKeyPair(t, 8), newKeyPair(t, 9, lastYear)
	i := startApp(t, "--web.config.file="+writeFile(t, "web.yml", fmt.Sprintf("tls_server_config: {cert_file: %q, key_file: %q}\n", first.certFile, first.keyFile)))
	addr := strings.TrimPrefix(i.web, "http://")
	trusts, trustsNext := first.clientTLS(), next.clientTLS() // before the files change
	serves := func(client *tls.Config) {
		t.Helper()
		if _, err := handshake(addr, client.Clone()); err != nil {
			t.Errorf("got %v", err)
		}
	}
	serves(trusts)
	overwrite(t, first.certFile, "no certificate")
	i.log.wait(t, "web configuration not reloaded.*no certificate|web configuration not reloaded.*PEM")
	serves(trusts)
	overwrite(t, first.keyFile, readFileText(t, old.keyFile))
	overwrite(t, first.certFile, readFileText(t, old.certFile))
	i.log.wait(t, "web configuration not reloaded.*certificate has expired at")
	serves(trusts)
	overwrite(t, first.keyFile, readFileText(t, next.keyFile))
	overwrite(t, first.certFile, readFileText(t, next.certFile))
	i.log.wait(t, "web configuration reloaded")
	serves(trustsNext)
}

// A limit of the file is for scrapes, not for whoever restarts the process.
func TestHealthChecksNeedNoRoomInTheRateLimit(t *testing.T) {
	i := startApp(t, "--web.config.file="+writeFile(t, "web.yml", "rate_limit: {interval: 1h, burst: 1}\nhttp_server_config: {headers: {X-Frame-Options: deny}}\n"))
	var last answer
	for range 3 {
		last = i.get("/metrics")
	}
	if last.status != http.StatusTooManyRequests || last.header.Get("X-Frame-Options") != "deny" {
		t.Errorf("the third scrape in an hour: got %d %v", last.status, last.header)
	}
	if a := i.get("/-/healthy"); a.status != http.StatusOK {
		t.Errorf("got %d", a.status)
	}
}
