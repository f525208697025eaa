package relay

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// target has the settings of a Backend, which each reload replaces, and its peer, which stays
// while the settings use the same server.
type target struct {
	Settings
	*peer
}

// peer has the connections to a server and the state of that server.
type peer struct {
	transport   *http.Transport
	slots       chan struct{} // has a value for each decision in progress
	decisions   breaker
	deliveries  breaker
	taken       atomic.Uint64 // queued callbacks that the server has accepted
	lastFailure atomic.Pointer[Failure]
	lastDrop    atomic.Int64 // Unix milliseconds, 0 if nothing was dropped
}

// newTarget returns the target of s. It has the peer of old if s uses the same server. old may be
// nil.
func (r *Relay) newTarget(s Settings, old *target) *target {
	if old != nil && s.samePeer(old.Settings) {
		return &target{s, old.peer}
	}
	return &target{s, &peer{transport: r.newTransport(s), slots: make(chan struct{}, s.MaxConcurrent)}}
}

// close closes the idle connections.
func (p *peer) close() { p.transport.CloseIdleConnections() }

// failed records the last failure.
func (p *peer) failed(text string) { p.lastFailure.Store(&Failure{time.Now(), text}) }

// send sends p and returns the answer. It does not follow redirects. A server may close a kept
// connection while a request is sent. If a kept connection ends before the first byte of an
// answer, p is sent once more on a new connection, within the deadline of ctx.
func (t *target) send(ctx context.Context, p parcel) (*http.Response, error) {
	var kept, answered atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { kept.Store(info.Reused) },
		GotFirstResponseByte: func() { answered.Store(true) },
	})
	resp, err := t.transport.RoundTrip(p.request(traced, t.URL, t.Header))
	if err == nil || !kept.Load() || answered.Load() || ctx.Err() != nil {
		return resp, err
	}
	t.transport.CloseIdleConnections() // the server has probably closed these too
	return t.transport.RoundTrip(p.request(ctx, t.URL, t.Header))
}
