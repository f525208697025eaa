package main

import (
	"strconv"
	"strings"
)

// The rows that are wrong as HTTP, or for the place that they come to.

const (
	onlyPost   = "only POST is allowed"
	tooLarge   = "body too large"
	incomplete = "body incomplete"
	tooSlow    = "body too slow"

	bodyLimit = 256 << 10 // of a body
)

var badMethods = []badRow{
	{name: "GET", method: "GET", status: 405, reason: "method", text: onlyPost},
	{name: "HEAD", method: "HEAD", status: 405, reason: "method"},
	{name: "PUT", method: "PUT", status: 405, reason: "method", text: onlyPost},
	{name: "PATCH", method: "PATCH", status: 405, reason: "method", text: onlyPost},
	{name: "DELETE", method: "DELETE", status: 405, reason: "method", text: onlyPost},
	{name: "OPTIONS", method: "OPTIONS", status: 405, reason: "method", text: onlyPost},
	{name: "TRACE echoes nothing", method: "TRACE", status: 405, reason: "method", text: onlyPost},
	{name: "CONNECT with a path", method: "CONNECT", status: 405, reason: "method", text: onlyPost},
	{name: "CONNECT to another host", raw: "CONNECT victim.example:443 HTTP/1.1\r\nHost: victim.example:443\r\n\r\n", status: 404, reason: "path"},
	{name: "lower-case post", method: "post", status: 405, reason: "method", text: onlyPost},
	{name: "a method that nobody knows", method: "BREW", status: 405, reason: "method", text: onlyPost},
	{name: "a method that overrides", method: "GET", header: "X-HTTP-Method-Override: POST\r\nContent-Length: " + newerLength + "\r\n", status: 405, reason: "method", text: onlyPost},
	{name: "OPTIONS of the server", raw: "OPTIONS * HTTP/1.1\r\nHost: exporter.example\r\n\r\n", status: 404, reason: "path"},
	{name: "a method that is no token", raw: "PO(ST /callback?{query} HTTP/1.1\r\nHost: exporter.example\r\nContent-Length: 2\r\n\r\n{}", status: 400, bare: true},
}

// newerLength is the Content-Length of newerEvent.
var newerLength = strconv.Itoa(len(newerEvent))

var badPaths = []badRow{
	{name: "two slashes", path: "//callback", status: 404, reason: "signed_path"},
	{name: "a slash at the end", path: "/callback/", status: 404, reason: "signed_path"},
	{name: "upper-case path", path: "/CALLBACK", status: 404, reason: "signed_path"},
	{name: "path with an escape", path: "/%63allback", status: 404, reason: "signed_path"},
	{name: "path with a parameter", path: "/callback;x", status: 404, reason: "signed_path"},
	{name: "path with a fragment", path: "/callback#x", status: 404, reason: "signed_path"},
	{name: "path with an escaped slash", path: "/callback%2F", status: 404, reason: "signed_path"},
	{name: "path with a NUL", path: "/callback%00", status: 404, reason: "signed_path"},
	{name: "dot segment", path: "/./callback", status: 404, reason: "signed_path"},
	{name: "dot segments up and down", path: "/callback/../callback", status: 404, reason: "signed_path"},
	{name: "escaped dot segments", path: "/x/%2e%2e/callback", status: 404, reason: "signed_path"},
	{name: "a path below", path: "/callback/1", status: 404, reason: "signed_path"},
	{name: "the root", path: "/", status: 404, reason: "signed_path"},
	{name: "metrics on the webhook listener", method: "GET", path: "/metrics", status: 404, reason: "path"},
	{name: "reload on the webhook listener", path: "/-/reload", status: 404, reason: "signed_path"},
	{name: "health on the webhook listener", method: "GET", path: "/-/healthy", status: 404, reason: "path"},
	{name: "profiles on the webhook listener", method: "GET", path: "/debug/pprof/", status: 404, reason: "path"},
	{name: "POST to the server", raw: "POST * HTTP/1.1\r\nHost: exporter.example\r\nContent-Length: 2\r\n\r\n{}", status: 404, reason: "path"},
	{name: "the URL of another host's path", path: "http://other.example/other", status: 404, reason: "signed_path"},
	{name: "a whole URL of our path", path: "http://other.example/callback", body: harmless, status: 200}, // RFC 9112, section 3.2.2
	{name: "a path without a slash", path: "callback", status: 400, bare: true},
	{name: "404 does not wait for the body", path: "/other", header: "Content-Length: 100000\r\n", status: 404, reason: "signed_path"},
}

