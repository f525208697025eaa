//go:build unix

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// BenchmarkDecision sends Before commands to a backend in three ways in turn: directly,
// through the exporter, and through a httputil.ReverseProxy, which neither authenticates
// nor reads anything. Client, proxies and backend are this process, over loopback; what a
// way adds is its figure minus the direct one.
func BenchmarkDecision(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, okBody)
	}))
	defer backend.Close()
	target, err := url.Parse(backend.URL)
	if err != nil {
		b.Fatal(err)
	}
	reverse := httptest.NewServer(httputil.NewSingleHostReverseProxy(target))
	defer reverse.Close()
	exporter := httptest.NewServer(benchApp(b, backend.URL).webhook)
	defer exporter.Close()

	ways := []struct {
		name, url string
		cpu       time.Duration
		took      []time.Duration
	}{{name: "direct", url: backend.URL + "/callback"}, {name: "relay", url: exporter.URL + "/callback"}, {name: "reverseproxy", url: reverse.URL + "/callback"}}
	body := []byte(fixture(b, "Live.CallbackBeforeSendGift"))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	post := func(to string) {
		req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(answer) != okBody {
			b.Fatalf("%s %v", answer, err)
		}
	}
	const inTurn = 20
	for b.Loop() {
		query := "?" + signedQuery(demoApp, demoToken, "Live.CallbackBeforeSendGift", time.Now().Unix())
		for i := range ways {
			w := &ways[i]
			before := cpuTime(b)
			for range inTurn {
				start := time.Now()
				post(w.url + query)
				w.took = append(w.took, time.Since(start))
			}
			w.cpu += cpuTime(b) - before
		}
	}
	b.ReportMetric(0, "ns/op") // of all three together: it says nothing
	for _, w := range ways {
		slices.Sort(w.took)
		micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
		b.ReportMetric(micros(w.cpu)/float64(len(w.took)), w.name+"-cpu-µs")
		b.ReportMetric(micros(w.took[len(w.took)/2]), w.name+"-p50-µs")
		b.ReportMetric(micros(w.took[len(w.took)*99/100]), w.name+"-p99-µs")
	}
}

// benchApp returns an exporter whose demoApp has a relay.
func benchApp(b *testing.B, backend string) *app {
	b.Helper()
	cli := newCLI(io.Discard, io.Discard)
	if _, err := cli.app.Parse([]string{"serve", relayTo(b, "url: '"+backend+"'"), "--storage.path=" + b.TempDir()}); err != nil {
		b.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	a, err := newApp(&cli.serve, log)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.close)
	return a
}

// cpuTime returns the processor time that this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
