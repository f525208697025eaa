package main

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestWebhookListenerServesNothingElse(t *testing.T) {
	i := startApp(t, "--web.enable-pprof", "--web.enable-lifecycle", "--webhook.path=/callback/d1f0e5b2")
	webhook := "http://" + i.addr
	for _, path := range []string{"/", "/metrics", "/-/healthy", "/-/ready", "/-/reload", "/debug/pprof/", "/debug/pprof/cmdline", "/callback", "/callback/", "/callback/d1f0e5b2/", "/favicon.ico"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			a := do(t, i.client, method, webhook+path, "")
			if a.status != http.StatusNotFound || a.body != "" || a.header.Get("Location") != "" {
				t.Errorf("%s %s: got %d %q", method, path, a.status, a.body)
			}
		}
	}
	acknowledged(t, i.post(i.signed(""), harmless))
	for _, path := range []string{"/callback", "/callback/d1f0e5b2"} {
		if a := i.post(i.web+path+"?"+signedQuery(demoApp, demoToken, "", time.Now().Unix()), knownEvent); a.status != http.StatusNotFound {
			t.Errorf("%s on the web listener: got %d", path, a.status)
		}
	}
}

func TestWebhookListenerDoesNotSpeakHTTP2(t *testing.T) {
	i := startApp(t)
	const preface, settings = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	if a := rawRequest(t, i.addr, preface+settings, false); a.status < 400 || a.status > 499 {
		t.Errorf("preface: got %d", a.status)
	}
	client := &http.Client{Transport: &http.Transport{Protocols: new(http.Protocols)}, Timeout: patience}
	client.Transport.(*http.Transport).Protocols.SetUnencryptedHTTP2(true)
	if resp, err := client.Post(i.signed(""), "application/json", strings.NewReader(harmless)); err == nil {
		resp.Body.Close()
		t.Errorf("a client of HTTP/2 is answered %s by %s", resp.Status, resp.Proto)
	}
	acknowledged(t, i.post(i.signed(""), harmless))
}

// These are refused by net/http in words of its own, with the status that RFC 9110
// has for what a server does not know. They reach no code of ours.
func TestUnsupportedHTTPReachesNothing(t *testing.T) {
	i := startApp(t)
	acknowledged(t, i.post(i.signed(thresholdCommand), knownEvent))
	before := i.scrape()
	for _, row := range []badRow{
		{name: "HTTP/2 in the request line", proto: "HTTP/2.0", status: http.StatusHTTPVersionNotSupported},
		{name: "HTTP/3 in the request line", proto: "HTTP/3.0", status: http.StatusHTTPVersionNotSupported},
		{name: "a transfer encoding that nobody knows", header: "Transfer-Encoding: gzip\r\n", status: http.StatusNotImplemented},
		{name: "two transfer encodings", header: "Transfer-Encoding: chunked, chunked\r\n", status: http.StatusNotImplemented},
	} {
		t.Run(row.name, func(t *testing.T) {
			if a := rawRequest(t, i.addr, row.request(time.Now().Unix()), false); a.status != row.status || strings.Contains(a.body, marker) {
				t.Errorf("got %d %q, want %d", a.status, a.body, row.status)
			}
		})
	}
	after := i.scrape()
	for name, value := range before {
		if strings.HasPrefix(name, "tuilivekit_") && after[name] != value {
			t.Errorf("%s went from %v to %v", name, value, after[name])
		}
	}
}

func TestWebListener(t *testing.T) {
	for _, tc := range []struct {
		name, method, path string
		flags              []string
		want               int
	}{
		{"metrics", "GET", "/metrics", nil, 200},
		{"head of metrics", "HEAD", "/metrics", nil, 200},
		{"metrics elsewhere", "GET", "/m", []string{"--web.telemetry-path=/m"}, 200},
		{"metrics not where they were", "GET", "/metrics", []string{"--web.telemetry-path=/m"}, 404},
		{"metrics are not posted", "POST", "/metrics", nil, 405},
		{"status page", "GET", "/", nil, 200},
		{"head of the status page", "HEAD", "/", nil, 200},
		{"the status page is not posted", "POST", "/", nil, 405},
		{"status", "GET", "/api/v1/status", nil, 200},
		{"status is not posted", "POST", "/api/v1/status", nil, 405},
		{"status with a slash", "GET", "/api/v1/status/", nil, 404},
		{"healthy", "GET", "/-/healthy", nil, 200},
		{"ready", "GET", "/-/ready", nil, 200},
		{"health is not posted", "POST", "/-/healthy", nil, 405},
		{"an unknown path", "GET", "/other", nil, 404},
		{"a path that could be cleaned", "GET", "//metrics", nil, 404},
		{"no profiles", "GET", "/debug/pprof/", nil, 404},
		{"no command line", "GET", "/debug/pprof/cmdline", nil, 404},
		{"profiles", "GET", "/debug/pprof/", []string{"--web.enable-pprof"}, 200},
		{"heap profile", "GET", "/debug/pprof/heap", []string{"--web.enable-pprof"}, 200},
		{"no reload", "POST", "/-/reload", nil, 404},
		{"reload", "POST", "/-/reload", []string{"--web.enable-lifecycle"}, 200},
		{"reload is not for browsers", "GET", "/-/reload", []string{"--web.enable-lifecycle"}, 405},
		{"reload is for POST only", "PUT", "/-/reload", []string{"--web.enable-lifecycle"}, 405},
		{"no shutdown", "POST", "/-/quit", []string{"--web.enable-lifecycle"}, 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			i := startApp(t, tc.flags...)
			a := do(t, i.client, tc.method, i.web+tc.path, "")
			if a.status != tc.want {
				t.Errorf("got %d, want %d: %s", a.status, tc.want, a.body)
			}
			allow := ""
			if tc.want == http.StatusMethodNotAllowed {
				allow = "GET, HEAD"
				if tc.path == "/-/reload" {
					allow = "POST"
				}
			}
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("Allow: got %q, want %q", got, allow)
			}
		})
	}
}

