package relay

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// target is where a Backend is, and how it is asked: the settings, which each reload makes
// anew, and the peer, which stays for as long as the settings reach the same server.
type target struct {
	Settings
	*peer
}

// peer is all that belongs to a server: the connections to it and what is known of it. A
// server that takes its place begins with none of that.
type peer struct {
	transport   *http.Transport
	slots       chan struct{} // has a value for each callback that waits for a decision
	decisions   breaker
	deliveries  breaker
	taken       atomic.Uint64 // callbacks that it has taken from the queue
	lastFailure atomic.Pointer[Failure]
	lastDrop    atomic.Int64 // Unix milliseconds, 0 if nothing was dropped
}

// newTarget returns the target of s. The peer is that of old if that is the same server.
func (r *Relay) newTarget(s Settings, old *target) *target {
	if old != nil && s.samePeer(old.Settings) {
		return &target{s, old.peer}
	}
	return &target{s, &peer{transport: r.newTransport(s), slots: make(chan struct{}, s.MaxConcurrent)}}
}

// close closes the connections that are not in use.
func (p *peer) close() { p.transport.CloseIdleConnections() }

// failed notes what went wrong.
func (p *peer) failed(text string) { p.lastFailure.Store(&Failure{time.Now(), text}) }

// send passes p on, and follows no redirect. A server may close a kept connection at the
// moment at which a request is sent on it: if the connection ends before the first byte
// of an answer, p is sent once more, on a new connection, within the deadline of ctx.
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
	t.transport.CloseIdleConnections() // they are as old
	return t.transport.RoundTrip(p.request(ctx, t.URL, t.Header))
}
