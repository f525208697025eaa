package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// certificate is a key pair that follows its files. While they cannot be read, or do
// not belong together, the last good pair stays.
type certificate struct {
	certFile, keyFile string
	log               logrus.FieldLogger

	failed atomic.Bool // the files have changed, to what cannot be used

	mu      sync.Mutex
	pair    *tls.Certificate
	checked time.Time
	seen    [2]time.Time // when the files were changed, as of the last attempt
}

// certificateInterval is how often the files are looked at, at most.
const certificateInterval = time.Second

func loadCertificate(certFile, keyFile string, log logrus.FieldLogger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log, checked: time.Now()}
	c.seen = c.changed()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("--webhook.tls-cert-file %s and --webhook.tls-key-file %s: %w", certFile, keyFile, err)
	}
	c.pair = &pair
	return c, nil
}

func (c *certificate) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// broken reports whether the files are not those of the pair in use. c may be nil.
func (c *certificate) broken() bool { return c != nil && c.failed.Load() }

// current returns the newest good pair. It reads the files if they have changed.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < certificateInterval {
		return c.pair
	}
	c.checked = time.Now()
	changed := c.changed()
	if changed == c.seen {
		return c.pair
	}
	c.seen = changed
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	c.failed.Store(err != nil)
	if err != nil {
		c.log.WithError(err).Error("new certificate cannot be used, the last one stays")
		return c.pair
	}
	c.log.WithField("file", c.certFile).Info("certificate reloaded")
	c.pair = &pair
	return c.pair
}

// changed returns when the files were changed, zero for one that is not there.
func (c *certificate) changed() (times [2]time.Time) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}
