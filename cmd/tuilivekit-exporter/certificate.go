package main

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// certificate is a key pair that follows its files.
type certificate struct{ *followed[tls.Certificate] }

// certificateInterval is the time between two checks of the files for changes.
const certificateInterval = time.Second

// loadCertificate reads the files. Without files, the certificate is not used. At start an expired
// certificate is accepted with a warning: senders that do not verify it still connect.
func loadCertificate(certFile, keyFile string, log logrus.FieldLogger) (certificate, error) {
	if certFile == "" {
		return certificate{}, nil
	}
	f := &followed[tls.Certificate]{
		what: "certificate", file: certFile, log: log,
		sum: func() config.Sum { return config.SumFiles(certFile, keyFile) },
		read: func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			if err == nil {
				err = expired(pair)
			}
			if err != nil {
				return nil, fmt.Errorf("new certificate %s cannot be used: %w", certFile, err)
			}
			return &pair, nil
		},
	}
	f.seen = f.sum()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return certificate{}, fmt.Errorf("--webhook.tls-cert-file %s and --webhook.tls-key-file %s: %w", certFile, keyFile, err)
	}
	if err := expired(pair); err != nil {
		log.WithError(err).Warn("senders that verify the certificate will not connect")
	}
	f.value.Store(&pair)
	return certificate{f}, nil
}

func expired(pair tls.Certificate) error {
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return fmt.Errorf("certificate has expired at %s", end.UTC().Format(time.RFC3339))
	}
	return nil
}

// used reports whether the listener has a certificate.
func (c certificate) used() bool { return c.followed != nil }

// tlsConfig returns a configuration that always has the newest certificate, nil without a
// certificate.
func (c certificate) tlsConfig() *tls.Config {
	if !c.used() {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.value.Load(), nil },
	}
}

// name returns the first DNS name of the certificate without a wildcard, "" if it has none.
func (c certificate) name() string {
	if !c.used() {
		return ""
	}
	for _, name := range c.value.Load().Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}
