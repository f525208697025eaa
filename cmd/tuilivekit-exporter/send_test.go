package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// These are sent to the binary, one after the other: each moves the counts on.
func TestSendPlaysTencent(t *testing.T) {
	t.Parallel()
	token, wrong := writeFile(t, "token", demoToken+"\n"), writeFile(t, "wrong", "wrong-token")
	s := serveBinary(t, nil, "--app="+demoApp, "--app.token-file="+token)
	const failed = "Tencent would have seen: HTTP return code is not 200: "
	var events float64
	for _, tc := range []struct {
		name, args string
		path       string
		accepted   int // threshold events
		current    float64
		code       int
		want       []string
	}{
		{name: "the documented sample", args: "--token-file=" + token, accepted: 1, current: 400, want: []string{"1 of 1 callbacks sent in ", ": 1 answered OK, 0 not\n"}},
		{name: "other counts", args: "--token-file=" + token + " --current=480 --max=600", accepted: 1, current: 480},
		{name: "a ramp", args: "--token-file=" + token + " --ramp=350:356", accepted: 7, current: 356, want: []string{"7 of 7", "median", "99th percentile"}},
		{name: "a ramp down in three steps", args: "--token-file=" + token + " --ramp=350:300 --count=3", accepted: 3, current: 300, want: []string{"3 of 3"}},
		{name: "a rate", args: "--token-file=" + token + " --count=5 --rate=200 --current=410", accepted: 5, current: 410, want: []string{"5 of 5"}},
		{name: "a burst", args: "--token-file=" + token + " --count=200 --concurrency=16 --current=420", accepted: 200, current: 420, want: []string{": 200 answered OK, 0 not"}},
		{name: "a room", args: "--token-file=" + token + " --command=Live.CallbackAfterCreateRoom", current: 420, want: []string{"1 answered OK"}},
		{name: "a little late", args: "--token-file=" + token + " --late=30s --current=430", accepted: 1, current: 430},
		{name: "unsigned", args: "--unsigned", current: 430, code: 1, want: []string{"1 × " + failed + "401 Unauthorized (authentication failed)", "token", "clocks", "1 of 1 callbacks were not answered OK"}},
		{name: "a wrong token", args: "--token-file=" + wrong, current: 430, code: 1, want: []string{failed + "401"}},
		{name: "late", args: "--token-file=" + token + " --late=2m", current: 430, code: 1, want: []string{failed + "401", "clocks"}},
		{name: "malformed", args: "--token-file=" + token + " --malformed", current: 430, code: 1, want: []string{failed + "400 Bad Request ("}},
		{name: "counts that make no sense", args: "--token-file=" + token + " --max=0", current: 430, code: 1, want: []string{"(MaxRoomCount: out of range)"}},
		{name: "a wrong path", args: "--token-file=" + token, path: "/", current: 430, code: 1, want: []string{failed + "404", "--webhook.path"}},
		{name: "an application that is not configured", args: "--token-file=" + token + " --app=2", current: 430, code: 1, want: []string{failed + "403", "configured"}},
		{name: "several that fail alike", args: "--unsigned --count=3", current: 430, code: 1, want: []string{"3 × " + failed, "0 answered OK, 3 not", "3 of 3 callbacks were not answered OK"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"send", "--url=" + s.callback + tc.path}, strings.Fields(tc.args)...)
			if !strings.Contains(tc.args, "--app=") {
				args = append(args, "--app="+demoApp)
			}
			runBinary(t, nil, args...).expect(tc.code, tc.want...)
			events += float64(tc.accepted)
			expect(t, s.scrape(), map[string]float64{series("threshold_events_total"): events, series("current_rooms"): tc.current})
		})
	}
	expect(t, s.scrape(), map[string]float64{series("room_creations_total"): 1, discardsFor("duplicate"): 0, oddityOf("command_mismatch"): 0})
	s.end()
}

