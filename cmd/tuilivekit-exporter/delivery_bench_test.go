//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	benchRooms   = 200
	benchLatency = 50 * time.Millisecond
)

// slowBackend takes benchLatency for each request, and checks the order of each room.
type slowBackend struct {
	*httptest.Server
	taken, disorder atomic.Int64
	mu              sync.Mutex
	last            map[string]int
}

var roomAndNumber = regexp.MustCompile(`"RoomId":"(\d+)".*"Value":"(\d+)"`)

func newSlowBackend(b *testing.B) *slowBackend {
	s := &slowBackend{last: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		m := roomAndNumber.FindStringSubmatch(string(body))
		n, _ := strconv.Atoi(m[2])
		s.mu.Lock()
		if n != s.last[m[1]]+1 {
			s.disorder.Add(1)
		}
		s.last[m[1]] = n
		s.mu.Unlock()
		time.Sleep(benchLatency)
		s.taken.Add(1)
	}))
	b.Cleanup(s.Close)
	return s
}

// BenchmarkDelivery delivers durable callbacks of 200 rooms to a backend that takes 50 ms:
// as fast as it can, and at 300 a second. It prints what was delivered in a second, what was
// dropped, and how often a room was out of order. DELIVERIES of make bench-relay is the number
// of callbacks.
func BenchmarkDelivery(b *testing.B) {
	for _, rate := range []int{0, 300} {
		b.Run(map[int]string{0: "as-fast-as-it-can", 300: "300-a-second"}[rate], func(b *testing.B) {
			backend := newSlowBackend(b)
			a := benchApp(b, backend.URL)
			ctx, cancel := context.WithCancel(context.Background())
			var parts sync.WaitGroup
			parts.Go(func() { _ = a.storage.Run(ctx) })
			parts.Go(func() { _ = a.relay.Run(ctx) })
			server := httptest.NewServer(a.webhook)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
			b.Cleanup(func() { client.CloseIdleConnections(); server.Close(); cancel(); parts.Wait() })

			const senders = 8 // each has rooms of its own, or their order would be chance
			var sending sync.WaitGroup
			start := time.Now()
			for sender := range senders {
				sending.Go(func() {
					for i := sender; i < b.N; i += senders {
						if rate > 0 {
							time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate))))
						}
						// The rooms of a sender are those with its remainder.
						room := i % benchRooms
						post(b, client, server.URL, ofRoom(fmt.Sprint(room), 1+i/benchRooms))
					}
				})
			}
			sending.Wait()
			status := a.relayStatus(demoApp)
			for ; status.QueueRequests > 0; status = a.relayStatus(demoApp) {
				time.Sleep(10 * time.Millisecond)
			}
			seconds := time.Since(start).Seconds()
			if backend.disorder.Load() > 0 || backend.taken.Load()+int64(status.Dropped) != int64(b.N) {
				b.Errorf("%d of %d delivered, %d dropped, %d out of order", backend.taken.Load(), b.N, status.Dropped, backend.disorder.Load())
			}
			b.ReportMetric(0, "ns/op") // of all senders together: it says nothing
			b.ReportMetric(float64(backend.taken.Load())/seconds, "delivered/s")
			b.ReportMetric(float64(status.Dropped), "dropped")
			b.ReportMetric(float64(backend.disorder.Load()), "disordered")
		})
	}
}

func post(b *testing.B, client *http.Client, to, body string) {
	query := "?" + signedQuery(demoApp, demoToken, "Live.CallbackAfterSetMetadata", time.Now().Unix())
	resp, err := client.Post(to+"/callback"+query, "application/json", strings.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Errorf("answered %s", resp.Status)
	}
}
