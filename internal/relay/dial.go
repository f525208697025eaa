package relay

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// maxAnswer is the maximum size of the body of an answer, and of its header. Documented answers
// have about 50 bytes.
const maxAnswer = 64 << 10

// metadata are the addresses of the metadata services of clouds that are not link-local, and the
// broadcast address.
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("100.100.100.200"): true, // Alibaba Cloud
	netip.MustParseAddr("168.63.129.16"):   true, // Azure
	netip.MustParseAddr("192.0.0.192"):     true, // Oracle Cloud
	netip.MustParseAddr("fd00:ec2::254"):   true, // AWS
	netip.MustParseAddr("fd20:ce::254"):    true, // Google Cloud
	netip.MustParseAddr("fd00:42::42"):     true, // Scaleway
	netip.MustParseAddr("255.255.255.255"): true, // broadcast
}

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// AddressError is the error of an address that is never dialed.
type AddressError struct {
	Address netip.AddrPort
	Problem string
}

func (e *AddressError) Error() string {
	return fmt.Sprintf("address %s is refused: %s", e.Address, e.Problem)
}

// newTransport returns the transport of one target. Each target has its own, so that a slow
// backend uses no connections of another.
func (r *Relay) newTransport(s Settings) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 5 * time.Second, // or the deadline of the request, if it is earlier
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return r.refused(to)
		},
	}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		MaxConnsPerHost:        2 * s.MaxConcurrent, // decisions and deliveries
		MaxIdleConns:           2 * s.MaxConcurrent,
		MaxIdleConnsPerHost:    2 * s.MaxConcurrent,
		IdleConnTimeout:        s.IdleTimeout,
		DisableCompression:     true, // the answer is relayed as it is encoded
		MaxResponseHeaderBytes: maxAnswer,
	}
	if s.TLS != nil {
		t.TLSClientConfig = s.TLS.Clone()
	}
	if s.ProxyFromEnvironment {
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}

// refused returns an AddressError if to must not be dialed. Private addresses are allowed, since
// backends have them.
func (r *Relay) refused(to netip.AddrPort) error {
	addr := to.Addr().Unmap().WithZone("")
	if nat64.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case addr.IsLinkLocalUnicast(), addr.IsMulticast(), metadata[addr]:
		return &AddressError{to, "link-local, multicast or a cloud's metadata"}
	case r.isSelf(netip.AddrPortFrom(addr, to.Port())):
		return &AddressError{to, "it is the webhook listener of this exporter: callbacks would loop"}
	}
	return nil
}

// isSelf reports whether to is the exporter's own webhook listener.
func (r *Relay) isSelf(to netip.AddrPort) bool {
	self := r.self.Load()
	if self == nil || self.Port() != to.Port() {
		return false
	}
	own := self.Addr().Unmap()
	if own == to.Addr() || to.Addr().IsUnspecified() {
		return true
	}
	if !own.IsUnspecified() {
		return false
	}
	if to.Addr().IsLoopback() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false // viaHeader still prevents a loop
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap() == to.Addr() {
			return true
		}
	}
	return false
}
