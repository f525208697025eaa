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
	"io"
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
}

func newKeyPair(t *testing.T, serial int64, edits ...func(*x509.Certificate)) *keyPair {
	t.Helper()
	cert, key := selfSigned(t, serial, edits...)
	return &keyPair{t: t, certFile: writeFile(t, "cert.pem", string(cert)), keyFile: writeFile(t, "key.pem", string(key))}
}

// write replaces a file by one of the same time: it is the content that counts.
func (p *keyPair) write(name string, content []byte) {
	p.t.Helper()
	info, err := os.Stat(p.certFile)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
		p.t.Fatal(err)
	}
}

// certificate returns the pair for a client that shows it.
func (p *keyPair) certificate() tls.Certificate {
	p.t.Helper()
	pair, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		p.t.Fatal(err)
	}
	return pair
}

func lastYear(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
}

func elsewhere(c *x509.Certificate) {
	c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"}
}

func selfSigned(t *testing.T, serial int64, edits ...func(*x509.Certificate)) (cert, key []byte) {
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
	for _, edit := range edits {
		edit(template)
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

func startTLS(t *testing.T, args ...string) (*instance, *keyPair) {
	t.Helper()
	pair := newKeyPair(t, 1)
	return startApp(t, append(args, "--webhook.tls-cert-file="+pair.certFile, "--webhook.tls-key-file="+pair.keyFile)...), pair
}

// handshake returns what the two sides agree on, or their disagreement. A server that
// wants another certificate of the client says so only when it is asked for something.
func handshake(addr string, config *tls.Config) (tls.ConnectionState, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, config)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return tls.ConnectionState{}, err
	}
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return tls.ConnectionState{}, err
	}
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
			got, err := handshake(i.addr, config)
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
		i.app.cert.look()
		state, err := handshake(i.addr, &tls.Config{InsecureSkipVerify: true})
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
	cert, key = selfSigned(t, 4, lastYear)
	pair.write(pair.certFile, cert)
	pair.write(pair.keyFile, key)
	want("an expired pair", 2)
	if err := os.Remove(pair.keyFile); err != nil {
		t.Fatal(err)
	}
	want("no key at all", 2)
	if n := strings.Count(i.log.String(), "certificate not reloaded"); n != 4 {
		t.Errorf("%d lines about it, want one for each broken step:\n%s", n, i.log)
	}

	cert, key = selfSigned(t, 3)
	pair.write(pair.certFile, cert)
	pair.write(pair.keyFile, key)
	want("a good pair again", 3)
}

// While the files are broken callbacks go on, over new connections too, and what is
// wrong shows. Nobody has to connect for that.
func TestBrokenCertificateLosesNoCallback(t *testing.T) {
	t.Parallel()
	i, pair := startTLS(t, "--storage.path=")
	shown := func(ok bool) {
		t.Helper()
		for late := time.Now().Add(patience); i.status().Configuration.OK != ok; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("the status does not become %t", ok)
			}
		}
		want := 0.0
		if ok {
			want = 1
		}
		expect(t, i.scrape(), map[string]float64{reloadSuccessful: want})
		if page := i.get("/").body; strings.Contains(page, "Last reload failed") == ok || strings.Contains(page, "new certificate "+pair.certFile) == ok {
			t.Error(page)
		}
	}
	shown(true)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
	sent, stop := i.keepSending(client)
	pair.write(pair.certFile, []byte("no certificate"))
	shown(false)
	if text := i.status().Configuration.Error; !strings.Contains(text, pair.certFile) {
		t.Errorf("the error is %q", text)
	}
	before := sent.Load()
	cert, key := selfSigned(t, 2)
	pair.write(pair.keyFile, key)
	i.log.wait(t, "(?s)certificate not reloaded.*certificate not reloaded")
	pair.write(pair.certFile, cert)
	shown(true)
	stop()
	expect(t, i.scrape(), map[string]float64{callbacksOf("other"): float64(sent.Load())})
	if before == 0 || sent.Load() == before {
		t.Error("nothing was sent meanwhile")
	}
	t.Logf("%d callbacks, each over a connection of its own, %d of them before the pair was good again; none failed", sent.Load(), before)
}

