package exposition

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Scrapers that never read do not block others. If there are maxOpen of them, the answer to
// others is 503 after maxWait.
func TestStalledReadersBlockNoOthers(t *testing.T) {
	h, started := endless(t)
	server := httptest.NewServer(h)
	defer server.Close()
	stall := func() net.Conn {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-started
		return conn
	}
	var stalled []net.Conn
	scrape := func(want int) {
		t.Helper()
		resp, err := http.Get(server.URL + "/?name[]=small")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != want {
			t.Errorf("beside %d stalled readers: %s, %q, %v", len(stalled), resp.Status, body, err)
		}
		if again := resp.Header.Get("Retry-After"); want == http.StatusServiceUnavailable && again == "" {
			t.Error("503 without Retry-After")
		}
	}
	for len(stalled) < maxOpen {
		if len(stalled) == maxTurns || len(stalled) == maxOpen-1 {
			scrape(http.StatusOK)
		}
		stalled = append(stalled, stall())
	}
	scrape(http.StatusServiceUnavailable)
	for _, conn := range stalled { // each of them is still stalled, and has received a part
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func TestAReaderThatStallsIsCutOff(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": defaultTimeout, "10": 10 * time.Second, "0.5": 500 * time.Millisecond,
		"600": maxTimeout, "1e300": maxTimeout, "Inf": maxTimeout, "NaN": defaultTimeout, "-1": defaultTimeout, "x": defaultTimeout,
	} {
		synctest.Test(t, func(t *testing.T) {
			h, started := endless(t)
			var handlers sync.WaitGroup
			listener := pipes{make(chan net.Conn)}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				handlers.Add(1)
				defer handlers.Done()
				h.ServeHTTP(w, r)
			})}
			go server.Serve(listener)
			client, conn := net.Pipe()
			listener.conns <- conn
			if header != "" {
				header = "X-Prometheus-Scrape-Timeout-Seconds: " + header + "\r\n"
			}
			fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", header)
			line, err := bufio.NewReader(client).ReadString('\n')
			if err != nil || !strings.Contains(line, "200") {
				t.Errorf("%q, %v", line, err)
			}
			<-started
			start := time.Now()
			handlers.Wait()
			if took := time.Since(start); took != want {
				t.Errorf("%q: cut off after %s, want %s", header, took, want)
			}
			if _, err := io.Copy(io.Discard, client); err != nil {
				t.Error(err)
			}
			close(listener.conns)
			server.Close()
		})
	}
}

// While scrapes are encoded, the others wait for their turn, in order. A scraper that has closed
// its connection does not delay others.
func TestScrapesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var served []string
		gate := make(chan struct{})
		r := NewRegistry()
		r.MustRegister(&fixed{{Gauge("slow", "h", ""), func(yield func(Sample) bool) {
			<-gate
			yield(Sample{AppID: "1"})
		}}})
		h := r.Handler(errorLog{t})
		var scrapes sync.WaitGroup
		scrape := func(ctx context.Context, name string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			scrapes.Go(func() {
				req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
				if name == "held" {
					req.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "120")
				}
				h.ServeHTTP(w, req)
				mu.Lock()
				defer mu.Unlock()
				served = append(served, name)
			})
			synctest.Wait()
			return w
		}
		for range maxTurns {
			scrape(t.Context(), "held")
		}
		gone, leave := context.WithCancel(t.Context())
		for range 5 {
			scrape(gone, "gone")
		}
		late := scrape(t.Context(), "late")
		time.Sleep(defaultTimeout / 2)
		first, second := scrape(t.Context(), "first"), scrape(t.Context(), "second")
		leave()
		time.Sleep(defaultTimeout / 2)
		synctest.Wait()
		if late.Code != http.StatusServiceUnavailable {
			t.Errorf("a scrape that got no turn is answered %d", late.Code)
		}
		served = nil
		for range maxTurns + 2 {
			gate <- struct{}{}
			synctest.Wait()
		}
		scrapes.Wait()
		if len(served) != maxTurns+2 || served[maxTurns] != "first" || served[maxTurns+1] != "second" {
			t.Errorf("served in the order of %v", served)
		}
		if first.Code != http.StatusOK || second.Code != http.StatusOK {
			t.Errorf("got %d and %d", first.Code, second.Code)
		}
	})
}

// pipes is a net.Listener of connections within this process, as synctest requires.
type pipes struct{ conns chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A scrape releases its turn while its answer is written.
func TestAWriteReleasesTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry()
		r.MustRegister(&fixed{{Gauge("m", "h", ""), hostile("")}})
		h := r.Handler(errorLog{t})
		release := make(chan struct{})
		var scrapes sync.WaitGroup
		for range 2 * maxTurns {
			scrapes.Go(func() {
				h.ServeHTTP(held{httptest.NewRecorder(), release}, httptest.NewRequest(http.MethodGet, "/", nil))
			})
		}
		synctest.Wait()
		if w := get(h, "/", "", ""); w.Code != http.StatusOK {
			t.Errorf("got %d", w.Code)
		}
		close(release)
		scrapes.Wait()
	})
}

// held is a ResponseWriter whose writes block until the test releases them.
type held struct {
	http.ResponseWriter
	release chan struct{}
}

func (h held) Write(b []byte) (int, error) {
	<-h.release
	return h.ResponseWriter.Write(b)
}

// endless returns a handler whose exposition is larger than the buffers of a connection, and a
// channel that gets a value for each scrape whose samples are read. It has a second family, small.
func endless(t *testing.T) (h http.Handler, started chan struct{}) {
	started = make(chan struct{}, 10*maxOpen)
	r := NewRegistry()
	r.MustRegister(&fixed{
		{Gauge("endless", "h", ""), func(yield func(Sample) bool) {
			started <- struct{}{}
			for yield(Sample{AppID: strings.Repeat("1", 1000)}) {
			}
		}},
		{Gauge("small", "h", ""), func(yield func(Sample) bool) { yield(Sample{AppID: "1"}) }},
	})
	return r.Handler(errorLog{t}), started
}
