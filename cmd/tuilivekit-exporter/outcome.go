package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// outcome is the result of one callback of send.
type outcome struct {
	ok   bool
	seen string // the failure in the words of Tencent's list of failures
	hint string // what to check
}

// failedRequest explains a request without an answer.
func failedRequest(err error) outcome {
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err // without the URL, which has a signature
	}
	var (
		network     net.Error
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return outcome{seen: "interrupted here, before the answer"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return outcome{seen: "access denied: connection refused", hint: "is the exporter running, and is the port of --url that of its webhook listener?"}
	case errors.As(err, &network) && network.Timeout():
		return outcome{seen: "access to the URL timed out", hint: "is there a firewall between, or a backend that is slow?"}
	}
	o := outcome{seen: "access to the URL failed: " + err.Error()}
	switch {
	case errors.As(err, &dns):
		o.hint = "is the host name of --url right?"
	case errors.As(err, &certificate):
		o.hint = "the certificate must be valid for the host name of --url and signed by an authority that this machine trusts; SSL_CERT_FILE names further authorities"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		o.hint = "this port does not speak TLS: is it http instead of https in --url?"
	}
	return o
}

// httpToHTTPS is the answer of net/http to a request without TLS on a port with TLS.
const httpToHTTPS = "Client sent an HTTP request to an HTTPS server."

// judge returns the outcome of an answer.
func judge(resp *http.Response, body []byte) outcome {
	var a tuilivekit.Answer
	parsed := json.Unmarshal(body, &a) == nil && a.ActionStatus != ""
	if resp.StatusCode != http.StatusOK {
		o := outcome{seen: fmt.Sprintf("HTTP return code is not 200: %s", resp.Status), hint: hints[resp.StatusCode]}
		switch {
		case parsed && a.ErrorInfo != "":
			o.seen += fmt.Sprintf(" (%s)", a.ErrorInfo)
		case strings.HasPrefix(string(body), httpToHTTPS):
			o.hint = "this port speaks TLS: is it https instead of http in --url?"
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			o.hint = "redirects are not followed: set --url, and the URL in Tencent's console, to where this one leads"
		case !parsed && hints[resp.StatusCode] != "" && resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed:
			o.hint = "the answer is not in Tencent's format: it is from a proxy in front of the exporter, or from another program"
		}
		return o
	}
	switch {
	case !parsed:
		return outcome{seen: "response could not be parsed: not Tencent's JSON", hint: "does another program than the exporter answer at --url?"}
	case a.ActionStatus != "OK" || a.ErrorCode != 0:
		return outcome{seen: fmt.Sprintf("answered %s with ErrorCode %d", a.ActionStatus, a.ErrorCode), hint: "the application's backend has decided so"}
	}
	return outcome{ok: true, seen: "OK"}
}

const webhookPort = "is the port of --url that of --webhook.listen-address? The web listener, which serves /metrics, takes no callbacks"

// hints are what to check, by status of the answer.
var hints = map[int]string{
	http.StatusBadRequest:            "the answer names what is wrong with the body or the query",
	http.StatusUnauthorized:          "is the token the one that the exporter has for this application, and are both clocks right?",
	http.StatusForbidden:             "is the application configured at the exporter?",
	http.StatusNotFound:              "is the path of --url that of --webhook.path? And " + webhookPort,
	http.StatusMethodNotAllowed:      webhookPort,
	http.StatusRequestEntityTooLarge: "see --webhook.max-body-bytes",
	http.StatusTooManyRequests:       "the exporter limits how many requests of one source it refuses, see --webhook.refusals-per-second",
	http.StatusServiceUnavailable:    "the exporter is overloaded, stopping, or cannot write to its storage: see its log",
	http.StatusBadGateway:            "the application's backend failed",
	http.StatusGatewayTimeout:        "the application's backend is slow",
}
