package main

import (
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// certificate is a key pair that follows its files. While they cannot be used the last
// good pair stays.
type certificate struct {
	certFile, keyFile string
	log               logrus.FieldLogger

	pair atomic.Pointer[tls.Certificate]
	err  atomic.Pointer[error] // why the files are not those of pair, nil while they are

	looking sync.Mutex
	seen    config.Sum // as of the last attempt; held by looking
}

// certificateInterval is how often the files are looked at.
const certificateInterval = time.Second

// loadCertificate reads the files. At the start an expired certificate is better than
// none: not everybody looks.
func loadCertificate(certFile, keyFile string, log logrus.FieldLogger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, seen: config.SumFiles(certFile, keyFile)}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("--webhook.tls-cert-file %s and --webhook.tls-key-file %s: %w", certFile, keyFile, err)
	}
	if err := expired(pair); err != nil {
		log.WithError(err).Warn("senders that verify the certificate will not connect")
	}
	c.pair.Store(&pair)
	return c, nil
}

func expired(pair tls.Certificate) error {
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return fmt.Errorf("certificate has expired at %s", end.UTC().Format(time.RFC3339))
	}
	return nil
}

func (c *certificate) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
	}
}

// name returns the first name of a host that the certificate is of, "" if there is none. c may
// be nil.
func (c *certificate) name() string {
	if c == nil {
		return ""
	}
	for _, name := range c.pair.Load().Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			return name
		}
	}
	return ""
}

// broken returns why the files are not those of the pair in use, nil if they are. c may
// be nil.
func (c *certificate) broken() error {
	if c == nil {
		return nil
	}
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

// look takes the pair in the files if their content has changed. It goes by content, as
// the configuration does.
func (c *certificate) look() {
	if apply, err := c.prepare(); err == nil {
		apply()
	}
}

// prepare reads the files if their content has changed. The function that it returns
// makes their pair the one in use. c may be nil.
func (c *certificate) prepare() (apply func(), err error) {
	if c == nil {
		return func() {}, nil
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	sum := config.SumFiles(c.certFile, c.keyFile)
	if sum == c.seen {
		return func() {}, c.broken()
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err == nil {
		err = expired(pair)
	}
	if err != nil {
		err = fmt.Errorf("new certificate %s cannot be used: %w", c.certFile, err)
		c.seen = sum
		c.err.Store(&err)
		c.log.WithError(err).Error("certificate not reloaded, the last one stays")
		return nil, err
	}
	return func() {
		c.looking.Lock()
		defer c.looking.Unlock()
		c.seen = sum
		c.err.Store(nil)
		c.pair.Store(&pair)
		c.log.WithField("file", c.certFile).Info("certificate reloaded")
	}, nil
}