// What a sender sees that checks the certificate.
func TestCertificatesThatASenderRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*x509.Certificate)
		want string // of the error, empty for none
	}{
		{"a good one", func(*x509.Certificate) {}, ""},
		{"an expired one", lastYear, "expired"},
		{"one for another name", elsewhere, "127.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pair := newKeyPair(t, 1, tc.edit)
			i := startApp(t, "--webhook.tls-cert-file="+pair.certFile, "--webhook.tls-key-file="+pair.keyFile)
			_, err := handshake(i.addr, pair.clientTLS())
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v", err)
			}
			if warned := strings.Contains(i.log.String(), "senders that verify the certificate will not connect"); warned != (tc.want == "expired") {
				t.Errorf("the log is\n%s", i.log)
			}
			if _, err := handshake(i.addr, &tls.Config{RootCAs: x509.NewCertPool()}); err == nil {
				t.Error("a sender that does not know the issuer connects")
			}
		})
	}
}

func TestHTTP2IfAskedFor(t *testing.T) {
	i, pair := startTLS(t, "--webhook.enable-http2", "--webhook.max-body-bytes=1KiB")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: pair.clientTLS(), ForceAttemptHTTP2: true}, Timeout: patience}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		name, target, body string
		status             int
	}{
		{"a callback", i.signed(thresholdCommand), knownEvent, 200},
		{"without a signature", i.callback + "?SdkAppid=" + demoApp, knownEvent, 401},
		{"a large body", i.signed(""), strings.Repeat(" ", 1025), 413},
		{"another path", "https://" + i.addr + "/metrics", "", 404},
		{"a callback after all", i.signed(""), harmless, 200},
	} {
		resp, err := client.Post(tc.target, "application/json", strings.NewReader(tc.body))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if resp.Body.Close(); resp.ProtoMajor != 2 || resp.StatusCode != tc.status {
			t.Errorf("%s: got %s by %s", tc.name, resp.Status, resp.Proto)
		}
	}
	expect(t, i.scrape(), map[string]float64{series("current_rooms"): 400, rejectionsOf("sign"): 1, rejectionsOf("too_large"): 1})
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

func TestClientCertificatesOfTheWebListener(t *testing.T) {
	server, client := newKeyPair(t, 1), newKeyPair(t, 2, forClients)
	stranger, expired := newKeyPair(t, 3, forClients), newKeyPair(t, 4, forClients, lastYear)
	known := writeFile(t, "clients.pem", readFileText(t, client.certFile)+readFileText(t, expired.certFile))
	i := startApp(t, "--web.config.file="+writeFile(t, "web.yml", fmt.Sprintf(
		"tls_server_config: {cert_file: %q, key_file: %q, client_auth_type: RequireAndVerifyClientCert, client_ca_file: %q}\n", server.certFile, server.keyFile, known)))
	addr := strings.TrimPrefix(i.web, "http://")
	for _, tc := range []struct {
		name    string
		edit    func(*tls.Config)
		refused bool
	}{
		{"the client", func(c *tls.Config) { c.Certificates = []tls.Certificate{client.certificate()} }, false},
		{"the client, with TLS 1.2", func(c *tls.Config) {
			c.Certificates, c.MaxVersion = []tls.Certificate{client.certificate()}, tls.VersionTLS12
		}, false},
		{"the client, with TLS 1.1", func(c *tls.Config) {
			c.Certificates, c.MinVersion, c.MaxVersion = []tls.Certificate{client.certificate()}, tls.VersionTLS10, tls.VersionTLS11
		}, true},
		{"no certificate", func(*tls.Config) {}, true},
		{"a stranger's", func(c *tls.Config) { c.Certificates = []tls.Certificate{stranger.certificate()} }, true},
		{"an expired one", func(c *tls.Config) { c.Certificates = []tls.Certificate{expired.certificate()} }, true},
		{"a client that wants another name", func(c *tls.Config) {
			c.Certificates, c.ServerName = []tls.Certificate{client.certificate()}, "elsewhere.example"
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := server.clientTLS()
			tc.edit(config)
			if _, err := handshake(addr, config); (err != nil) != tc.refused {
				t.Errorf("got error %v", err)
			}
		})
	}
	acknowledged(t, i.post(i.signed(""), harmless)) // the webhook listener has nothing of it
}

func forClients(c *x509.Certificate) {
	c.IPAddresses, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
}

func readFileText(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