func TestLandingPageLinksLeadSomewhere(t *testing.T) {
	i := startApp(t, "--web.telemetry-path=/telemetry", "--web.enable-pprof")
	links := regexp.MustCompile(`<a href="([^"]+)"`).FindAllStringSubmatch(i.get("/").body, -1)
	found := map[string]bool{}
	for _, link := range links {
		if document, ok := strings.CutPrefix(link[1], "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/"); ok {
			if _, err := os.Stat(filepath.Join("..", "..", document)); err != nil {
				t.Error(err)
			}
			continue
		}
		path := "/" + strings.TrimPrefix(link[1], "/")
		found[path] = true
		if a := i.get(path); a.status != http.StatusOK {
			t.Errorf("%s: got %d", path, a.status)
		}
	}
	for _, path := range []string{"/telemetry", "/-/healthy", "/-/ready", "/api/v1/status", "/debug/pprof/", "/?refresh=off"} {
		if !found[path] {
			t.Errorf("no link to %s", path)
		}
	}
}

func TestWebListenerWithBasicAuth(t *testing.T) {
	// bcrypt of "scrape-password", at the least cost.
	const hash = "$2a$04$SMi.SlwJEtlAuLnIj4KV6.hlJr15VkK3YswVlDhDjgNP6FLHLmOH6"
	i := startApp(t, "--web.config.file="+writeFile(t, "web.yml", "basic_auth_users:\n  prometheus: "+hash+"\n"))
	for _, tc := range []struct {
		name, user, password string
		want                 int
	}{
		{"nobody", "", "", 401},
		{"the user", "prometheus", "scrape-password", 200},
		{"a wrong password", "prometheus", "wrong", 401},
		{"another user", "grafana", "scrape-password", 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, i.web+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			if tc.user != "" {
				req.SetBasicAuth(tc.user, tc.password)
			}
			resp, err := i.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if a := readAll(t, resp); a.status != tc.want {
				t.Errorf("got %d, want %d", a.status, tc.want)
			}
		})
	}
	acknowledged(t, i.post(i.signed(""), harmless)) // the webhook listener has nothing of it
}

func TestPortInUseIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	path := t.TempDir() // of both: the first one unlocks it
	for _, tc := range []struct {
		name, webhook, web string
		want               []string
	}{
		{"webhook listener", busy.Addr().String(), "127.0.0.1:0", []string{"--webhook.listen-address", busy.Addr().String(), "in use"}},
		{"web listener", "127.0.0.1:0", busy.Addr().String(), []string{"--web.listen-address", busy.Addr().String(), "in use"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cli := newCLI(io.Discard, io.Discard)
			if _, err := cli.app.Parse([]string{"--app=1", "--app.allow-unsigned", "--webhook.listen-address=" + tc.webhook, "--web.listen-address=" + tc.web, "--storage.path=" + path}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			err := cli.serve.run(ctx, nil, newLogBuffer())
			if err == nil {
				t.Fatal("it runs")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not have %q", err, want)
				}
			}
		})
	}
}

// facing is a listener that says that it has another address.
type facing struct {
	net.Listener
	ip net.IP
}

func (f facing) Addr() net.Addr { return &net.TCPAddr{IP: f.ip, Port: 19781} }

func TestListenerWithoutTLSIsWarnedAbout(t *testing.T) {
	for _, tc := range []struct {
		name, ip string
		flags    []string
		warned   bool
	}{
		{"on loopback", "127.0.0.1", nil, false},
		{"on all addresses", "0.0.0.0", nil, true},
		{"on all addresses of IPv6", "::", nil, true},
		{"on one address", "192.0.2.1", nil, true},
		{"behind a proxy", "0.0.0.0", []string{"--webhook.trusted-proxies=192.0.2.0/24"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := startApp(t, tc.flags...)
			closed, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			closed.Close()
			if err := i.app.serveWebhook(i.app.webhookServer(), facing{closed, net.ParseIP(tc.ip)}); err == nil {
				t.Error("it serves")
			}
			if warned := strings.Contains(i.log.String(), "the webhook listener has no TLS"); warned != tc.warned {
				t.Errorf("the log is\n%s", i.log)
			}
		})
	}
}

func TestServersWaitForNobodyForEver(t *testing.T) {
	i := startApp(t)
	for name, s := range map[string]*http.Server{"webhook": i.app.webhookServer(), "web": i.app.webServer()} {
		for what, d := range map[string]time.Duration{"headers": cmp.Or(s.ReadHeaderTimeout, s.ReadTimeout), "a request": s.ReadTimeout, "an answer": s.WriteTimeout, "the next request": s.IdleTimeout} {
			if d <= 0 || d > 3*time.Minute {
				t.Errorf("%s: waits %s for %s", name, d, what)
			}
		}
		if s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 64<<10 || s.HTTP2.MaxConcurrentStreams > 32 {
			t.Errorf("%s: %d bytes of headers, %d streams", name, s.MaxHeaderBytes, s.HTTP2.MaxConcurrentStreams)
		}
	}
}
