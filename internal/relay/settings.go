package relay

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// The values of Settings.OnFailure.
const (
	// Fail answers 502 or 504. Tencent then does what its console says for a failed callback.
	Fail = "fail"
	// Allow answers that the gift or the message is allowed.
	Allow = "allow"
	// Deny answers that the gift or the message is denied.
	Deny = "deny"
)

// Settings are the settings of the relay of one application. Package config has their defaults
// and checks them; this package expects all of them to be set.
type Settings struct {
	// AppID is the SDKAppID.
	AppID string
	// URL is the http or https URL of the backend. Its query precedes that of the request. If it
	// has no path, the path of the request is used.
	URL *url.URL
	// Header has fields that replace those of the request, by canonical name. It must not be
	// changed.
	Header http.Header
	// Timeout is the maximum time of a decision.
	Timeout time.Duration
	// IdleTimeout is the time after which an idle connection is closed.
	IdleTimeout time.Duration
	// OnFailure is the answer if the backend does not decide: Fail, Allow or Deny.
	OnFailure string
	// MaxConcurrent is the maximum number of decisions in progress, and of deliveries in
	// progress.
	MaxConcurrent int
	// TLS has the trusted authorities and the client certificate. Nil means the authorities of
	// the system and no client certificate.
	TLS *tls.Config
	// ProxyFromEnvironment uses the proxy of HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	ProxyFromEnvironment bool
	// MaxAge is the age from which a queued callback is dropped.
	MaxAge time.Duration
	// MaxQueueRequests is the maximum number of queued callbacks. MaxQueueBytes is the maximum
	// of their size.
	MaxQueueRequests int
	MaxQueueBytes    int64
	// Tokens are the callback tokens of the application. An old signature of a queued callback
	// is renewed with them.
	Tokens []string
	// KeepSignature disables this renewal.
	KeepSignature bool
}

// samePeer reports whether s and other use the same server with the same connection settings and
// credentials.
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
