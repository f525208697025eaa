package relay

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
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

// Settings are those of the relay of one application. All but URL and AppID have
// defaults.
type Settings struct {
	// AppID is the SDKAppID.
	AppID string
	// URL is what Tencent called before: http or https, without a query. If it has no
	// path the backend gets that of the request.
	URL *url.URL
	// Timeout is how long the backend may take to decide.
	Timeout time.Duration
	// OnFailure is Fail, Allow or Deny.
	OnFailure string
	// MaxConcurrent is how many callbacks may wait for a decision at a time.
	MaxConcurrent int
	// TLS has the authorities that are trusted and the certificate of the client. Nil
	// takes those of the system, and none.
	TLS *tls.Config
	// ProxyFromEnvironment lets requests take the proxy of HTTPS_PROXY and its like.
	ProxyFromEnvironment bool
}

// The defaults of Settings.
const (
	DefaultTimeout       = 1500 * time.Millisecond // Tencent waits 2 s
	DefaultMaxConcurrent = 64
)

func (s Settings) withDefaults() Settings {
	s.Timeout = cmp.Or(s.Timeout, DefaultTimeout)
	s.OnFailure = cmp.Or(s.OnFailure, Fail)
	s.MaxConcurrent = cmp.Or(s.MaxConcurrent, DefaultMaxConcurrent)
	return s
}

// Options are the parts that a Relay needs.
type Options struct {
	Log        logrus.FieldLogger
	Registerer prometheus.Registerer
}

// Relay has the backends of all applications. Its methods may be called from several
// goroutines.
type Relay struct {
	log     logrus.FieldLogger
	id      string                         // in the header that cuts loops
	self    atomic.Pointer[netip.AddrPort] // our own webhook listener
	metrics *metrics

	mu       sync.Mutex // held by Configure
	backends atomic.Pointer[map[string]*Backend]
}

// New returns a Relay without backends. It fails when a metric is registered already.
func New(o Options) (*Relay, error) {
	r := &Relay{log: o.Log, id: rand.Text()}
	r.backends.Store(&map[string]*Backend{})
	r.metrics = newMetrics(&r.backends)
	if o.Registerer != nil {
		if err := o.Registerer.Register(r.metrics); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Configure makes list the backends, at once. What is known of those that stay, as
// that one does not answer, stays too. It fails, and changes nothing, when the target of
// one is an address that is never dialed (see CheckError).
func (r *Relay) Configure(list []Settings) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.check(list); err != nil {
		return err
	}
	old, next := *r.backends.Load(), make(map[string]*Backend, len(list))
	for _, s := range list {
		b := old[s.AppID]
		if b == nil {
			b = newBackend(r, s.AppID)
		}
		b.configure(s.withDefaults())
		next[s.AppID] = b
	}
	r.backends.Store(&next)
	for id, b := range old {
		if next[id] == nil {
			b.target.Load().close()
			r.metrics.forget(id)
		}
	}
	return nil
}

// Backend returns that of an application, nil if it has none.
func (r *Relay) Backend(appID string) *Backend { return (*r.backends.Load())[appID] }

// SetSelf says where our own webhook listener is. It fails when a backend is there.
func (r *Relay) SetSelf(addr netip.AddrPort) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.self.Store(&addr)
	var list []Settings
	for _, b := range *r.backends.Load() {
		list = append(list, b.target.Load().Settings)
	}
	return r.check(list)
}
