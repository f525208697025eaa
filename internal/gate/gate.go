// Package gate limits the connections and the refused requests of strangers at an HTTP
// server. A sender is a stranger until the server has accepted one of its requests.
//
// The package does not know the content of a request, and neither answers nor counts it: it
// returns values, and calls a function for each connection that it closes.
package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// refusalBurst is the burst of the rate limit, as a multiple of the limit for a second.
const refusalBurst = 10

// Options are the limits of a Gate. All numbers must be above zero.
type Options struct {
	// MaxConnections is the maximum number of open connections of a Listener.
	// MaxConnectionsPerSource is the maximum number of open connections of strangers from one
	// address, or from one /64 prefix of IPv6. If a further connection arrives, the oldest
	// connection of a stranger is closed. If there is none, the new connection is closed.
	MaxConnections, MaxConnectionsPerSource int
	// RefusalsPerSecond is the rate limit of refused requests of one source. The burst is ten
	// times as large.
	RefusalsPerSecond float64
	// TrustedProxies are the addresses of proxies whose X-Forwarded-For is trusted. The
	// proxies themselves have no limits.
	TrustedProxies []netip.Prefix
	// AllowedSources are the addresses from which requests are allowed. Empty allows all.
	AllowedSources []netip.Prefix
	// Closed is called for each connection that is closed because of a limit. It may be
	// called from several goroutines, and must not block. Nil is not called.
	Closed func()
}

// Gate holds the connections and the rates of one server. Its methods may be called
// from several goroutines.
type Gate struct {
	sources     sources
	rates       *rates
	connections *connections
}

// New returns a Gate with the limits o.
func New(o Options) *Gate {
	if o.Closed == nil {
		o.Closed = func() {}
	}
	return &Gate{
		sources: sources{trusted: o.TrustedProxies, allowed: o.AllowedSources},
		rates:   newRates(o.RefusalsPerSecond, int(max(1, refusalBurst*o.RefusalsPerSecond))),
		connections: &connections{
			max: o.MaxConnections, perSource: o.MaxConnectionsPerSource, trusted: o.TrustedProxies,
			bySource: map[netip.Addr]int{}, closed: o.Closed,
		},
	}
}

// The errors of Check.
var (
	ErrSource    = errors.New("source not allowed")
	ErrForwarded = errors.New("X-Forwarded-For is not a list of addresses")
)

// Check returns ErrSource if the source of r is not allowed, and ErrForwarded if the
// X-Forwarded-For of a trusted proxy cannot be read. If all sources are allowed, Check does
// not need the source, and returns nil.
func (g *Gate) Check(r *http.Request) error {
	if len(g.sources.allowed) == 0 {
		return nil
	}
	source, ok := g.sources.of(r)
	if !ok {
		return ErrForwarded
	}
	if !contains(g.sources.allowed, source) {
		return ErrSource
	}
	return nil
}

// Accept says that r was accepted. The sender of its connection is not a stranger any more.
func (g *Gate) Accept(r *http.Request) { connOf(r.Context()).accept() }

// Refuse says that r was refused because of its sender or its path. It reports whether the
// connection may stay open for further requests, and whether the source of r has exceeded the
// rate limit. A trusted proxy has no rate limit, nor has a source that it does not name.
func (g *Gate) Refuse(r *http.Request) (keep, exceeded bool) {
	from := connOf(r.Context())
	keep = from == nil || from.known.Load()
	source, ok := g.sources.of(r)
	if !ok || !source.IsValid() || contains(g.sources.trusted, source) {
		return keep, false
	}
	return keep, !g.rates.allow(source, time.Now())
}