func TestSendExplainsWhatElseCanGoWrong(t *testing.T) {
	t.Parallel()
	answering := func(status int, body string) string {
		backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			io.WriteString(w, body)
		}))
		t.Cleanup(backend.Close)
		return backend.URL
	}
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(release) })
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, tc := range []struct{ name, url, want string }{
		{"nobody listens", "http://127.0.0.1:1", "access denied: connection refused"},
		{"no answer in time", silent.URL, "access to the URL timed out"},
		{"no such host", "http://host.invalid/", "access to the URL failed: "},
		{"an unknown certificate", secure.URL, "access to the URL failed: tls: "},
		{"no JSON", answering(200, "hello"), "response could not be parsed"},
		{"other JSON", answering(200, `{"status":"ok"}`), "response could not be parsed"},
		{"a decision", answering(200, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":102100}`), "answered OK with ErrorCode 102100"},
		{"a redirect", answering(302, ""), "HTTP return code is not 200: 302 Found\n    redirects are not followed"},
		{"http to a port that speaks TLS", strings.Replace(secure.URL, "https", "http", 1), "HTTP return code is not 200: 400 Bad Request\n    this port speaks TLS: is it https"},
		{"https to a port that does not", strings.Replace(answering(200, ""), "http", "https", 1), "access to the URL failed: http: server gave HTTP response to HTTPS client\n    this port does not speak TLS: is it http "},
		{"https to something else", "https://" + silentTCP(t), "access to the URL failed: tls: first record does not look like a TLS handshake\n    this port does not speak TLS"},
		{"another program's refusal", answering(401, "<html>"), "HTTP return code is not 200: 401 Unauthorized\n    the answer is not in Tencent's format"},
		{"no content", answering(204, ""), "HTTP return code is not 200: 204"},
		{"a failure", answering(503, ""), "HTTP return code is not 200: 503"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			timeout := "1m"
			if tc.url == silent.URL {
				timeout = "200ms"
			}
			runBinary(t, nil, "send", "--app="+demoApp, "--token-file="+writeFile(t, "token", demoToken), "--timeout="+timeout, "--url="+tc.url).
				expect(1, "Tencent would have seen: "+tc.want, "0 answered OK, 1 not")
		})
	}
}

// silentTCP returns the address of a server that greets with what is neither HTTP nor TLS.
func silentTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "220 mail.example ready\r\n")
			conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestSendToTheWebListener(t *testing.T) {
	t.Parallel()
	s := serveBinary(t, nil, "--app="+demoApp, "--app.token-file="+writeFile(t, "token", demoToken))
	for _, path := range []string{"/callback", "/", "/metrics"} {
		runBinary(t, nil, "send", "--app="+demoApp, "--unsigned", "--url="+s.web+path).expect(1, "is the port of --url that of --webhook.listen-address?")
	}
	s.end()
}

func TestStepsOfARampAreNewerThanWhatCameBefore(t *testing.T) {
	t.Parallel()
	token := writeFile(t, "token", demoToken)
	s := serveBinary(t, nil, "--app="+demoApp, "--app.token-file="+token)
	args := []string{"send", "--app=" + demoApp, "--token-file=" + token, "--url=" + s.callback}
	runBinary(t, nil, append(args, "--current=499")...).expect(0)
	for _, ramp := range []string{"350:500", "500:350"} {
		runBinary(t, nil, append(args, "--ramp="+ramp)...).expect(0, "151 answered OK")
	}
	expect(t, s.scrape(), map[string]float64{
		series("threshold_events_total"): 303, series("current_rooms"): 350,
		discardsFor("out_of_order"): 0, discardsFor("duplicate"): 0, oddityOf("clamped"): 0,
	})
	s.end()
}

func TestInterruptedSendSumsUp(t *testing.T) {
	t.Parallel()
	token := writeFile(t, "token", demoToken)
	s := serveBinary(t, nil, "--app="+demoApp, "--app.token-file="+token)
	p := runBinary(t, nil, "send", "--url="+s.callback, "--app="+demoApp, "--token-file="+token, "--count=1000", "--rate=0.1")
	s.stderr.wait(t, "callback accepted")
	if text := p.cmdline() + s.cmdline(); strings.Contains(text, demoToken) {
		t.Errorf("a list of processes shows the token: %q", text)
	}
	p.signal(syscall.SIGINT)
	p.expect(1, "1 of 1000 callbacks sent in ", " of 1000 callbacks were not answered OK")
	s.end()
}

func TestLongRunShowsProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tally := newTally(10)
		var out bytes.Buffer
		stop := tally.showProgress(&out)
		time.Sleep(time.Second)
		tally.add(outcome{ok: true}, time.Millisecond)
		tally.add(outcome{seen: "nothing"}, time.Millisecond)
		time.Sleep(4 * time.Second)
		stop()
		if got, want := out.String(), "2s: 2 of 10 sent, 1 answered OK\n4s: 2 of 10 sent, 1 answered OK\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &sendCommand{count: 101, rate: 16}
		next := make(chan step)
		go c.schedule(context.Background(), next)
		begin, n := time.Now(), 0
		for s := range next {
			i := s.number
			if due := time.Duration(i) * time.Second / 16; time.Since(begin) != due {
				t.Errorf("callback %d after %s, want %s", i, time.Since(begin), due)
			}
			n++
		}
		if n != 101 {
			t.Errorf("%d callbacks", n)
		}
	})
}
