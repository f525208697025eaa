package handler

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// connections bounds how many connections are open. A connection belongs to a stranger
// until a callback has come over it that was let in. Where there is no room for a new
// one, the stranger that has been there longest goes: so those who only hold
// connections cannot keep out those who use them.
type connections struct {
	max, perSource int
	trusted        []netip.Prefix
	refused        func() // is called for each one that is closed for the limits

	mu        sync.Mutex
	open      int
	strangers list.List // of *conn, the oldest first
	bySource  map[netip.Addr]int
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	of     *connections
	source netip.Addr
	known  atomic.Bool // no stranger

	// Guarded by of.mu.
	counted bool
	place   *list.Element // among strangers
}

// Listener returns a listener that takes connections from l as far as the Limits go,
// for a server whose ConnContext is that of c.
func (c *Callback) Listener(l net.Listener) net.Listener { return &listener{l, c.connections} }

// ConnContext lets c know which connection a request came over; it is for the field
// of that name of an http.Server.
func (c *Callback) ConnContext(ctx context.Context, nc net.Conn) context.Context {
	if inner, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = inner.NetConn()
	}
	if counted, ok := nc.(*conn); ok {
		return context.WithValue(ctx, connKey{}, counted)
	}
	return ctx
}

type connKey struct{}

// connOf returns the connection of a request, or nil if nobody counts it.
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

// admit counts a new connection, in place of another one if need be. It returns nil
// for one that it has closed.
func (cs *connections) admit(nc net.Conn) *conn {
	from := peer(nc.RemoteAddr().String())
	c := &conn{Conn: nc, of: cs, source: neighbourhood(from)}
	c.known.Store(contains(cs.trusted, from))
	cs.mu.Lock()
	var goes *conn
	switch {
	case !c.known.Load() && cs.bySource[c.source] >= cs.perSource:
		goes = cs.oldest(func(s *conn) bool { return s.source == c.source })
	case cs.open >= cs.max:
		if goes = cs.oldest(func(*conn) bool { return true }); goes == nil {
			goes = c // all others have proven themselves
		}
	}
	if goes != nil {
		cs.forget(goes)
	}
	if goes != c {
		cs.open++
		c.counted = true
		if !c.known.Load() {
			c.place = cs.strangers.PushBack(c)
			cs.bySource[c.source]++
		}
	}
	cs.mu.Unlock()
	if goes != nil {
		reset(goes.Conn)
		cs.refused()
	}
	if goes == c {
		return nil
	}
	return c
}

// oldest returns the first of the strangers that is meant, or nil.
func (cs *connections) oldest(meant func(*conn) bool) *conn {
	for e := cs.strangers.Front(); e != nil; e = e.Next() {
		if s := e.Value.(*conn); meant(s) {
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
	cs.befriend(c)
}

// befriend takes c from among the strangers. It is called with the lock held.
func (cs *connections) befriend(c *conn) {
	if c.place == nil {
		return
	}
	cs.strangers.Remove(c.place)
	c.place = nil
	if cs.bySource[c.source]--; cs.bySource[c.source] == 0 {
		delete(cs.bySource, c.source)
	}
}

// letIn says that a callback that came over c was let in. c may be nil.
func (c *conn) letIn() {
	if c == nil || c.known.Load() {
		return
	}
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.known.Store(true)
	c.of.befriend(c)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.of.mu.Lock()
	c.of.forget(c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer before it closes the connection.
func (c *conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return nil
}

// reset closes a connection of which nothing more is wanted, so that the kernel keeps
// nothing of it either.
func reset(nc net.Conn) {
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}
