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

// viaHeader names the relays that a callback has passed. One that finds itself there
// has sent it.
const (
	viaHeader = "X-Tuilivekit-Relay-Via"
	maxVia    = 4 // relays in a row: more are a loop through replicas
)

// parcel is a callback as it is passed on.
type parcel struct {
	path, query string // as they came
	header      http.Header
	body        []byte
}

// dropped are the header fields that are of one connection, or made anew.
var dropped = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade", "Content-Length", "Expect", "Host",
}

// newParcel returns r as this relay passes it on; ok is false if it has come in a
// circle. body is that of r, and is not copied.
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
		h["User-Agent"] = nil // or net/http writes its own
	}
	return parcel{path: req.URL.EscapedPath(), query: req.URL.RawQuery, header: h, body: body}, true
}

// request returns p as a request to target, with the fields of header instead of its own.
// The query of target stands before that of p, both byte for byte.
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
		// For a kept connection that turns out to be closed before anything is written: then
		// net/http itself sends a POST again.
		GetBody: func() (io.ReadCloser, error) { return p.open(), nil },
	}).WithContext(ctx)
}

func (p parcel) open() io.ReadCloser { return io.NopCloser(bytes.NewReader(p.body)) }
