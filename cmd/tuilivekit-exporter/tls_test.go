package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// keyPair is a certificate for loopback and its key, in files.
type keyPair struct {
	t                 *testing.T
	certFile, keyFile string
	written           int
}

func newKeyPair(t *testing.T, serial int64) *keyPair {
	t.Helper()
	p := &keyPair{t: t, certFile: writeFile(t, "cert.pem", ""), keyFile: writeFile(t, "key.pem", "")}
	cert, key := selfSigned(t, serial)
	p.write(p.certFile, cert)
	p.write(p.keyFile, key)
	return p
}

// write replaces a file. Each time is a second later than the last one, however
// coarse the clock of the file system is.
func (p *keyPair) write(name string, content []byte) {
	p.t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.written++
	at := time.Now().Add(time.Duration(p.written) * time.Second)
	if err := os.Chtimes(name, at, at); err != nil {
		p.t.Fatal(err)
	}
}

func selfSigned(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "exporter.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// clientTLS trusts the certificate.
func (p *keyPair) clientTLS() *tls.Config {
	p.t.Helper()
	cert, err := os.ReadFile(p.certFile)
	if err != nil {
		p.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return &tls.Config{RootCAs: pool}
}

func startTLS(t *testing.T) (*instance, *keyPair) {
	t.Helper()
	pair := newKeyPair(t, 1)
	return startApp(t, "--webhook.tls-cert-file="+pair.certFile, "--webhook.tls-key-file="+pair.keyFile), pair
}

// handshake returns what the two sides agree on, or their disagreement.
func handshake(i *instance, config *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", i.addr, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

func TestWebhookListenerWithTLS(t *testing.T) {
	i, pair := startTLS(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pair.clientTLS(), ForceAttemptHTTP2: true}, Timeout: patience}
	defer client.CloseIdleConnections()
	resp, err := client.Post(i.signed(thresholdCommand), "application/json", strings.NewReader(knownEvent))
	if err != nil {
		t.Fatal(err)
	}
	if resp.ProtoMajor != 1 {
		t.Errorf("answered by %s", resp.Proto)
	}
	acknowledged(t, readAll(t, resp))
	expect(t, i.scrape(), map[string]float64{series("current_rooms"): 400})
	if a := i.post("http://"+i.addr+"/callback?"+signedQuery(demoApp, demoToken, "", time.Now().Unix()), harmless); a.status != http.StatusBadRequest {
		t.Errorf("plain HTTP: got %d", a.status)
	}
}

func TestTLSOfTheWebhookListener(t *testing.T) {
	i, pair := startTLS(t)
	for _, tc := range []struct {
		name     string
		from, to uint16
		protos   []string
		proto    string // agreed
		refused  bool
	}{
		{name: "TLS 1.3", from: tls.VersionTLS13, to: tls.VersionTLS13},
		{name: "TLS 1.2", from: tls.VersionTLS12, to: tls.VersionTLS12},
		{name: "TLS 1.1", from: tls.VersionTLS10, to: tls.VersionTLS11, refused: true},
		{name: "TLS 1.0", from: tls.VersionTLS10, to: tls.VersionTLS10, refused: true},
		{name: "HTTP/2 or 1.1", protos: []string{"h2", "http/1.1"}, proto: "http/1.1"},
		{name: "HTTP/2 only", protos: []string{"h2"}, refused: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := pair.clientTLS()
			config.MinVersion, config.MaxVersion, config.NextProtos = tc.from, tc.to, tc.protos
			got, err := handshake(i, config)
			if refused := err != nil; refused != tc.refused {
				t.Errorf("got error %v", err)
			}
			if got.NegotiatedProtocol != tc.proto {
				t.Errorf("agreed on %q", got.NegotiatedProtocol)
			}
		})
	}
}

func TestCertificateFollowsItsFiles(t *testing.T) {
	i, pair := startTLS(t)
	serial := func() int64 {
		t.Helper()
		i.app.cert.mu.Lock()
		i.app.cert.checked = time.Time{} // the interval is over
		i.app.cert.mu.Unlock()
		state, err := handshake(i, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0].SerialNumber.Int64()
	}
	want := func(step string, n int64) {
		t.Helper()
		if got := serial(); got != n {
			t.Errorf("%s: got certificate %d, want %d", step, got, n)
		}
	}
	want("at the start", 1)

	cert, key := selfSigned(t, 2)
	pair.write(pair.certFile, cert)
	want("a certificate without its key", 1)
	pair.write(pair.keyFile, key)
	want("a new pair", 2)

	pair.write(pair.certFile, []byte("no certificate"))
	want("a broken certificate", 2)
	want("the same, looked at again", 2)
	if err := os.Remove(pair.keyFile); err != nil {
		t.Fatal(err)
	}
	want("no key at all", 2)
	if n := strings.Count(i.log.String(), "new certificate cannot be used"); n != 3 {
		t.Errorf("%d lines about it, want one for each broken step:\n%s", n, i.log)
	}

	cert, key = selfSigned(t, 3)
	pair.write(pair.certFile, cert)
	pair.write(pair.keyFile, key)
	want("a good pair again", 3)
}

func TestCertificateIsNotReadForEveryHandshake(t *testing.T) {
	i, pair := startTLS(t)
	i.app.cert.mu.Lock()
	i.app.cert.checked = time.Now().Add(time.Hour) // the interval does not end
	i.app.cert.mu.Unlock()
	trusted := pair.clientTLS()
	pair.write(pair.certFile, nil)
	if _, err := handshake(i, trusted); err != nil {
		t.Error(err)
	}
}

func TestCertificateThatCannotBeReadIsNamedAtTheStart(t *testing.T) {
	pair := newKeyPair(t, 1)
	_, stranger := selfSigned(t, 2)
	other := writeFile(t, "other.pem", string(stranger))
	for _, tc := range []struct{ name, cert, key string }{
		{"no certificate", pair.certFile + ".missing", pair.keyFile},
		{"no key", pair.certFile, pair.keyFile + ".missing"},
		{"another key", pair.certFile, other},
		{"the two swapped", pair.keyFile, pair.certFile},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := newAppError(t, "--app=1", "--app.allow-unsigned", "--webhook.tls-cert-file="+tc.cert, "--webhook.tls-key-file="+tc.key)
			for _, want := range []string{"--webhook.tls-cert-file", "--webhook.tls-key-file", tc.cert, tc.key} {
				if !strings.Contains(err, want) {
					t.Errorf("%q does not have %s", err, want)
				}
			}
		})
	}
}

func TestWebListenerWithTLS(t *testing.T) {
	pair := newKeyPair(t, 7)
	i := startApp(t, "--web.config.file="+writeFile(t, "web.yml", fmt.Sprintf("tls_server_config: {cert_file: %q, key_file: %q}\n", pair.certFile, pair.keyFile)))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pair.clientTLS()}, Timeout: patience}
	defer client.CloseIdleConnections()
	if a := do(t, client, http.MethodGet, strings.Replace(i.web, "http:", "https:", 1)+"/-/ready", ""); a.status != http.StatusOK {
		t.Errorf("got %d", a.status)
	}
	if a := i.get("/metrics"); a.status != http.StatusBadRequest || strings.Contains(a.body, "tuilivekit_") {
		t.Errorf("plain HTTP: got %d %s", a.status, a.body)
	}
	acknowledged(t, i.post(i.signed(""), harmless)) // the webhook listener has nothing of it
}
