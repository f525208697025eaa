// Package restapi calls the server API of Tencent Cloud TUILiveKit for one application. It
// knows how a call is made and what its errors mean; it does not know what the answers are
// for, how often to call, or what to try again.
package restapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

const (
	// MaxAnswer is how much of an answer is read, in bytes. A full page of rooms has some
	// 20 KiB.
	MaxAnswer = 1 << 20
	// DefaultTimeout is how long a call may take. Tencent's own limit is 3 s.
	DefaultTimeout = 10 * time.Second
	// userSigValidity is how long a UserSig that a Client makes is valid. It is renewed at
	// half of that.
	userSigValidity = time.Hour
)

// Options say who calls and where.
type Options struct {
	// AppID is the SDKAppID in decimal. Required.
	AppID string
	// Host is HOST or HOST:PORT, as HostOf and CheckHost have it. Required.
	Host string
	// Identifier is an administrator of the application. Required.
	Identifier string
	// SecretKey is the SDKSecretKey, with which a UserSig is made; or UserSig is one that was
	// made elsewhere. One of the two is required.
	SecretKey, UserSig string
	// TLS has the authorities that may sign the host's certificate; nil means those of the
	// system. It is not changed.
	TLS *tls.Config
	// ProxyFromEnvironment takes the proxy that HTTPS_PROXY and NO_PROXY name. It sees only
	// the name of the host.
	ProxyFromEnvironment bool
	// Timeout is the maximum time of a call, DefaultTimeout if it is 0.
	Timeout time.Duration
	// Dial opens connections. If it is nil, TCP is used.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client calls the server API for one application. Its methods block until Tencent has
// answered, Timeout has passed or their context has ended, make one call each, and may be
// called from several goroutines. They fail with an *Error if Tencent has answered an error
// code, else with a *TransportError; AdviceOf explains both. Neither error, nor
// anything else that a Client returns, contains the key or a UserSig. A Client follows no
// redirect.
type Client struct {
	o         Options
	transport *http.Transport

	mu      sync.Mutex
	sig     string
	renewAt time.Time
	clock   Clock
}

// Clock has the time of the last answer, by two clocks.
type Clock struct {
	// Server is the Date of the answer, in whole seconds.
	Server time.Time
	// Local is the time of its receipt, by the clock of this machine.
	Local time.Time
}

// New returns a Client. The caller closes it.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true, // an answer cannot be a compression bomb
		MaxResponseHeaderBytes: 64 << 10,
	}
	if o.Dial != nil {
		t.DialContext = o.Dial
	}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	if o.ProxyFromEnvironment {
		t.Proxy = http.ProxyFromEnvironment
	}
	return &Client{o: o, transport: t}
}

// Close closes idle connections. The Client may still be used.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Host returns the host that is called.
func (c *Client) Host() string { return c.o.Host }

// Clock returns the time of the last answer. ok is false before the first answer.
func (c *Client) Clock() (clock Clock, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock, !c.clock.Local.IsZero()
}

// userSig returns a UserSig that is valid for at least half an hour, or the configured UserSig.
func (c *Client) userSig() string {
	if c.o.UserSig != "" {
		return c.o.UserSig
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().Round(0) // the wall clock, which Tencent compares with its own
	// If the clock was set back, the age is negative: Tencent would refuse the UserSig, whose time
	// of issue is in the future.
	if age := now.Sub(c.renewAt.Add(-userSigValidity / 2)); c.sig == "" || !now.Before(c.renewAt) || age < 0 {
		c.sig = tuilivekit.UserSig(c.o.AppID, c.o.Identifier, c.o.SecretKey, now, userSigValidity)
		c.renewAt = now.Add(userSigValidity / 2)
	}
	return c.sig
}

// envelope has the members of all answers.
type envelope struct {
	ActionStatus string
	ErrorInfo    string
	ErrorCode    *int
	RequestID    string `json:"RequestId"`
}

// call makes one call and decodes the answer into answer, which may be nil. query is added to
// the query as it is. repeatable says that the call may be sent again if a connection that
// was kept open turns out to be closed.
func (c *Client) call(ctx context.Context, name, query string, repeatable bool, body, answer any) error {
	sig := c.userSig()
	fail := func(f Fault, format string, args ...any) error { return c.fault(name, sig, f, format, args...) }
	sent, err := json.Marshal(body)
	if err != nil {
		panic(err) // all bodies are structs of this package
	}
	timed, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(timed, http.MethodPost, c.target(name, sig)+query, bytes.NewReader(sent))
	if err != nil {
		return fail(NoConnection, "the URL of the host cannot be made")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tuilivekit-exporter")
	if repeatable {
		req.Header["Idempotency-Key"] = nil // not sent; tells Transport
	}
	// Transport follows no redirect and, other than Client, puts no URL into its errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return c.ended(ctx, fail(faultOf(err), "%v", err))
	}
	defer resp.Body.Close()
	c.noteClock(resp.Header.Get("Date"))
	if resp.StatusCode != http.StatusOK {
		return fail(BadStatus, "HTTP status %d", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err == nil && timed.Err() != nil {
		err = timed.Err() // a server that sees the connection close may end its answer in time
	}
	switch {
	case err != nil:
		return c.ended(ctx, fail(faultOf(err), "the answer breaks off: %v", err))
	case len(text) > MaxAnswer:
		return fail(TooLarge, "more than %d bytes", MaxAnswer)
	}
	return c.decode(name, sig, text, answer)
}

// fault returns the error of a call without an answer of Tencent. The error contains no secrets.
func (c *Client) fault(name, sig string, f Fault, format string, args ...any) error {
	return &TransportError{Call: name, Host: c.o.Host, Fault: f, Detail: clean(fmt.Sprintf(format, args...), sig, c.o.SecretKey)}
}

// decode decodes the answer to a call, unless it is an error of Tencent.
func (c *Client) decode(name, sig string, text []byte, answer any) error {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil || e.ErrorCode == nil {
		return c.fault(name, sig, NotTencent, "not JSON with an ErrorCode")
	}
	if *e.ErrorCode != 0 {
		return &Error{
			Call: name, Code: *e.ErrorCode, Info: clean(e.ErrorInfo, sig, c.o.SecretKey),
			RequestID: clean(e.RequestID, sig, c.o.SecretKey),
		}
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return c.fault(name, sig, NotTencent, "a member of the answer has another type than documented")
	}
	return nil
}

// target returns the URL of a call. It is written by hand: a UserSig may contain *, which
// package url escapes and Tencent's own code does not.
func (c *Client) target(name, sig string) string {
	return "https://" + c.o.Host + "/v4/" + name + "?sdkappid=" + c.o.AppID + "&identifier=" + url.QueryEscape(c.o.Identifier) +
		"&usersig=" + sig + "&random=" + strconv.FormatUint(uint64(rand.Uint32()), 10) + "&contenttype=json"
}

// ended returns the error of ctx if the caller's context has ended, err if the call has timed out.
func (c *Client) ended(ctx context.Context, err error) error {
	var t *TransportError
	if cause := ctx.Err(); cause != nil && errors.As(err, &t) {
		t.cause = cause
	}
	return err
}

// noteClock keeps the Date of an answer.
func (c *Client) noteClock(date string) {
	server, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = Clock{server, time.Now()}
}
