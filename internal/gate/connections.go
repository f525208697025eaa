package gate

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// connections bounds the number of open connections. A connection belongs to a stranger
// until a request that came over it was accepted. If there is no room for a new
// connection, the oldest connection of a stranger is closed: senders that only hold
// connections cannot keep out senders that use them.
type connections struct {
	max, perSource int
	trusted        []netip.Prefix
	closed         func() // is called for each connection that is closed because of a limit

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
	known  atomic.Bool // its sender is no stranger

	read, write deadline // see deadlines.go

	// Guarded by of.mu.
	counted bool
	place   *list.Element // among strangers
}

// Listener returns a listener that accepts the connections of l within the limits. Its
// server must have the ConnContext of g.
func (g *Gate) Listener(l net.Listener) net.Listener { return &listener{l, g.connections} }

// ConnContext lets g know the connection of a request. It is for the field of that name
// of an http.Server.
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

// admit counts a new connection, in place of another one if there is no room. It returns
// nil if it has closed the new one.
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

// oldest returns the oldest connection of a stranger that matches, or nil. It is called
// with the lock held.
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

// setKnown removes c from the connections of strangers. It is called with the lock held.
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

// accept says that a request that came over c was accepted. c may be nil.
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

// CloseWrite ends the answer before net/http closes the connection.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// reset closes a connection with RST, so that the kernel keeps nothing of it.
func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}
