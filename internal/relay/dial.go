package relay

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// maxAnswer is how much of an answer is read; documented ones have some 50 bytes.
const maxAnswer = 64 << 10

// metadata are the addresses at which clouds tell a machine its secrets, as far as they
// are not link-local.
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

// newTransport returns connections to one target, which are its own: a slow backend
// takes none of another's.
func (r *Relay) newTransport(s Settings) *http.Transport {
	dialer := &net.Dialer{
		Timeout: 5 * time.Second, // less where the request has less
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
		DisableCompression:     true, // what is not asked for is not unpacked
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

// refused returns why to must not be dialed. Private ranges are where backends live.
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

// isSelf reports whether our webhook listener answers at to.
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
		return false // the header cuts the loop
	}
	for _, a := range addrs {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil && prefix.Addr().Unmap() == to.Addr() {
			return true
		}
	}
	return false
}
