package gate

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(t testing.TB, texts ...string) (all []netip.Prefix) {
	t.Helper()
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestSourceOfARequest(t *testing.T) {
	behind := prefixes(t, "10.0.0.0/8", "2001:db8::/32")
	for _, tc := range []struct {
		name, peer string
		trusted    []netip.Prefix
		lines      []string
		want       string // empty: cannot be read
	}{
		{"no proxy", "192.0.2.1:7", nil, nil, "192.0.2.1"},
		{"a header without a proxy", "192.0.2.1:7", nil, []string{"198.51.100.1"}, "192.0.2.1"},
		{"a header of a stranger", "192.0.2.1:7", behind, []string{"198.51.100.1"}, "192.0.2.1"},
		{"an unreadable header of a stranger", "192.0.2.1:7", behind, []string{"nonsense"}, "192.0.2.1"},
		{"a proxy", "10.0.0.1:7", behind, []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy that speaks for itself", "10.0.0.1:7", behind, nil, "10.0.0.1"},
		{"what the sender wrote is to the left", "10.0.0.1:7", behind, []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"nonsense of the sender is to the left", "10.0.0.1:7", behind, []string{"<script>,,198.51.100.1"}, "198.51.100.1"},
		{"a trusted address that the sender wrote", "10.0.0.1:7", behind, []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:7", behind, []string{"203.0.113.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"two proxies in two lines", "10.0.0.1:7", behind, []string{"203.0.113.9, 198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		{"the sender's line before the proxy's", "10.0.0.1:7", behind, []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"only proxies", "10.0.0.1:7", behind, []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"spaces and tabs", "10.0.0.1:7", behind, []string{"\t 198.51.100.1 \t"}, "198.51.100.1"},
		{"an address with a port", "10.0.0.1:7", behind, []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{"IPv6", "10.0.0.1:7", behind, []string{"2a00::1"}, "2a00::1"},
		{"IPv6 in brackets", "10.0.0.1:7", behind, []string{"[2a00::1]"}, "2a00::1"},
		{"IPv6 with a port", "10.0.0.1:7", behind, []string{"[2a00::1]:4711"}, "2a00::1"},
		{"a proxy of IPv6", "[2001:db8::1]:7", behind, []string{"198.51.100.1"}, "198.51.100.1"},
		{"IPv4 as IPv6", "[::ffff:10.0.0.1]:7", behind, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"a proxy as IPv4 in IPv6", "10.0.0.1:7", behind, []string{"198.51.100.1, ::ffff:10.0.0.2"}, "198.51.100.1"},
		{"an empty header", "10.0.0.1:7", behind, []string{""}, ""},
		{"an empty last entry", "10.0.0.1:7", behind, []string{"198.51.100.1,"}, ""},
		{"an empty last line", "10.0.0.1:7", behind, []string{"198.51.100.1", ""}, ""},
		{"a name", "10.0.0.1:7", behind, []string{"localhost"}, ""},
		{"unknown", "10.0.0.1:7", behind, []string{"198.51.100.1, unknown"}, ""},
		{"unknown before a proxy", "10.0.0.1:7", behind, []string{"unknown, 10.0.0.2"}, ""},
		{"a zone", "10.0.0.1:7", behind, []string{"fe80::1%eth0"}, ""},
		{"a leading zero", "10.0.0.1:7", behind, []string{"198.051.100.1"}, ""},
		{"a number", "10.0.0.1:7", behind, []string{"3325256705"}, ""},
		{"a port that is none", "10.0.0.1:7", behind, []string{"198.51.100.1:70000"}, ""},
		{"IPv4 in brackets", "10.0.0.1:7", behind, []string{"[198.51.100.1]"}, ""},
		{"a space inside", "10.0.0.1:7", behind, []string{"198.51.100.1 198.51.100.2"}, ""},
		{"a Unix socket", "@", behind, []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sources{trusted: tc.trusted}
			got, ok := s.of(&http.Request{RemoteAddr: tc.peer, Header: http.Header{"X-Forwarded-For": tc.lines}})
			if ok != (tc.want != "") || ok && got.String() != tc.want {
				t.Errorf("got %s, %t, want %s", got, ok, tc.want)
			}
		})
	}
}

func TestFindingTheSourceTakesNoAllocation(t *testing.T) {
	s := sources{trusted: prefixes(t, "10.0.0.0/8")}
	r := &http.Request{RemoteAddr: "10.0.0.1:7", Header: http.Header{"X-Forwarded-For": {"203.0.113.9, 198.51.100.1", "10.0.0.2"}}}
	if n := testing.AllocsPerRun(100, func() { s.of(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzSource: whatever stands in the header, the source is the peer, or an address that
// a trusted proxy has written and that is not to the left of an untrusted one.
func FuzzSource(f *testing.F) {
	f.Add("10.0.0.1:7", "203.0.113.9, 198.51.100.1", "10.0.0.2")
	f.Add("192.0.2.1:7", "198.51.100.1", "")
	f.Add("[::ffff:10.0.0.1]:7", "[2a00::1]:4711", "unknown")
	trusted := prefixes(f, "10.0.0.0/8", "2001:db8::/32")
	f.Fuzz(func(t *testing.T, remote, first, second string) {
		s := sources{trusted: trusted}
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {first, second}}}
		source, ok := s.of(r)
		if from := peer(remote); !contains(trusted, from) {
			if !ok || source != from {
				t.Fatalf("a stranger at %q is taken for %s by %q", remote, source, first+","+second)
			}
			return
		}
		entries := strings.Split(first+","+second, ",")
		last := strings.Trim(entries[len(entries)-1], " \t")
		addr, readable := forwardedAddr(last)
		if ok && !readable {
			t.Fatalf("%q is taken for %s", last, source)
		}
		if ok && !contains(trusted, addr) && source != addr {
			t.Fatalf("%q says %s, got %s", last, addr, source)
		}
		if ok && (!source.IsValid() || source.Zone() != "" || source.Is4In6()) {
			t.Fatalf("source %s of %q", source, first+","+second)
		}
		// More on the left changes nothing that was found before it.
		r.Header["X-Forwarded-For"] = []string{"203.0.113.77", first, second}
		if again, _ := s.of(r); ok && !contains(trusted, source) && again != source {
			t.Fatalf("%s became %s by what the sender wrote", source, again)
		}
	})
}