func badSizes() []badRow {
	padded := func(size int) string { return harmless + strings.Repeat(" ", size-len(harmless)) }
	chunked := func(body string) string {
		return strconv.FormatInt(int64(len(body)), 16) + "\r\n" + body + "\r\n0\r\n\r\n"
	}
	const te = "Transfer-Encoding: chunked\r\n"
	return []badRow{
		{name: "a body at the limit", body: padded(bodyLimit), status: 200},
		{name: "a body one byte above the limit", body: padded(bodyLimit + 1), status: 413, reason: "too_large", text: tooLarge},
		{name: "an event above the limit", body: newerEvent + strings.Repeat(" ", bodyLimit), status: 413, reason: "too_large", text: tooLarge},
		{name: "far above the limit, declared and never sent", header: "Content-Length: 1099511627776\r\n", status: 413, reason: "too_large", text: tooLarge},
		{name: "the largest length", header: "Content-Length: 9223372036854775807\r\n", status: 413, reason: "too_large", text: tooLarge},
		{name: "a length that overflows", header: "Content-Length: 9223372036854775808\r\n", status: 400, bare: true},
		{name: "chunks up to the limit", header: te, body: chunked(padded(bodyLimit)), status: 200},
		{name: "chunks one byte above the limit", header: te, body: chunked(padded(bodyLimit + 1)), status: 413, reason: "too_large", text: tooLarge},
		{name: "chunks that never end", header: te, body: strings.Repeat("400\r\n"+strings.Repeat(" ", 1024)+"\r\n", 2048), status: 413, reason: "too_large", text: tooLarge},
		{name: "a length shorter than the body", header: "Content-Length: 20\r\n", status: 400, reason: "field", text: "CallbackCommand: not valid JSON"},
		{name: "a length longer than the body", header: "Content-Length: 2000\r\n", end: true, status: 400, reason: "body", text: incomplete},
		{name: "a body that stops halfway", header: "Content-Length: 2000\r\n", status: 408, reason: "timeout", text: tooSlow},
		{name: "chunks that stop halfway", header: te, body: "40\r\n" + newerEvent[:20], status: 408, reason: "timeout", text: tooSlow},
		{name: "chunks that end without the last one", header: te, body: "5\r\n{    \r\n", end: true, status: 400, reason: "body", text: incomplete},
		{name: "no length and no chunks", header: "X-Empty: \r\n", status: 400, reason: "json", text: "body: empty"},
		{name: "a header above its limit", header: "X-Long: " + strings.Repeat("a", 32<<10) + "\r\n", status: 431, bare: true},
		{name: "many headers above their limit", header: strings.Repeat("X-Short: a\r\n", 4<<10), status: 431, bare: true},
		{name: "a query above the limit", path: "/callback?x=" + strings.Repeat("a", 32<<10), status: 431, bare: true},
	}
}

var badFraming = []badRow{
	{name: "a negative length", header: "Content-Length: -1\r\n", status: 400, bare: true},
	{name: "a length with a sign", header: "Content-Length: +180\r\n", status: 400, bare: true},
	{name: "a hexadecimal length", header: "Content-Length: 0x10\r\n", status: 400, bare: true},
	{name: "two lengths that differ", header: "Content-Length: 2\r\nContent-Length: 180\r\n", status: 400, bare: true},
	{name: "a list of lengths", header: "Content-Length: 2, 180\r\n", status: 400, bare: true},
	{name: "a length beside chunks", header: "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", body: "2\r\n{}\r\n0\r\n\r\n", query: noCommand, status: 200}, // RFC 9112, section 6.3: the chunks count
	{name: "a chunk size that is no number", header: "Transfer-Encoding: chunked\r\n", body: "zz\r\n{}\r\n0\r\n\r\n", status: 400, reason: "body", text: incomplete},
	{name: "a chunk size that overflows", header: "Transfer-Encoding: chunked\r\n", body: "fffffffffffffffff\r\n{}\r\n0\r\n\r\n", status: 400, reason: "body", text: incomplete},
	{name: "a chunk longer than its size", header: "Transfer-Encoding: chunked\r\n", body: "1\r\n{}\r\n0\r\n\r\n", status: 400, reason: "body", text: incomplete},
	{name: "no Host", raw: "POST /callback?{query} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", status: 400, bare: true},
	{name: "two Hosts", raw: "POST /callback?{query} HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}", status: 400, bare: true},
	{name: "a header without a colon", header: "Content-Length 2\r\n", status: 400, bare: true},
	{name: "a header name with a space", header: "Content-Length : 2\r\n", status: 400, bare: true},
	{name: "a header with a NUL", header: "X-Nul: \x00\r\n", status: 400, bare: true},
	{name: "an expectation that nobody knows", header: "Expect: 200-ok\r\nContent-Length: 2\r\n", status: 417, bare: true},
	{name: "an expectation of 100-continue", header: "Expect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(harmless)) + "\r\n", body: harmless, status: 200},
	{name: "HTTP/1.0", proto: "HTTP/1.0", body: harmless, status: 200},
	{name: "HTTP/0.9", raw: "POST /callback?{query}\r\n\r\n", status: 400, bare: true},
	{name: "an upgrade to HTTP/2", header: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: 2\r\n", body: "{}", query: noCommand, status: 200}, // not taken up
	{name: "TLS on a plain listener", raw: "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n", status: 400, bare: true},
	{name: "no HTTP at all", raw: "hello\r\n\r\n", status: 400, bare: true},
}

const compressed = "compressed bodies are not supported"

var badEncodings = []badRow{
	{name: "gzip", header: "Content-Encoding: gzip\r\nContent-Length: " + newerLength + "\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "deflate", header: "Content-Encoding: deflate\r\nContent-Length: " + newerLength + "\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "br", header: "Content-Encoding: br\r\nContent-Length: " + newerLength + "\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "zstd", header: "content-encoding: zstd\r\nContent-Length: " + newerLength + "\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "a list of encodings", header: "Content-Encoding: identity, gzip\r\nContent-Length: " + newerLength + "\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "two encoding headers", header: "Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: " + newerLength + "\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "an encoding before its body is sent", header: "Content-Encoding: gzip\r\nContent-Length: 200000\r\n", status: 415, reason: "encoding", text: compressed},
	{name: "the encoding identity", header: "Content-Encoding: identity\r\nContent-Length: 2\r\n", body: "{}", query: noCommand, status: 200},
	{name: "the encoding Identity", header: "Content-Encoding: Identity\r\nContent-Length: 2\r\n", body: "{}", query: noCommand, status: 200}, // RFC 9110, section 8.4.1: case does not matter
	{name: "a content type that is not JSON", header: "Content-Type: multipart/form-data\r\nContent-Length: 2\r\n", body: "{}", query: noCommand, status: 200},
	{name: "a content type of two", header: "Content-Type: text/xml\r\nContent-Type: image/png\r\nContent-Length: 2\r\n", body: "{}", query: noCommand, status: 200},
}
