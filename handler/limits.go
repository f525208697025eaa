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

// Limits bound the resources that senders can use. Zero means the default.
type Limits struct {
	// MaxInWork is the maximum number of signed callbacks that are read and recorded at a
	// time. Any further callback is answered 503 at once.
	MaxInWork int
	// MaxConnections is the maximum number of open connections of a Listener.
	// MaxConnectionsPerSource is the maximum number of open connections of one source on which
	// no callback has been accepted yet. A source is an IPv4 address or an IPv6 /64 prefix. If
	// a new connection exceeds a maximum, the oldest connection without an accepted callback
	// is closed; if there is none, the new connection is closed.
	MaxConnections, MaxConnectionsPerSource int
	// RefusalsPerSecond is the rate limit of requests of one source that are refused because
	// of their sender or their path. The burst is ten times as large. Requests above the limit
	// are answered 429. The limit does not apply to accepted callbacks.
	RefusalsPerSecond float64
	// TrustedProxies are the addresses of proxies. The source of a request that they forward
	// is the right-most address in X-Forwarded-For that is not a trusted proxy. The limits do
	// not apply to the proxies themselves. From any other address, X-Forwarded-For is ignored.
	TrustedProxies []netip.Prefix
	// AllowedSources are the only addresses whose callbacks are accepted. If it is empty,
	// callbacks are accepted from all addresses.
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

// Listener returns a listener that accepts the connections of l within the Limits. The server
// of the listener must have ConnContext as its ConnContext.
func (c *Callback) Listener(l net.Listener) net.Listener { return c.gate.Listener(l) }

// ConnContext adds the connection to the context of its requests. It is the ConnContext of an
// http.Server.
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

// enter counts one more callback in progress, or refuses it if there are too many. If enter
// returns nil, leave must follow.
func (c *Callback) enter() error {
	if c.inWork.Add(1) > c.maxInWork {
		c.leave()
		return refuse(reasonOverload)
	}
	return nil
}

func (c *Callback) leave() { c.inWork.Add(-1) }
