package gate

import (
	"net/http"
	"net/netip"
	"strings"
)

// sources finds the source of a request. It is immutable.
type sources struct {
	trusted []netip.Prefix // proxies whose X-Forwarded-For is trusted
	allowed []netip.Prefix // empty: all
}

// of returns the source of r. It is the peer of the connection. If the peer is a trusted
// proxy, the source is the right-most address of X-Forwarded-For that is not a trusted proxy.
// Entries to the left of it are not read, because the sender may have written them. The
// address is not valid if the peer has no address. ok is false if an entry of X-Forwarded-For
// that is read is not an address.
func (s *sources) of(r *http.Request) (source netip.Addr, ok bool) {
	source = peer(r.RemoteAddr)
	if !contains(s.trusted, source) {
		return source, true
	}
	lines := r.Header["X-Forwarded-For"] // several lines are one list
	for i := len(lines) - 1; i >= 0; i-- {
		for line, more := lines[i], true; more; {
			cut := strings.LastIndexByte(line, ',')
			entry := line[cut+1:]
			if more = cut >= 0; more {
				line = line[:cut]
			}
			if source, ok = forwardedAddr(strings.Trim(entry, " \t")); !ok {
				return netip.Addr{}, false
			}
			if !contains(s.trusted, source) {
				return source, true
			}
		}
	}
	return source, true
}

// forwardedAddr parses one entry of X-Forwarded-For: an address, with or without a port.
func forwardedAddr(entry string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(entry)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(entry); err == nil {
			addr = withPort.Addr()
		} else if inner, ok := strings.CutPrefix(entry, "["); ok && strings.HasSuffix(inner, "]") {
			if addr, err = netip.ParseAddr(inner[:len(inner)-1]); addr.Is4() {
				return netip.Addr{}, false
			}
		}
	}
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}

// peer returns the address in the host:port of a connection. It is not valid if hostPort has
// none, as for a Unix socket.
func peer(hostPort string) netip.Addr {
	addr, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap().WithZone("")
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// prefixOf returns the address under which a sender is counted. For IPv6 it is the /64 prefix,
// because a host chooses the other 64 bits.
func prefixOf(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
