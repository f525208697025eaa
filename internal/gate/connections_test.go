package gate

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// A server that accepts every second request, and whose clients come and go.
func TestConnectionsAreCountedDown(t *testing.T) {
	g := New(Options{MaxConnections: 8, MaxConnectionsPerSource: 4, RefusalsPerSecond: 1})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ConnContext: g.ConnContext, ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/accepted" {
			g.Accept(r)
		}
	})}
	go s.Serve(g.Listener(ln))
	defer s.Close()
	cs, lines := g.connections, []net.Conn{}
	for n := range 60 {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%3))}, Timeout: 5 * time.Second}
		l, err := d.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Skipf("this system has one address on loopback only: %v", err)
		}
		defer l.Close()
		l.SetDeadline(time.Now().Add(5 * time.Second))
		if n%2 == 0 {
			path := "/refused"
			if n%4 == 0 {
				path = "/accepted"
			}
			fmt.Fprintf(l, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
			l.Read(make([]byte, 1)) // a connection that was closed has no answer
		}
		if n%5 == 0 {
			lines = append(lines, l)
		} else {
			l.Close()
		}
	}
	count := func() (open, strangers, sources int) {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		return cs.open, cs.strangers.Len(), len(cs.bySource)
	}
	if open, _, _ := count(); open > 8 {
		t.Errorf("%d connections are open", open)
	}
	for _, l := range lines {
		l.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		open, strangers, sources := count()
		if open+strangers+sources == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, %d strangers and %d sources are left", open, strangers, sources)
		}
	}
}
