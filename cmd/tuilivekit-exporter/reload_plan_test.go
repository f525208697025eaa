package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Each step of a reload is the one that fails, while all others would change something:
// nothing changes.
func TestReloadChangesAllOrNothing(t *testing.T) {
	first, second := newBackend(t, nil), newBackend(t, nil)
	token, config := writeFile(t, "token", demoToken), writeFile(t, "config.yaml", "")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const old = "apps:\n  - {sdk_app_id: %s, token_files: [%q], relay: {url: '%s'}}\n"
	const changed = old + "  - {sdk_app_id: %s, allow_unsigned: true%s}\n"
	write(config, fmt.Sprintf(old, demoApp, token, first.URL))
	i, pair := startTLS(t, "--config.file="+config, "--web.enable-lifecycle")

	i.client.Transport.(*http.Transport).TLSClientConfig = pair.clientTLS()
	const decision = `{"CallbackCommand":"Live.CallbackBeforeSendGift"}`
	unchanged := func(t *testing.T, rounds int) {
		t.Helper()
		if a := i.post(i.signed("Live.CallbackBeforeSendGift"), decision); a.status != http.StatusOK {
			t.Errorf("the old token: got %d", a.status)
		}
		if got := len(first.wait(t, rounds)); got != rounds || len(second.wait(t, 0)) != 0 {
			t.Errorf("the old backend was asked %d times and the new one %d times", got, len(second.wait(t, 0)))
		}
		if a := i.post(signedURL(i.callback, demoApp, "next-token", ""), harmless); a.status != http.StatusUnauthorized {
			t.Errorf("the new token: got %d", a.status)
		}
		if a := i.post(i.callback+"?SdkAppid="+otherApp, harmless); a.status != http.StatusForbidden {
			t.Errorf("the new application: got %d", a.status)
		}
		state, err := handshake(i.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil || state.PeerCertificates[0].SerialNumber.Int64() != 1 {
			t.Errorf("another certificate (%v)", err)
		}
	}
	unchanged(t, 1)
	for n, tc := range []struct{ name, url, more, want string }{
		{"an application", second.URL, ", nonsense: 1", "nonsense"},
		{"a token", second.URL, "}\n  - {sdk_app_id: 7, token_files: [missing]", "missing"},
		{"a target", "http://169.254.169.254/", "", "169.254.169.254"},
		{"a certificate", second.URL, "", pair.certFile},
	} {
		t.Run(tc.name, func(t *testing.T) {
			write(token, "next-token")
			write(config, fmt.Sprintf(changed, demoApp, token, tc.url, otherApp, tc.more))
			if tc.name == "a certificate" {
				pair.write(pair.certFile, []byte("no certificate"))
			}
			a := do(t, i.client, http.MethodPost, i.web+"/-/reload", "")
			if a.status != http.StatusInternalServerError || !strings.Contains(a.body, tc.want) {
				t.Errorf("got %d %s", a.status, a.body)
			}
			unchanged(t, n+2)
			expect(t, i.scrape(), map[string]float64{reloadSuccessful: 0})
		})
	}

	cert, key := selfSigned(t, 2)
	pair.write(pair.certFile, cert)
	pair.write(pair.keyFile, key)
	write(config, fmt.Sprintf(changed, demoApp, token, second.URL, otherApp, ""))
	if a := do(t, i.client, http.MethodPost, i.web+"/-/reload", ""); a.status != http.StatusOK {
		t.Fatalf("the whole: got %d %s", a.status, a.body)
	}
	state, err := handshake(i.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil || state.PeerCertificates[0].SerialNumber.Int64() != 2 {
		t.Errorf("the old certificate (%v)", err)
	}
}
