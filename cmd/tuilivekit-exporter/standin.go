package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// standIn acts as the application's backend: it answers OK, and compares the delivered callbacks with
// those that were sent.
type standIn struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{} // closed when server is

	mu        sync.Mutex
	expected  map[string]string // query by body, of callbacks that have not arrived
	unchanged int
	changed   map[string]int // number of callbacks by kind of change
	others    int            // requests that this process did not send
	news      chan struct{}  // buffered; signals a change
}

func newStandIn(addr string) (*standIn, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &standIn{
		listener: listener, done: make(chan struct{}), expected: make(map[string]string), changed: make(map[string]int),
		news: make(chan struct{}, 1),
	}
	s.server = &http.Server{Handler: s, ReadTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // until close
	}()
	return s, nil
}

func (s *standIn) close() {
	s.server.Close()
	<-s.done
}

// expect is called before a callback is sent, forget if it was not answered OK.
func (s *standIn) expect(query string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[string(body)] = query
}

func (s *standIn) forget(body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.expected, string(body))
}

// ServeHTTP answers a delivery of the exporter.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the exporter delivers it again
	}
	s.compare(r, string(body))
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, tuilivekit.OK)
}

func (s *standIn) compare(r *http.Request, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query, ok := s.expected[body]
	if !ok {
		s.others++
		return
	}
	delete(s.expected, body)
	var differ []string
	for name, same := range map[string]bool{
		"method": r.Method == http.MethodPost, "query": r.URL.RawQuery == query, "content type": r.Header.Get("Content-Type") == "application/json",
	} {
		if !same {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		s.unchanged++
	} else {
		s.changed[strings.Join(differ, ", ")]++
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// wait returns when all callbacks have arrived, after timeout, or when ctx ends.
func (s *standIn) wait(ctx context.Context, timeout time.Duration) {
	late := time.NewTimer(timeout)
	defer late.Stop()
	for {
		s.mu.Lock()
		missing := len(s.expected)
		s.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-s.news:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// report prints the summary. It fails unless all callbacks that were answered OK have arrived
// unchanged.
func (s *standIn) report(w io.Writer, timeout time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	missing, all := len(s.expected), s.unchanged+len(s.expected)
	for _, n := range s.changed {
		all += n
	}
	fmt.Fprintf(w, "%d of %d callbacks arrived unchanged at the stand-in backend, http://%s\n", s.unchanged, all, s.listener.Addr())
	for what, n := range s.changed {
		fmt.Fprintf(w, "%d × arrived with another %s\n", n, what)
	}
	if missing > 0 {
		fmt.Fprintf(w, "%d × not arrived after %s\n    is that address relay.url of the application? The exporter's log says what fails\n", missing, timeout)
	}
	if s.others > 0 {
		fmt.Fprintf(w, "%d × arrived but was not sent now: it has waited for this backend, or is a repeat\n", s.others)
	}
	if s.unchanged < all {
		return errors.New("not all callbacks arrived unchanged")
	}
	return nil
}
