package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// complete takes over from defaults what r does not say, and checks the rest. at is the
// place of r in the file.
func (r *Relay) complete(defaults *Relay, at path, dir string) error {
	r.inherit(defaults, at)
	r.KeepSignature = cmp.Or(r.KeepSignature, new(bool))
	r.ProxyFromEnvironment = cmp.Or(r.ProxyFromEnvironment, new(bool))
	var err error
	if r.Target, err = parseTarget(r.URL); err != nil {
		return &keyError{r.at["url"], err.Error()}
	}
	r.Timeout = cmp.Or(r.Timeout, 1500*time.Millisecond)
	if r.Timeout < 10*time.Millisecond || r.Timeout > maxTimeout {
		return &keyError{r.at["timeout"], fmt.Sprintf("%s is not within 10ms and %s: Tencent waits 2s for the answer", r.Timeout, maxTimeout)}
	}
	r.IdleTimeout = cmp.Or(r.IdleTimeout, 1500*time.Millisecond)
	if r.IdleTimeout < time.Millisecond {
		return &keyError{at.to("idle_timeout"), fmt.Sprintf("%s is less than 1ms", r.IdleTimeout)}
	}
	r.OnFailure = cmp.Or(r.OnFailure, "fail")
	if r.OnFailure != "fail" && r.OnFailure != "allow" && r.OnFailure != "deny" {
		return &keyError{at.to("on_failure"), "must be fail, allow or deny"}
	}
	r.MaxConcurrent = cmp.Or(r.MaxConcurrent, 64)
	if r.MaxConcurrent < 1 || r.MaxConcurrent > 10_000 {
		return &keyError{at.to("max_concurrent"), "is not within 1 and 10000"}
	}
	if err := r.completeQueue(at); err != nil {
		return err
	}
	if err := r.readFields(at, dir); err != nil {
		return err
	}
	return r.readTLS(at, dir)
}

// maxTimeout leaves a moment of the 2 s that Tencent waits for the answer.
const maxTimeout = 1900 * time.Millisecond

// inherit takes over from defaults what r does not say.
func (r *Relay) inherit(defaults *Relay, at path) {
	r.at = map[string]path{"url": at.to("url"), "timeout": at.to("timeout"), "max_queue_bytes": at.to("max_queue_bytes")}
	if defaults == nil {
		return
	}
	common := path{"relay"}
	if r.URL == "" && defaults.URL != "" {
		r.at["url"] = common.to("url")
	}
	if r.Timeout == 0 && defaults.Timeout != 0 {
		r.at["timeout"] = common.to("timeout")
	}
	if r.MaxQueueBytes == 0 && defaults.MaxQueueBytes != 0 {
		r.at["max_queue_bytes"] = common.to("max_queue_bytes")
	}
	r.URL = cmp.Or(r.URL, defaults.URL)
	if r.Headers == nil {
		r.Headers = defaults.Headers
	}
	r.BasicAuth = cmp.Or(r.BasicAuth, defaults.BasicAuth)
	r.Timeout = cmp.Or(r.Timeout, defaults.Timeout)
	r.IdleTimeout = cmp.Or(r.IdleTimeout, defaults.IdleTimeout)
	r.OnFailure = cmp.Or(r.OnFailure, defaults.OnFailure)
	r.MaxConcurrent = cmp.Or(r.MaxConcurrent, defaults.MaxConcurrent)
	r.MaxAge = cmp.Or(r.MaxAge, defaults.MaxAge)
	r.MaxQueueRequests = cmp.Or(r.MaxQueueRequests, defaults.MaxQueueRequests)
	r.MaxQueueBytes = cmp.Or(r.MaxQueueBytes, defaults.MaxQueueBytes)
	r.KeepSignature = cmp.Or(r.KeepSignature, defaults.KeepSignature)
	r.ProxyFromEnvironment = cmp.Or(r.ProxyFromEnvironment, defaults.ProxyFromEnvironment)
	r.CAFile = cmp.Or(r.CAFile, defaults.CAFile)
	if r.CertFile == "" && r.KeyFile == "" {
		r.CertFile, r.KeyFile = defaults.CertFile, defaults.KeyFile
	}
}

// completeQueue checks what bounds the queue of r.
func (r *Relay) completeQueue(at path) error {
	r.MaxAge = cmp.Or(r.MaxAge, 24*time.Hour)
	r.MaxQueueRequests = cmp.Or(r.MaxQueueRequests, 20_000)
	r.MaxQueueBytes = cmp.Or(r.MaxQueueBytes, 16<<20)
	switch {
	case r.MaxAge < time.Second:
		return &keyError{at.to("max_age"), fmt.Sprintf("%s is less than 1s", r.MaxAge)}
	case r.MaxQueueRequests < 1:
		return &keyError{at.to("max_queue_requests"), "must be at least 1"}
	case r.MaxQueueBytes < 1<<20:
		return &keyError{r.at["max_queue_bytes"], fmt.Sprintf("%d is less than 1 MiB, which is %d", r.MaxQueueBytes, 1<<20)}
	}
	return nil
}

// parseTarget takes http and https URLs that a callback can be sent to.
func parseTarget(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, errors.New("missing")
	}
	u, err := url.Parse(raw)
	switch { // without the URL itself, which may hold a password
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("not an http or https URL")
	case u.User != nil:
		return nil, errors.New("must have no user or password: set basic_auth")
	case u.Fragment != "":
		return nil, errors.New("must have no fragment: no server ever gets it")
	case strings.ContainsFunc(u.RawQuery, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, errors.New("has a query with a space or a character that is not ASCII: write it percent-encoded")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("has port %s: a port is a number from 1 to 65535", port)
		}
	}
	return u, nil
}

// readTLS reads the authorities and the certificate that r names.
func (r *Relay) readTLS(at path, dir string) error {
	r.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CAFile != "" {
		pem, err := os.ReadFile(resolve(dir, r.CAFile))
		if err != nil {
			return &keyError{at.to("ca_file"), err.Error()}
		}
		r.TLS.RootCAs = x509.NewCertPool()
		if !r.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return &keyError{at.to("ca_file"), "no certificate in it"}
		}
	}
	if (r.CertFile == "") != (r.KeyFile == "") {
		return &keyError{at.to("cert_file"), "cert_file and key_file: one needs the other"}
	}
	if r.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(resolve(dir, r.CertFile), resolve(dir, r.KeyFile))
		if err != nil {
			return &keyError{at.to("cert_file"), err.Error()}
		}
		r.TLS.Certificates = []tls.Certificate{pair}
	}
	return nil
}
