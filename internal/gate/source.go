package gate

import (
	"net/http"
	"net/netip"
	"strings"
)

// sources knows where requests come from. It is immutable.
type sources struct {
	trusted []netip.Prefix // proxies whose X-Forwarded-For is believed
	allowed []netip.Prefix // empty: all
}

// of returns the address that sent r: the peer of the connection or, behind trusted
// proxies, the right-most address of X-Forwarded-For that is none of theirs. Entries to
// the left of that one are not read: the sender may have written them. The address is
// not valid if the peer has none. ok is false if a trusted proxy has forwarded an entry
// that is no address.
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

// forwardedAddr reads one entry of X-Forwarded-For: an address, with the port behind
// it that some proxies add.
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

// peer returns the address in the host:port of a connection. It is not valid if there
// is none, as on a Unix socket.
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

// prefixOf returns the address that stands for all addresses of one sender: for IPv6 the
// /64 prefix, since a host chooses the rest.
func prefixOf(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
