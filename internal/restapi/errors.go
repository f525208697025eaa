package restapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"unicode"
)

// Error is an answer of Tencent with an error code.
type Error struct {
	// Call is the name of the call, such as live_config/get_callback.
	Call string
	// Code is Tencent's error code, not 0.
	Code int
	// Info is Tencent's text, at most 200 printable characters, without secrets.
	Info string
	// RequestID is the id of the call, for a ticket at Tencent.
	RequestID string
}

// Error returns the name of the call and the meaning of the code, without advice.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: error code %d: %s", e.Call, e.Code, adviceOf(e.Code).Meaning)
	if e.Info != "" {
		text += fmt.Sprintf(" (Tencent says %q)", e.Info)
	}
	if e.RequestID != "" {
		text += ", RequestId " + e.RequestID
	}
	return text
}

// Fault is the kind of failure of a call without an answer of Tencent.
type Fault uint8

const (
	// NoAddress means that the name of the host could not be resolved.
	NoAddress Fault = iota + 1
	// NoConnection means that no connection could be made, or that it broke.
	NoConnection
	// BadCertificate means that TLS failed.
	BadCertificate
	// TimedOut means that no complete answer came in time.
	TimedOut
	// BadStatus means an HTTP status that is not 200: a redirect, or an error of a gateway.
	BadStatus
	// TooLarge means an answer larger than MaxAnswer.
	TooLarge
	// NotTencent means a complete answer that is not one of Tencent's.
	NotTencent
)

// TransportError means that there is no answer of Tencent. Its text has neither query nor
// secrets.
type TransportError struct {
	Call  string
	Host  string
	Fault Fault
	// Detail is the text of the cause, without secrets.
	Detail string
	cause  error // the error of a context that has ended, else nil
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("%s at %s: %s: %s", e.Call, e.Host, faults[e.Fault].Meaning, e.Detail)
}

// Unwrap returns context.Canceled or context.DeadlineExceeded if the caller's context has
// ended. The cause is never returned: it may contain the query, which is a secret.
func (e *TransportError) Unwrap() error { return e.cause }

var faults = map[Fault]Advice{
	NoAddress:      {"the name of the host has no address", Soon, "check DNS on this machine; if the host is not of your region, check region in the configuration"},
	NoConnection:   {"no connection, or it broke", Soon, "let this machine open connections to the host, port 443; if there is only a proxy, set proxy_from_environment"},
	BadCertificate: {"TLS failed", Soon, "find out who answers in place of Tencent, and check the clock of this machine; if it is your own proxy, set ca_file"},
	TimedOut:       {"no complete answer in time", Soon, "check the way from this machine to the host"},
	BadStatus:      {"the answer is not of Tencent's server API", Soon, "find out who answers in place of Tencent: a proxy, or a gateway that has failed"},
	TooLarge:       {"the answer is too large", Never, "find out who answers in place of Tencent"},
	NotTencent:     {"the answer is not of Tencent's server API", Soon, "find out who answers in place of Tencent: a proxy, or a gateway that has failed"},
}

// AdviceOf returns the advice about an error of a Client.
func AdviceOf(err error) Advice {
	var answered *Error
	var transport *TransportError
	switch {
	case errors.As(err, &answered):
		return adviceOf(answered.Code)
	case errors.As(err, &transport):
		return faults[transport.Fault]
	}
	return Advice{Meaning: "the call failed", Retry: Soon}
}

// IsCode reports whether err is an answer of Tencent with this error code.
func IsCode(err error, code int) bool {
	var answered *Error
	return errors.As(err, &answered) && answered.Code == code
}

// faultOf returns the kind of fault of err.
func faultOf(err error) Fault {
	var (
		dns         *net.DNSError
		unknown     x509.UnknownAuthorityError
		name        x509.HostnameError
		invalid     x509.CertificateInvalidError
		alert       tls.AlertError
		record      tls.RecordHeaderError
		certificate *tls.CertificateVerificationError
		network     net.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return TimedOut
	case errors.As(err, &dns):
		return NoAddress
	case errors.As(err, &certificate), errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &alert), errors.As(err, &record):
		return BadCertificate
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return NoConnection
	case errors.As(err, &network) && network.Timeout():
		return TimedOut
	}
	return NoConnection
}

// signatureInText matches the value of usersig= in a text, also in an escaped URL or in JSON.
var signatureInText = regexp.MustCompile(`(?i)(usersig(?:=|%3d|"\s*:\s*"))[^&"\s]+`)

// maxDetail is the largest number of characters of a foreign text in an error.
const maxDetail = 200

// clean returns a foreign text in a form that may be shown: without secrets, printable and short.
func clean(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "<secret>")
			text = strings.ReplaceAll(text, strings.ReplaceAll(secret, "*", "%2A"), "<secret>")
		}
	}
	text = signatureInText.ReplaceAllString(text, "${1}<secret>")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail]) + "…"
	}
	return text
}
