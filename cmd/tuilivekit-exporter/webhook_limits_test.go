package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const forwardedFor = "X-Forwarded-For: "

// The limits of package handler, as the flags set them.
func TestFlagsOfTheLimits(t *testing.T) {
	i := startApp(t, "--webhook.trusted-proxies=127.0.0.0/8,::1", "--webhook.allowed-sources=192.0.2.0/24", "--webhook.allowed-sources=2001:db8::7", "--webhook.refusals-per-second=0.5")
	for _, tc := range []struct {
		name, header string
		status       int
	}{
		{"an address of the first list", forwardedFor + "192.0.2.7", 200},
		{"an address of the second one", forwardedFor + "2001:db8::7", 200},
		{"another address", forwardedFor + "203.0.113.1", 403},
		{"two lines", forwardedFor + "203.0.113.1\r\n" + forwardedFor + "192.0.2.7", 200},
		{"nonsense", forwardedFor + "nonsense", 400},
		{"nothing", "X: y", 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			row := badRow{body: harmless, header: tc.header + "\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(harmless)) + "\r\n"}
			if a := rawRequest(t, i.addr, row.request(time.Now().Unix()), false); a.status != tc.status {
				t.Errorf("got %d %s", a.status, a.body)
			}
		})
	}
	for n := range 7 { // one of the five has been used
		row := badRow{query: func(int64) string { return "SdkAppid=1" }, header: forwardedFor + "203.0.113.1\r\nContent-Length: 0\r\n"}
		a := rawRequest(t, i.addr, row.request(0), false)
		if want := []int{403, 429}[min(n/4, 1)]; a.status != want {
			t.Errorf("refusal %d: got %d, want %d", n+2, a.status, want)
		}
		if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	expect(t, i.scrape(), map[string]float64{rejectionsOf("source"): 6, rejectionsOf("forwarded"): 1, rejectionsOf("rate"): 3})
}

// Where all sources are allowed nothing depends on X-Forwarded-For, whatever the proxy
// makes of it.
func TestForwardedHeadersAreNotNeededWithoutAllowedSources(t *testing.T) {
	i := startApp(t, "--webhook.trusted-proxies=127.0.0.0/8")
	for _, value := range []string{"unknown", "_hidden", "", "192.0.2.7, nonsense"} {
		req, err := http.NewRequest(http.MethodPost, i.signed(""), strings.NewReader(harmless))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", value)
		resp, err := i.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		acknowledged(t, readAll(t, resp))
	}
	expect(t, i.scrape(), map[string]float64{rejectionsOf("forwarded"): 0})
}

func rejectionsOf(reason string) string {
	return `tuilivekit_webhook_rejections_total{reason="` + reason + `"}`
}

func TestConnectionsLeaveRoomForFiles(t *testing.T) {
	files, ok := fileLimit()
	if !ok {
		t.Skip("this system has no such limit")
	}
	log := newLogBuffer()
	logger := (&serveCommand{}).newLogger(log)
	l := limitFlags{maxConnections: 100}
	if got := l.resolved(logger).MaxConnections; got != 100 || log.String() != "" {
		t.Errorf("got %d connections and the log %s", got, log)
	}
	l.maxConnections = int(min(files, 1<<40))
	if got := l.resolved(logger).MaxConnections; uint64(got)+reservedFiles > files || !strings.Contains(log.String(), "--webhook.max-connections") {
		t.Errorf("got %d connections of %d files and the log %s", got, files, log)
	}
}

// Whoever holds all connections of one address keeps nobody out, and no scrape.
func TestIdleConnectionsKeepNobodyOut(t *testing.T) {
	i := startApp(t, "--webhook.max-connections=40", "--webhook.max-connections-per-source=20")
	for range 100 {
		conn := dial(t, i.addr)
		if _, err := io.WriteString(conn, "POST /callback HTTP/1.1\r\n"); err != nil {
			continue // closed for the ones behind it
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for range 20 {
		acknowledged(t, do(t, client, http.MethodPost, i.signed(""), harmless))
	}
	if n := i.scrape()[rejectionsOf("connections")]; n < 80 {
		t.Errorf("%v connections were closed, want 80 or more", n)
	}
	if n := strings.Count(i.log.String(), "connection closed for a new one"); n > 3 {
		t.Errorf("%d lines about it", n)
	}
}
