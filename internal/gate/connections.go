package gate

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// connections limits the number of open connections. A connection is a stranger's until one
// of its requests was accepted. If a limit is reached and a new connection arrives, the oldest
// connection of a stranger is closed. So senders that only hold connections cannot keep out
// senders that send callbacks.
type connections struct {
	max, perSource int
	trusted        []netip.Prefix
	closed         func() // called for each connection that is closed because of a limit

	mu        sync.Mutex
	open      int
	strangers list.List // of *conn, the oldest first
	bySource  map[netip.Addr]int
}

// conn is a counted connection.
type conn struct {
	net.Conn
	of     *connections
	source netip.Addr
	known  atomic.Bool // the sender is not a stranger

	read, write deadline // see deadlines.go

	// Guarded by of.mu.
	counted bool
	place   *list.Element // in strangers, nil if c is not in it
}

// Listener returns a listener that accepts the connections of l within the limits. Its
// server must have the ConnContext of g.
func (g *Gate) Listener(l net.Listener) net.Listener { return &listener{l, g.connections} }

// ConnContext makes the connection of a request known to g. It is the value for the field
// ConnContext of an http.Server.
func (g *Gate) ConnContext(ctx context.Context, nc net.Conn) context.Context {
	if inner, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = inner.NetConn()
	}
	if counted, ok := nc.(*conn); ok {
		return context.WithValue(ctx, connKey{}, counted)
	}
	return ctx
}

type connKey struct{}

// connOf returns the connection of a request, or nil if it is not counted.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

type listener struct {
	net.Listener
	of *connections
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.of.admit(nc); c != nil {
			return c, nil
		}
	}
}

// admit counts a new connection. If a limit is reached, it closes the oldest connection of a
// stranger. If there is none, it closes the new connection and returns nil.
func (cs *connections) admit(nc net.Conn) *conn {
	from := peer(nc.RemoteAddr().String())
	c := &conn{Conn: nc, of: cs, source: prefixOf(from)}
	c.read.set, c.write.set = nc.SetReadDeadline, nc.SetWriteDeadline
	c.known.Store(contains(cs.trusted, from))
	cs.mu.Lock()
	var victim *conn
	switch {
	case !c.known.Load() && cs.bySource[c.source] >= cs.perSource:
		victim = cs.oldest(func(s *conn) bool { return s.source == c.source })
	case cs.open >= cs.max:
		if victim = cs.oldest(func(*conn) bool { return true }); victim == nil {
			victim = c // the senders of all others are known
		}
	}
	if victim != nil {
		cs.forget(victim)
	}
	if victim != c {
		cs.open++
		c.counted = true
		if !c.known.Load() {
			c.place = cs.strangers.PushBack(c)
			cs.bySource[c.source]++
		}
	}
	cs.mu.Unlock()
	if victim != nil {
		reset(victim.Conn)
		cs.closed()
	}
	if victim == c {
		return nil
	}
	return c
}

// oldest returns the oldest connection of a stranger for which match is true, or nil. It is
// called with the lock held.
func (cs *connections) oldest(match func(*conn) bool) *conn {
	for e := cs.strangers.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*conn); match(s) {
			return s
		}
	}
	return nil
}

// forget stops counting c. It is called with the lock held.
func (cs *connections) forget(c *conn) {
	if !c.counted {
		return
	}
	c.counted = false
	cs.open--
	cs.setKnown(c)
}

// setKnown removes c from strangers. It is called with the lock held.
func (cs *connections) setKnown(c *conn) {
	if c.place == nil {
		return
	}
	cs.strangers.Remove(c.place)
	c.place = nil
	if cs.bySource[c.source]--; cs.bySource[c.source] == 0 {
		delete(cs.bySource, c.source)
	}
}

// accept says that a request of c was accepted. c may be nil.
func (c *conn) accept() {
	if c == nil || c.known.Load() {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.known.Store(true)
	c.of.setKnown(c)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.of.mu.Lock()
	c.of.forget(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite closes the sending direction. net/http calls it before Close, so that the sender
// can read the answer.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// reset closes a connection with RST, so that the kernel keeps no state of it.
func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}
