// Package gate bounds what strangers can take of an HTTP server: how many connections
// they hold, and how often they are refused. A sender is a stranger until the server
// says that it has accepted a request of it.
//
// The package knows neither what a request is about nor how it is answered or counted:
// it returns values, and calls a function for each connection that it closes.
package gate

import (
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// refusalBurst is the number of seconds whose refusals one source may cause at once.
const refusalBurst = 10

// Options are the limits of a Gate. All numbers must be above zero.
type Options struct {
	// MaxConnections is the maximum number of open connections of a Listener, and
	// MaxConnectionsPerSource the maximum number of connections of strangers from one
	// address, or one /64 prefix of IPv6. If there is one more, the oldest connection of a
	// stranger is closed, or the new one if there is none.
	MaxConnections, MaxConnectionsPerSource int
	// RefusalsPerSecond is the rate limit of refused requests of one source, and a tenth
	// of their burst.
	RefusalsPerSecond float64
	// TrustedProxies are the addresses of proxies whose X-Forwarded-For is believed.
	// Nothing limits the proxies themselves.
	TrustedProxies []netip.Prefix
	// AllowedSources are the addresses that requests may come from. Empty allows all.
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

// Check returns ErrSource if r comes from a source that is not allowed, and ErrForwarded
// if a trusted proxy has not said where r comes from. If all sources are allowed it
// returns nil: then nothing depends on the source.
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

// Accept says that r was accepted: the sender at the other end of its connection is no
// stranger any more.
func (g *Gate) Accept(r *http.Request) { connOf(r.Context()).accept() }

// Refuse says that r was refused because of who sent it, or where to. It reports whether
// the connection may stay open for further requests, and whether its source has exceeded
// the rate limit. There is no limit for a source that a trusted proxy has not named.
func (g *Gate) Refuse(r *http.Request) (keep, exceeded bool) {
	from := connOf(r.Context())
	keep = from == nil || from.known.Load()
	source, ok := g.sources.of(r)
	if !ok || !source.IsValid() || contains(g.sources.trusted, source) {
		return keep, false
	}
	return keep, !g.rates.allow(source, time.Now())
}
