package gate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counting is a connection that counts how often a deadline is set.
type counting struct {
	net.Conn
	reads, writes *atomic.Int64
}

func (c counting) SetReadDeadline(t time.Time) error {
	c.reads.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c counting) SetWriteDeadline(t time.Time) error {
	c.writes.Add(1)
	return c.Conn.SetWriteDeadline(t)
}

// newPipe returns a connection with limits, and its other end.
func newPipe(t *testing.T) (admitted *conn, other net.Conn) {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	cs := &connections{max: 1, perSource: 1, bySource: map[netip.Addr]int{}}
	return cs.admit(near), far
}

// took returns how long call took, of the time of the test.
func took(call func() error) (time.Duration, error) {
	start := time.Now()
	err := call()
	return time.Since(start), err
}

func TestDeadlinesAreExact(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*conn, time.Time) error
		call func(*conn) error
	}{
		{"read", (*conn).SetReadDeadline, func(c *conn) error { _, err := c.Read(make([]byte, 1)); return err }},
		{"write", (*conn).SetWriteDeadline, func(c *conn) error { _, err := c.Write([]byte("x")); return err }},
		{"both, read", (*conn).SetDeadline, func(c *conn) error { _, err := c.Read(make([]byte, 1)); return err }},
		{"both, write", (*conn).SetDeadline, func(c *conn) error { _, err := c.Write([]byte("x")); return err }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newPipe(t)
				// Earlier, later, and past deadlines, one after the other.
				for _, after := range []time.Duration{time.Hour, time.Second, time.Minute, -time.Second, 2 * time.Minute, 0, time.Second} {
					tc.set(c, time.Now().Add(3*time.Hour)) // replaced before it is used
					tc.set(c, time.Now().Add(after))
					if d, err := took(func() error { return tc.call(c) }); !errors.Is(err, os.ErrDeadlineExceeded) || d != max(0, after) {
						t.Errorf("deadline in %s: ended after %s: %v", after, d, err)
					}
				}
			})
		})
	}
}

func TestADeadlineChangesACallInProgress(t *testing.T) {
	for _, tc := range []struct {
		name          string
		first, second time.Duration // 0: none
		want          time.Duration
	}{
		{"earlier", time.Hour, time.Minute, time.Minute},
		{"later", time.Minute, time.Hour, time.Hour},
		{"instead of none", 0, time.Minute, time.Minute},
		{"past", time.Hour, -time.Hour, 10 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newPipe(t)
				start := time.Now()
				if tc.first != 0 {
					c.SetReadDeadline(start.Add(tc.first))
				}
				time.AfterFunc(10*time.Second, func() { c.SetReadDeadline(start.Add(tc.second)) })
				if d, err := took(func() error { _, err := c.Read(make([]byte, 1)); return err }); !errors.Is(err, os.ErrDeadlineExceeded) || d != tc.want {
					t.Errorf("ended after %s: %v", d, err)
				}
			})
		})
	}
}

// A deadline that was replaced does not end a call.
func TestNoDeadlineLeavesACallAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, other := newPipe(t)
		go io.Copy(io.Discard, other)
		for _, next := range []time.Time{{}, time.Now().Add(100 * time.Hour)} {
			c.SetDeadline(time.Now().Add(time.Second))
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			c.SetDeadline(next)
			time.AfterFunc(time.Hour, func() { other.Write([]byte("x")) })
			if n, err := c.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Errorf("read %d bytes: %v", n, err)
			}
			if n, err := c.Write([]byte("x")); n != 1 || err != nil {
				t.Errorf("wrote %d bytes: %v", n, err)
			}
		}
	})
}

func TestAWriteGoesOnWhereItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, other := newPipe(t)
		c.SetWriteDeadline(time.Now().Add(time.Minute))
		go other.Read(make([]byte, 1))
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		c.SetWriteDeadline(time.Now().Add(time.Hour))
		var got []byte
		var reader sync.WaitGroup
		reader.Go(func() {
			buf := make([]byte, 3)
			for range 4 {
				n, _ := other.Read(buf)
				got = append(got, buf[:n]...)
				time.Sleep(50 * time.Second) // the first deadline is between two of them
			}
		})
		if n, err := c.Write([]byte("0123456789")); n != 10 || err != nil {
			t.Errorf("wrote %d bytes: %v", n, err)
		}
		reader.Wait()
		if string(got) != "0123456789" {
			t.Errorf("got %q", got)
		}
	})
}

// countingListener is a listener whose connections count together.
type countingListener struct {
	net.Listener
	reads, writes atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return counting{nc, &l.reads, &l.writes}, err
}

// For each request, a server of net/http sets six read deadlines and two write deadlines.
func TestFewDeadlinesReachTheConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counted := &countingListener{Listener: ln}
	g := New(Options{MaxConnections: 8, MaxConnectionsPerSource: 4, RefusalsPerSecond: 1})
	s := &http.Server{
		ReadTimeout: time.Hour, WriteTimeout: time.Hour, IdleTimeout: 2 * time.Hour,
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }),
	}
	go s.Serve(g.Listener(counted))
	defer s.Close()
	l, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const requests = 100
	in := bufio.NewReader(l)
	for range requests {
		fmt.Fprint(l, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	// For each request, net/http begins a Read that it ends by a deadline in the past. If that
	// Read is in progress, this takes two deadlines: that one, and that of the next Read.
	if reads, writes := counted.reads.Load(), counted.writes.Load(); reads > 3*requests+10 || writes > 10 {
		t.Errorf("%d read deadlines and %d write deadlines for %d requests", reads, writes, requests)
	}
}
