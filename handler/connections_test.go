package handler

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

func TestANewConnectionClosesTheOldestOfItsSource(t *testing.T) {
	f := newFront(t, Limits{MaxConnections: 100, MaxConnectionsPerSource: 3})
	known := f.dial("127.0.0.2")
	if !known.accepted() {
		t.Fatal("the first callback is not accepted")
	}
	var idle []*line
	for range 10 {
		idle = append(idle, f.dial("127.0.0.2"))
	}
	for i := range 7 {
		if !idle[i].closed() {
			t.Errorf("connection %d of 10 is open", i)
		}
	}
	for i := 7; i < 10; i++ {
		if !idle[i].accepted() {
			t.Errorf("connection %d of 10 was closed", i)
		}
	}
	if !known.accepted() {
		t.Error("a connection with an accepted callback was closed")
	}
	if n := f.refused(); n != 7 {
		t.Errorf("%v counted, want 7", n)
	}
}

func TestANewConnectionClosesTheOldestOfAllSources(t *testing.T) {
	f := newFront(t, Limits{MaxConnections: 4, MaxConnectionsPerSource: 3})
	first := f.dial("127.0.0.2")
	if !first.accepted() {
		t.Fatal("the first callback is not accepted")
	}
	idle := []*line{f.dial("127.0.0.3"), f.dial("127.0.0.4"), f.dial("127.0.0.5")}
	second := f.dial("127.0.0.6")
	if !second.accepted() {
		t.Error("a signed callback on a new connection is not accepted")
	}
	if !idle[0].closed() || !idle[1].accepted() || !idle[2].accepted() || !first.accepted() {
		t.Error("not the oldest connection without an accepted callback was closed")
	}
	late := f.dial("127.0.0.7") // all four have had an accepted callback
	if late.accepted() {
		t.Error("a fifth connection was accepted")
	}
	second.Close()
	for deadline := time.Now().Add(5 * time.Second); !f.dial("127.0.0.7").accepted(); {
		if time.Now().After(deadline) {
			t.Fatal("no connection is accepted after another was closed")
		}
	}
}

func TestTrustedProxiesHaveNoLimitOfTheirOwn(t *testing.T) {
	f := newFront(t, Limits{MaxConnections: 100, MaxConnectionsPerSource: 1, TrustedProxies: prefixes("127.0.0.2/32")})
	for range 10 {
		l := f.dial("127.0.0.2")
		if resp := l.post(false); resp == nil || resp.StatusCode != http.StatusUnauthorized || resp.Close {
			t.Errorf("a stranger behind a proxy: got %v", resp)
		}
		if !l.accepted() {
			t.Error("the proxy's connection is closed")
		}
	}
	if n := f.refused(); n != 0 {
		t.Errorf("%v counted", n)
	}
}

func TestAStrangersConnectionIsNotKept(t *testing.T) {
	f := newFront(t, Limits{})
	stranger := f.dial("127.0.0.1")
	if resp := stranger.post(false); resp == nil || resp.StatusCode != http.StatusUnauthorized || !resp.Close || !stranger.closed() {
		t.Errorf("got %+v", resp)
	}
	known := f.dial("127.0.0.1")
	for range 3 { // the same sender has an application that is not configured
		if !known.accepted() {
			t.Fatal("closed")
		}
		if resp := known.post(false); resp == nil || resp.Close {
			t.Errorf("got %+v", resp)
		}
	}
}

// A request with Transfer-Encoding and Content-Length may be request smuggling (RFC 9112,
// section 6.3). The connection is closed after the answer.
func TestNoRequestIsReadAfterAChunkedOne(t *testing.T) {
	f := newFront(t, Limits{})
	l := f.dial("127.0.0.1")
	now := fmt.Sprint(time.Now().Unix())
	query := "SdkAppid=" + good.ID + "&Sign=" + tuilivekit.Sign("token", now) + "&RequestTime=" + now
	const chunks = "Content-Length: 200\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
	fmt.Fprintf(l, "POST /callback?%s HTTP/1.1\r\nHost: x\r\n%sPOST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", query, chunks, query)
	resp, err := http.ReadResponse(l.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusOK || !resp.Close || !l.closed() {
		t.Errorf("got %s, to be closed: %t", resp.Status, resp.Close)
	}
}

// front is a server on loopback with the limits of a Callback.
type front struct {
	*testing.T
	c    *Callback
	addr string
}

func newFront(t *testing.T, l Limits) *front {
	c := limited(t, Options{Limits: l})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: c.Router("/callback"), ConnContext: c.ConnContext, ReadHeaderTimeout: 5 * time.Second}
	go s.Serve(c.Listener(ln))
	t.Cleanup(func() { s.Close() })
	return &front{t, c, ln.Addr().String()}
}

// line is a connection to a front.
type line struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

// dial connects from the loopback address from.
func (f *front) dial(from string) *line {
	f.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	nc, err := d.Dial("tcp", f.addr)
	if err != nil {
		f.Skipf("this system has one address on loopback only: %v", err)
	}
	f.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(5 * time.Second))
	return &line{f.T, nc, bufio.NewReader(nc)}
}

// post sends a callback and returns the answer, nil if there is none.
func (l *line) post(signed bool) *http.Response {
	query := "SdkAppid=" + good.ID
	if signed {
		now := fmt.Sprint(time.Now().Unix())
		query += "&Sign=" + tuilivekit.Sign("token", now) + "&RequestTime=" + now
	}
	fmt.Fprintf(l, "POST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", query)
	resp, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp
}

func (l *line) accepted() bool {
	resp := l.post(true)
	return resp != nil && resp.StatusCode == http.StatusOK
}

// closed waits until the other side has closed the connection.
func (l *line) closed() bool {
	_, err := l.in.ReadByte()
	return err != nil && !strings.Contains(err.Error(), "timeout")
}

func (f *front) refused() float64 {
	return testutil.ToFloat64(f.c.metrics.rejections[reasonConnections.index])
}
