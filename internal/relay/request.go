package relay

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// viaHeader has the ids of the relays that have relayed a callback. A callback with the id of
// this relay is a loop, and so is a callback with maxVia ids: replicas have different ids.
const (
	viaHeader = "X-Tuilivekit-Relay-Via"
	maxVia    = 4
)

// parcel is a callback to relay.
type parcel struct {
	path, query string // escaped as in the request
	header      http.Header
	body        []byte
}

// dropped are the header fields of a single connection (RFC 9110, section 7.6.1), and fields that
// net/http sets.
var dropped = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length", "Expect", "Host",
}

// newParcel returns the parcel of req, whose body is body. ok is false if req is a loop. body is
// not copied.
func (r *Relay) newParcel(req *http.Request, body []byte) (p parcel, ok bool) {
	var via []string
	for _, line := range req.Header[viaHeader] {
		for id := range strings.SplitSeq(line, ",") {
			via = append(via, strings.TrimSpace(id))
		}
	}
	if len(via) >= maxVia || slices.Contains(via, r.id) {
		return parcel{}, false
	}
	h := make(http.Header, len(req.Header)+5)
	for key, values := range req.Header {
		h[key] = values
	}
	for _, line := range req.Header["Connection"] {
		for key := range strings.SplitSeq(line, ",") {
			delete(h, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(key)))
		}
	}
	for _, key := range dropped {
		delete(h, key)
	}
	h[viaHeader] = []string{strings.Join(append(via, r.id), ", ")}
	if client, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		h["X-Forwarded-For"] = []string{strings.Join(append(slices.Clone(req.Header["X-Forwarded-For"]), client), ", ")}
	}
	if len(h["X-Forwarded-Host"]) == 0 {
		h["X-Forwarded-Host"] = []string{req.Host}
	}
	if len(h["X-Forwarded-Proto"]) == 0 {
		scheme := "http"
		if req.TLS != nil {
			scheme = "https"
		}
		h["X-Forwarded-Proto"] = []string{scheme}
	}
	if len(h["User-Agent"]) == 0 {
		h["User-Agent"] = nil // so that net/http does not send its own
	}
	return parcel{path: req.URL.EscapedPath(), query: req.URL.RawQuery, header: h, body: body}, true
}

// request returns the request of p to target. The fields of header replace those of p. The query
// is that of target followed by that of p, both unchanged.
func (p parcel) request(ctx context.Context, target *url.URL, header http.Header) *http.Request {
	u := *target
	u.ForceQuery = false
	if u.RawQuery == "" || p.query == "" {
		u.RawQuery += p.query
	} else {
		u.RawQuery += "&" + p.query
	}
	maps.Copy(p.header, header)
	if u.Path == "" {
		if path, err := url.PathUnescape(p.path); err == nil {
			u.Path, u.RawPath = path, p.path
		}
	}
	return (&http.Request{
		Method: http.MethodPost, URL: &u, Host: target.Host, Header: p.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: p.open(), ContentLength: int64(len(p.body)),
		// With GetBody, net/http repeats the POST if a kept connection was closed before
		// anything was written.
		GetBody: func() (io.ReadCloser, error) { return p.open(), nil },
	}).WithContext(ctx)
}

func (p parcel) open() io.ReadCloser { return io.NopCloser(bytes.NewReader(p.body)) }
