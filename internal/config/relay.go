package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"time"
)

// complete takes over from defaults what r does not say, and checks the rest. at is the
// place of r in the file.
func (r *Relay) complete(defaults *Relay, at path, dir string) error {
	r.urlAt = at.to("url")
	if defaults != nil {
		if r.URL == "" && defaults.URL != "" {
			r.urlAt = path{"relay", "url"}
		}
		r.URL = cmp.Or(r.URL, defaults.URL)
		r.Timeout = cmp.Or(r.Timeout, defaults.Timeout)
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
	r.KeepSignature = cmp.Or(r.KeepSignature, new(bool))
	r.ProxyFromEnvironment = cmp.Or(r.ProxyFromEnvironment, new(bool))
	var err error
	if r.Target, err = parseTarget(r.URL); err != nil {
		return &keyError{r.urlAt, err.Error()}
	}
	r.Timeout = cmp.Or(r.Timeout, 1500*time.Millisecond)
	if r.Timeout < 10*time.Millisecond || r.Timeout > 2*time.Second {
		return &keyError{at.to("timeout"), fmt.Sprintf("%s is not within 10ms and 2s, which is what Tencent waits", r.Timeout)}
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
	return r.readTLS(at, dir)
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
		return &keyError{at.to("max_queue_bytes"), fmt.Sprintf("%d is less than 1 MiB, which is %d", r.MaxQueueBytes, 1<<20)}
	}
	return nil
}

// parseTarget takes http and https URLs without anything that Tencent's console refuses.
func parseTarget(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, fmt.Errorf("missing")
	}
	u, err := url.Parse(raw)
	switch { // without the URL itself, which may hold a password
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("not an http or https URL")
	case u.User != nil:
		return nil, fmt.Errorf("must have no user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("must have no query and no fragment: the backend gets the query of Tencent")
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
