package handler

import (
	"net/http"
	"net/netip"
	"time"
)

// The defaults of Limits.
const (
	DefaultMaxInWork               = 256
	DefaultMaxConnections          = 1024
	DefaultMaxConnectionsPerSource = 64
	DefaultRefusalsPerSecond       = 100
)

// refusalBurst is how many seconds of refusals a source may cause at once.
const refusalBurst = 10

// Limits bound what senders can take of the process. None of them counts, or costs
// more than a comparison, for callbacks that are let in one by one. Zero means the
// default.
type Limits struct {
	// MaxInWork is how many callbacks may be read and recorded at a time; one more is
	// answered 503 at once. Only those that are signed take part.
	MaxInWork int
	// MaxConnections is how many connections a Listener keeps open, and
	// MaxConnectionsPerSource how many of them for one address (of IPv6: network of 64
	// bits) over which no callback has been let in yet. With one more the oldest such
	// connection is closed, or the new one if there is none.
	MaxConnections, MaxConnectionsPerSource int
	// RefusalsPerSecond is how many requests of one source may be refused for who sends
	// them or where to; ten times as many at once. Further ones are answered 429.
	// Callbacks that are let in do not count, and are let in all the same.
	RefusalsPerSecond float64
	// TrustedProxies are the addresses of proxies: the source of what comes from them
	// is the right-most address of X-Forwarded-For that is none of theirs. They have no
	// limits themselves. From all others that header means nothing.
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
	c.sources = sources{trusted: l.TrustedProxies, allowed: l.AllowedSources}
	c.rates = newRates(l.RefusalsPerSecond, int(max(1, refusalBurst*l.RefusalsPerSecond)))
	c.connections = &connections{
		max: l.MaxConnections, perSource: l.MaxConnectionsPerSource, trusted: l.TrustedProxies,
		bySource: map[netip.Addr]int{},
		refused: func() {
			c.metrics.rejections[reasonConnections].Inc()
			f := &refusal{reason: reasonConnections}
			c.note(f)
			c.refusals.write(c.log, f)
		},
	}
}

// checkSource refuses requests from where none may come.
func (c *Callback) checkSource(r *http.Request) error {
	if len(c.sources.trusted) == 0 && len(c.sources.allowed) == 0 {
		return nil
	}
	source, ok := c.sources.of(r)
	if !ok {
		return refuse(reasonForwarded)
	}
	if len(c.sources.allowed) > 0 && !contains(c.sources.allowed, source) {
		return refuse(reasonSource)
	}
	return nil
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

// strange reports whether a request is refused for who sends it, or where to: a sender
// that can sign causes none of these for long.
func (why reason) strange() bool {
	switch why {
	case reasonPath, reasonMethod, reasonQuery, reasonUnknownApp, reasonSign, reasonTime, reasonSource, reasonForwarded:
		return true
	}
	return false
}

// restrain is called for what strangers send. It returns f, or that there was too much
// of it from one source. A connection that nothing else came over is not kept.
func (c *Callback) restrain(w http.ResponseWriter, r *http.Request, f *refusal) *refusal {
	if from := connOf(r.Context()); from != nil && !from.known.Load() {
		w.Header().Set("Connection", "close")
	}
	source, ok := c.sources.of(r)
	if !ok || !source.IsValid() || contains(c.sources.trusted, source) || c.rates.allow(source, time.Now()) {
		return f
	}
	return &refusal{reason: reasonRate, appID: f.appID}
}
