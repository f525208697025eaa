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

// certificateInterval is how often the files are looked at.
const certificateInterval = time.Second

// loadCertificate reads the files. Without files the pair is nil. At the start an expired
// certificate is better than none: not everybody looks.
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

// used reports whether there is a certificate.
func (c certificate) used() bool { return c.followed != nil }

// tlsConfig returns a configuration that is always that of the newest pair, nil without one.
func (c certificate) tlsConfig() *tls.Config {
	if !c.used() {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.value.Load(), nil },
	}
}

// name returns the first name of a host that the certificate is of, "" if there is none.
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
