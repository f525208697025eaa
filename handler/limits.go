package handler

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/gate"
)

// The defaults of Limits.
const (
	DefaultMaxInWork               = 256
	DefaultMaxConnections          = 1024
	DefaultMaxConnectionsPerSource = 64
	DefaultRefusalsPerSecond       = 100
)

// Limits bound what senders can take of the process. None of them counts, or costs
// more than a comparison, for accepted callbacks. Zero means the default.
type Limits struct {
	// MaxInWork is the maximum number of callbacks that are read and recorded at a time;
	// one more is answered 503 at once. Only signed callbacks are counted.
	MaxInWork int
	// MaxConnections is the maximum number of connections that a Listener keeps open, and
	// MaxConnectionsPerSource the maximum for one address (of IPv6: one /64 prefix) over
	// which no callback has been accepted yet. With one more the oldest such connection is
	// closed, or the new one if there is none.
	MaxConnections, MaxConnectionsPerSource int
	// RefusalsPerSecond is the rate limit of requests of one source that are refused
	// because of who sends them or where to; ten times as many at once. Further ones are
	// answered 429. Accepted callbacks do not count, and are accepted all the same.
	RefusalsPerSecond float64
	// TrustedProxies are the addresses of proxies: the source of a request that they
	// forward is the right-most address of X-Forwarded-For that is none of theirs. They
	// have no limits themselves. From all others that header means nothing.
	TrustedProxies []netip.Prefix
	// AllowedSources are the addresses that callbacks may come from, if any are given.
	AllowedSources []netip.Prefix
}

// limit sets up the limits of c.
func (c *Callback) limit(l Limits) {
	orDefault := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	orDefault(&l.MaxInWork, DefaultMaxInWork)
	orDefault(&l.MaxConnections, DefaultMaxConnections)
	orDefault(&l.MaxConnectionsPerSource, DefaultMaxConnectionsPerSource)
	if l.RefusalsPerSecond <= 0 {
		l.RefusalsPerSecond = DefaultRefusalsPerSecond
	}
	c.maxInWork = int64(l.MaxInWork)
	c.gate = gate.New(gate.Options{
		MaxConnections: l.MaxConnections, MaxConnectionsPerSource: l.MaxConnectionsPerSource,
		RefusalsPerSecond: l.RefusalsPerSecond, TrustedProxies: l.TrustedProxies, AllowedSources: l.AllowedSources,
		Closed: func() { c.account(refuse(reasonConnections)) },
	})
}

// Listener returns a listener that accepts the connections of l within the Limits. Its
// server must have the ConnContext of c.
func (c *Callback) Listener(l net.Listener) net.Listener { return c.gate.Listener(l) }

// ConnContext lets c know the connection of a request. It is for the field of that name
// of an http.Server.
func (c *Callback) ConnContext(ctx context.Context, nc net.Conn) context.Context {
	return c.gate.ConnContext(ctx, nc)
}

// checkSource refuses requests of sources that are not allowed.
func (c *Callback) checkSource(r *http.Request) error {
	err := c.gate.Check(r)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gate.ErrSource):
		return refuse(reasonSource)
	case errors.Is(err, gate.ErrForwarded):
		return refuse(reasonForwarded)
	}
	return err
}

// enter takes a place among the callbacks in work; leave gives it back.
func (c *Callback) enter() error {
	if c.inWork.Add(1) > c.maxInWork {
		c.leave()
		return refuse(reasonOverload)
	}
	return nil
}

func (c *Callback) leave() { c.inWork.Add(-1) }
