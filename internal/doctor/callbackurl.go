package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// expiresSoon is the remaining validity of a certificate below which doctor warns: automatic renewal
// happens earlier.
const expiresSoon = 14 * 24 * time.Hour

// callbackURL checks whether the callback URL leads to the exporter, as seen from this machine.
// Tencent may reach it by another route.
func (d *doctor) callbackURL(ctx context.Context) {
	if d.o.URL == "" {
		d.add("url", Skip, "whether the callback URL leads to the exporter: it is not given", "give --url")
		return
	}
	u, err := url.Parse(d.o.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		d.add("url", Fail, "it is not an http or https URL", "give another --url")
		return
	}
	switch {
	case strings.ContainsAny(d.o.URL, " !$&?#"):
		d.add("url", Fail, d.o.URL+" has a character that Tencent does not accept", "leave out spaces and ! $ & ? #")
		return
	case len(u.Hostname()) > 63:
		d.add("url", Fail, "the host name is longer than the 63 characters that Tencent accepts", "use a shorter one")
		return
	}
	d.add("url", Pass, d.o.URL+" has a form that Tencent accepts", "")
	addresses := d.addresses(ctx, u)
	if len(addresses) == 0 {
		return
	}
	if !d.connections(ctx, u, addresses) {
		return
	}
	d.selfTests(ctx)
}

// addresses checks the addresses of the host.
func (d *doctor) addresses(ctx context.Context, u *url.URL) []netip.Addr {
	host := u.Hostname()
	addresses := []netip.Addr{}
	literal, err := netip.ParseAddr(host)
	if err == nil {
		addresses = append(addresses, literal)
	} else if addresses, err = d.o.Lookup(ctx, host); err != nil || len(addresses) == 0 {
		d.add("url_dns", Fail, host+" does not resolve to an address", "make a DNS entry that the Internet can see")
		return nil
	}
	var names, private []string
	for _, a := range addresses {
		a = a.Unmap()
		names = append(names, a.String())
		if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
			private = append(private, a.String())
		}
	}
	switch {
	case len(private) == 0:
		d.add("url_dns", Pass, fmt.Sprintf("%s is %s", host, strings.Join(names, ", ")), "")
	case literal.IsValid():
		d.add("url_dns", Fail, host+" is an address that the Internet cannot reach", "use a public one")
	default:
		d.add("url_dns", Warn, fmt.Sprintf("%s is %s here, which the Internet cannot reach", host, strings.Join(private, ", ")),
			"make sure that it is a public address for others: this is right only if your DNS answers differently inside")
	}
	return addresses
}

// connections checks which addresses accept connections, and their certificates. It returns false if
// no address can be used.
func (d *doctor) connections(ctx context.Context, u *url.URL, addresses []netip.Addr) bool {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	var reached []net.Conn
	defer func() {
		for _, conn := range reached {
			conn.Close()
		}
	}()
	var unreached []string
	var last error
	for _, a := range addresses {
		dialing, cancel := context.WithTimeout(ctx, timeout)
		conn, err := d.o.Dial(dialing, "tcp", net.JoinHostPort(a.String(), port))
		cancel()
		if err != nil {
			unreached, last = append(unreached, a.String()), err
			continue
		}
		reached = append(reached, conn)
	}
	switch {
	case len(reached) == 0:
		r := explainNoAnswer(last)
		d.add("url_reachable", Fail, r.Detail, r.Do)
		return false
	case len(unreached) > 0:
		d.add("url_reachable", Warn, fmt.Sprintf("%s cannot be reached from here: %v", strings.Join(unreached, ", "), last), "remove the address from DNS, or start a listener there: Tencent may choose it")
	default:
		d.add("url_reachable", Pass, "connections to all addresses are accepted", "")
	}
	if u.Scheme == "http" {
		d.add("url_tls", Warn, "the URL has no TLS: anyone between Tencent and the exporter can read and change callbacks", "use https")
		return true
	}
	ok := true
	for _, conn := range reached {
		ok = d.certificate(ctx, conn, u.Hostname()) && ok
	}
	return ok
}

// certificate checks the certificate of the server at the other end of conn.
func (d *doctor) certificate(ctx context.Context, conn net.Conn, host string) bool {
	shaking, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var shown []*x509.Certificate
	client := tls.Client(conn, &tls.Config{
		ServerName: host, RootCAs: d.o.Roots, MinVersion: tls.VersionTLS12,
		VerifyConnection: func(s tls.ConnectionState) error { shown = s.PeerCertificates; return nil },
	})
	err := client.HandshakeContext(shaking)
	var (
		unverified *tls.CertificateVerificationError
		invalid    x509.CertificateInvalidError
		name       x509.HostnameError
	)
	if errors.As(err, &unverified) {
		shown = unverified.UnverifiedCertificates
	}
	switch {
	case err == nil && time.Until(shown[0].NotAfter) < expiresSoon:
		d.add("url_tls", Warn, "the certificate expires at "+shown[0].NotAfter.UTC().Format(time.RFC3339), "renew it")
	case err == nil:
		d.add("url_tls", Pass, "the certificate is valid until "+shown[0].NotAfter.UTC().Format(time.RFC3339), "")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && len(shown) > 0:
		d.add("url_tls", Fail, fmt.Sprintf("the certificate is valid from %s until %s only", shown[0].NotBefore.UTC().Format(time.RFC3339), shown[0].NotAfter.UTC().Format(time.RFC3339)), "renew it; if that is not the fault, check the clock of this machine")
	case errors.As(err, &name):
		d.add("url_tls", Fail, "the certificate is for another host name", "get one for "+host)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		d.add("url_tls", Fail, "the certificate is not signed by an authority that this machine trusts", "get one from a public authority, and send its intermediate certificates too")
	default:
		d.add("url_tls", Fail, "TLS fails: "+err.Error(), "check what listens there")
	}
	return err == nil
}

// selfTests checks whether the exporter at the callback URL accepts every token.
func (d *doctor) selfTests(ctx context.Context) {
	client := &http.Client{
		Timeout:       timeout,
		CheckRedirect: noRedirect,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: d.o.Roots, MinVersion: tls.VersionTLS12},
			DialContext:     d.dialLookedUp,
		},
	}
	defer client.CloseIdleConnections()
	defer func() { d.app = "" }()
	for _, app := range d.o.Apps {
		d.app = app.ID
		tokens := app.Tokens
		if len(tokens) == 0 {
			tokens = []string{""} // allow_unsigned
		}
		accepted := 0
		for i, token := range tokens {
			r := SelfTest(ctx, client, d.o.URL, app.ID, token)
			if !r.Accepted {
				d.add("self_test", Fail, fmt.Sprintf("the self-test with token %d is not accepted: %s", i+1, r.Detail), r.Do)
				break
			}
			accepted++
		}
		if accepted == len(tokens) {
			d.add("self_test", Pass, fmt.Sprintf("the exporter at the URL accepts %d token(s)", len(app.Tokens)), "")
		}
	}
}

// dialLookedUp connects to a host by Options.Lookup.
func (d *doctor) dialLookedUp(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return d.o.Dial(ctx, network, address)
	}
	addresses, err := d.o.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		var conn net.Conn
		if conn, err = d.o.Dial(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
