package relay

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// What is answered when a backend does not decide.
const (
	// Fail is 502 or 504: Tencent does what was chosen there for that case.
	Fail = "fail"
	// Allow is the answer that lets the gift or the message pass.
	Allow = "allow"
	// Deny is the answer that stops it.
	Deny = "deny"
)

// Settings are those of the relay of one application. Package config has their defaults
// and their rules; here each of them is set.
type Settings struct {
	// AppID is the SDKAppID.
	AppID string
	// URL is what Tencent called before: http or https. Its query stands before that of
	// the request. If it has no path the backend gets that of the request.
	URL *url.URL
	// Header has fields that the backend gets instead of those of the request, by
	// canonical name. It is not changed.
	Header http.Header
	// Timeout is how long the backend may take to decide.
	Timeout time.Duration
	// IdleTimeout is how long a connection is kept that nothing is sent on.
	IdleTimeout time.Duration
	// OnFailure is Fail, Allow or Deny.
	OnFailure string
	// MaxConcurrent is how many callbacks may wait for a decision at a time, and how many
	// others may be in delivery.
	MaxConcurrent int
	// TLS has the authorities that are trusted and the certificate of the client. Nil
	// takes those of the system, and none.
	TLS *tls.Config
	// ProxyFromEnvironment lets requests take the proxy of HTTPS_PROXY and its like.
	ProxyFromEnvironment bool

	// MaxAge is how old a callback may be that is still delivered.
	MaxAge time.Duration
	// MaxQueueRequests and MaxQueueBytes bound the queue.
	MaxQueueRequests int
	MaxQueueBytes    int64
	// Tokens are those that may sign callbacks of the application. A signature that has
	// gone stale while its callback was queued is renewed with them.
	Tokens []string
	// KeepSignature leaves such a signature as it is.
	KeepSignature bool
}

// samePeer reports whether s and other reach the same server in the same way.
func (s Settings) samePeer(other Settings) bool {
	return *s.URL == *other.URL && maps.EqualFunc(s.Header, other.Header, slices.Equal) &&
		s.IdleTimeout == other.IdleTimeout && s.MaxConcurrent == other.MaxConcurrent &&
		s.ProxyFromEnvironment == other.ProxyFromEnvironment && sameTLS(s.TLS, other.TLS)
}

func sameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.RootCAs.Equal(b.RootCAs) && slices.EqualFunc(a.Certificates, b.Certificates, func(a, b tls.Certificate) bool {
		return slices.EqualFunc(a.Certificate, b.Certificate, slices.Equal)
	})
}
