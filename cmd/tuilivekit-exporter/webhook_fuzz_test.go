package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/handler"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// FuzzLog: whatever the request, in JSON each line of the log is an object, in both
// formats it has no control characters, and nothing of the request but an SDKAppID cut
// to what a log can bear. In the request {query} stands for a signed query, and {marker}
// for text that must not be logged.
func FuzzLog(f *testing.F) {
	for _, row := range badInput() {
		request := strings.ReplaceAll(row.request(1739966441), signedQuery(demoApp, demoToken, thresholdCommand, 1739966441), "{query}")
		if len(request) < 2048 { // a fuzzer is slow with long ones
			f.Add([]byte(request))
		}
	}
	for _, text := range []string{"%0Alevel=error", "%1B[2J", "%E2%80%AE", "%C2%9B31m", "\",\"msg\":\"owned", "%00", "%FF%FE"} {
		f.Add([]byte("POST /callback?SdkAppid=" + text + " HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {marker}" + text + "\r\n\r\n"))
		f.Add([]byte("POST /callback?{query}&CallbackCommand={marker}" + text + " HTTP/1.1\r\nHost: {marker}\r\nContent-Length: 10\r\n\r\n{\"{marker}" + text))
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's
	f.Fuzz(func(t *testing.T, request []byte) {
		now := time.Now().Unix()
		query, sign := signedQuery(demoApp, demoToken, thresholdCommand, now), tuilivekit.Sign(demoToken, fmt.Sprint(now))
		request = bytes.ReplaceAll(request, []byte("{query}"), []byte(query))
		request = bytes.ReplaceAll(request, []byte("{marker}"), []byte(marker))
		for _, format := range []string{"json", "logfmt"} {
			log := newLogBuffer()
			// A new one each time: a second line a second of one reason is not logged.
			c, err := handler.New(handler.Options{
				Apps:   []handler.App{{ID: demoApp, Tokens: []string{demoToken}}},
				Log:    (&serveCommand{logLevel: "debug", logFormat: format}).newLogger(log),
				Limits: handler.Limits{TrustedProxies: trusted},
			})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
			if err != nil {
				return // net/http answers, and logs nothing
			}
			r.RemoteAddr = "192.0.2.1:1"
			c.Router("/callback").ServeHTTP(httptest.NewRecorder(), r)
			checkLines(t, format, sign, log.String())
		}
	})
}

func checkLines(t *testing.T, format, sign, log string) {
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		for _, r := range line {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
				t.Fatalf("%U in %q", r, line)
			}
		}
		if strings.Contains(line, demoToken) || strings.Contains(line, sign) {
			t.Fatalf("a secret in %q", line)
		}
		if len(line) > 400 {
			t.Fatalf("a line of %d bytes: %q", len(line), line)
		}
		if format != "json" {
			if !strings.HasPrefix(line, "time=") {
				t.Fatalf("a line begins in the middle: %q", line)
			}
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if id, ok := fields["sdk_app_id"].(string); ok && len([]rune(id)) > 21 {
			t.Fatalf("an SDKAppID of %d characters in %q", len(id), line)
		}
		for field, value := range fields {
			if field != "sdk_app_id" && strings.Contains(fmt.Sprint(value), marker) {
				t.Fatalf("text of the request in %q", line)
			}
			switch field {
			case "level", "msg", "time", "reason", "status", "sdk_app_id", "detail", "error", "command":
			default:
				t.Fatalf("field %q in %q", field, line)
			}
		}
	}
}

// FuzzSend: whatever its flags, send says what is wrong, or it has a URL that says the
// application, the command and the right signature, and bodies that are JSON with counts
// of the ramp.
func FuzzSend(f *testing.F) {
	token := writeFile(f, "token", demoToken)
	f.Add("http://127.0.0.1:19781/callback", demoApp, thresholdCommand, "", "1", "400", "500", "0s")
	f.Add("https://example.com/callback?x=1", "", "Live.CallbackAfterCreateRoom", "350:500", "", "-1", "0", "-1h")
	f.Add("http://127.0.0.1:19781/callback", demoApp, thresholdCommand, "0:9000000000000000000", "5", "1", "1", "0s")
	f.Add("http://[::1]:1/a%20b", "1&Sign=x", "a b\n", "9223372036854775807:-9223372036854775808", "3", "1e3", "x", "2540400h")
	f.Add("http://127.0.0.1:1/#c", "1", "a", "", "1", "1", "1", "0s")
	f.Fuzz(func(t *testing.T, target, app, command, ramp, count, current, limit, late string) {
		cli := newCLI(io.Discard, io.Discard)
		args := []string{"send", "--token-file=" + token, "--url=" + target, "--app=" + app, "--command=" + command, "--current=" + current, "--max=" + limit, "--late=" + late, "--ramp=" + ramp}
		if count != "" {
			args = append(args, "--count="+count)
		}
		if _, err := cli.app.Parse(args); err != nil {
			return
		}
		c := &cli.send
		if err := c.prepare(); err != nil {
			if strings.Contains(err.Error(), demoToken) || !strings.HasPrefix(err.Error(), "--") {
				t.Fatalf("the error is %q", err)
			}
			return
		}
		if c.count < 1 {
			t.Fatalf("%q makes %d callbacks", ramp, c.count)
		}
		u, err := url.Parse(c.target())
		if err != nil {
			t.Fatalf("%q: %v", c.target(), err)
		}
		q, err := tuilivekit.ParseQuery(u.RawQuery)
		if given, _ := url.Parse(target); err != nil && given.RawQuery == "" && !given.ForceQuery {
			t.Fatalf("%q: %v", u.RawQuery, err)
		}
		if err == nil && (q.AppID != app || q.Command != command || tuilivekit.Signer([]string{demoToken}, q.RequestTime, q.Sign) != 0) {
			t.Fatalf("%q says %+v", u.RawQuery, q)
		}
		for _, i := range []int{0, c.count / 2, c.count - 1} {
			var body struct {
				CallbackCommand            string
				CurRoomCount, MaxRoomCount *json.Number
			}
			if err := json.Unmarshal(c.body(step{i, time.Now()}), &body); err != nil {
				t.Fatalf("%q: %v", c.body(step{number: i}), err)
			}
			if command != thresholdCommand {
				continue
			}
			n, err := strconv.ParseInt(body.CurRoomCount.String(), 10, 64)
			if err != nil || n < min(c.from, c.to) || n > max(c.from, c.to) || body.MaxRoomCount.String() != fmt.Sprint(c.max) {
				t.Fatalf("%q from %q and %q", c.body(step{number: i}), current, ramp)
			}
		}
	})
}
