package relay

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// CheckError says that the URL of a backend resolves to an address that is never dialed: the
// exporter's own webhook listener, a link-local or multicast address, or a metadata service.
type CheckError struct {
	AppID string
	err   error
}

func (e *CheckError) Error() string { return "relay of application " + e.AppID + ": " + e.err.Error() }

// Unwrap returns the AddressError.
func (e *CheckError) Unwrap() error { return e.err }

// lookupTimeout is the maximum time of all name resolutions of a check.
const lookupTimeout = time.Second

// check fails if a target is never dialed. A name that cannot be resolved is not an error: each
// address is checked again when it is dialed.
func (r *Relay) check(list []Settings) error {
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	results := make(chan error, len(list))
	for _, s := range list {
		go func() { results <- r.checkTarget(ctx, s) }()
	}
	var err error
	for range list {
		err = cmp.Or(err, <-results)
	}
	return err
}

func (r *Relay) checkTarget(ctx context.Context, s Settings) error {
	if s.ProxyFromEnvironment {
		return nil // the proxy resolves the name
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.URL.Hostname())
	if err != nil {
		return nil
	}
	for _, addr := range addrs {
		to, err := netip.ParseAddrPort(net.JoinHostPort(addr.Unmap().String(), port(s.URL)))
		if err != nil {
			continue
		}
		if err := r.refused(to); err != nil {
			return &CheckError{s.AppID, err}
		}
	}
	return nil
}

func port(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}
