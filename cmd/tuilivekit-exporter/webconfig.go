package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/sirupsen/logrus"
	"golang.org/x/time/rate"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// webConfig is the configuration file of the web listener, in the format of the
// exporter-toolkit, and the files that it names. It follows their content. While that
// cannot be used the last good settings stay. (The toolkit itself reads its file for each
// request, and answers all of them 500 while the file is broken, health checks too.)
type webConfig struct {
	file string // "" if there is none: no TLS, no password
	log  logrus.FieldLogger

	settings atomic.Pointer[webSettings]
	err      atomic.Pointer[error] // why the files are not those of settings, nil while they are

	looking sync.Mutex
	seen    config.Sum // as of the last attempt; held by looking
}

// webSettings are what a file says. They are immutable.
type webSettings struct {
	tls     *tls.Config // nil without TLS
	header  map[string]string
	logins  *logins
	limiter *rate.Limiter // nil without a limit
}

// loadWebConfig reads file. As for the webhook listener, an expired certificate is a
// warning at the start.
func loadWebConfig(file string, log logrus.FieldLogger) (*webConfig, error) {
	c := &webConfig{file: file, log: log}
	if file == "" {
		c.settings.Store(&webSettings{})
		return c, nil
	}
	c.seen = c.sum()
	settings, err := readWebSettings(file)
	if err != nil {
		return nil, fmt.Errorf("--web.config.file: %w", err)
	}
	if err := settings.expired(); err != nil {
		log.WithError(err).Warn("clients that verify the certificate of the web listener will not connect")
	}
	c.settings.Store(settings)
	return c, nil
}

// parseWebConfig reads file as the toolkit does.
func parseWebConfig(file string) (*toolkit.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &toolkit.Config{
		TLSConfig:  toolkit.TLSConfig{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13},
		HTTPConfig: toolkit.HTTPConfig{HTTP2: true},
	}
	if err := config.Decode(file, text, c); err != nil {
		return nil, err
	}
	c.TLSConfig.SetDirectory(filepath.Dir(file))
	return c, nil
}

func readWebSettings(file string) (*webSettings, error) {
	c, err := parseWebConfig(file)
	if err != nil {
		return nil, err
	}
	if err := toolkit.Validate(file); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s := &webSettings{header: c.HTTPConfig.Header}
	if len(c.Users) > 0 {
		s.logins = newLogins()
		for user, hash := range c.Users {
			s.logins.add(user, string(hash))
		}
	}
	if r := c.RateLimiterConfig; r.Interval != 0 {
		s.limiter = rate.NewLimiter(rate.Every(r.Interval), r.Burst)
	}
	if !c.TLSConfig.IsEnabled() {
		return s, nil
	}
	if s.tls, err = toolkit.ConfigToTLSConfig(&c.TLSConfig); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	pair, err := s.tls.GetCertificate(nil) // which reads the files each time
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	s.tls.GetCertificate, s.tls.Certificates = nil, []tls.Certificate{*pair}
	if s.tls.NextProtos = []string{"http/1.1"}; c.HTTPConfig.HTTP2 {
		s.tls.NextProtos = []string{"h2", "http/1.1"}
	}
	return s, nil
}

func (s *webSettings) expired() error {
	if s.tls == nil {
		return nil
	}
	return expired(s.tls.Certificates[0])
}

// sum stands for the content of all files.
func (c *webConfig) sum() config.Sum {
	names := []string{c.file}
	if parsed, err := parseWebConfig(c.file); err == nil {
		for _, name := range []string{parsed.TLSConfig.TLSCertPath, parsed.TLSConfig.TLSKeyPath, parsed.TLSConfig.ClientCAs} {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return config.SumFiles(names...)
}

// look takes the settings in the files if their content has changed.
func (c *webConfig) look() {
	if apply, err := c.prepare(); err == nil {
		apply()
	}
}

// prepare reads the files if their content has changed. The function that it returns
// makes their settings the ones in use.
func (c *webConfig) prepare() (apply func(), err error) {
	if c.file == "" {
		return func() {}, nil
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	sum := c.sum()
	if sum == c.seen {
		return func() {}, c.broken()
	}
	settings, err := readWebSettings(c.file)
	switch {
	case err != nil:
	case (settings.tls == nil) != (c.settings.Load().tls == nil):
		err = errors.New("TLS can only be switched on or off by a restart")
	default:
		err = settings.expired()
	}
	if err != nil {
		err = fmt.Errorf("new web configuration cannot be used: %w", err)
		c.seen = sum
		c.err.Store(&err)
		c.log.WithError(err).Error("web configuration not reloaded, the last one stays")
		return nil, err
	}
	return func() {
		c.looking.Lock()
		defer c.looking.Unlock()
		c.seen = sum
		c.err.Store(nil)
		c.settings.Store(settings)
		c.log.WithField("file", c.file).Info("web configuration reloaded")
	}, nil
}

// broken returns why the files are not the settings in use, nil if they are.
func (c *webConfig) broken() error {
	if err := c.err.Load(); err != nil {
		return *err
	}
	return nil
}

// tlsConfig returns a configuration that is always that of the newest settings, nil
// without TLS.
func (c *webConfig) tlsConfig() *tls.Config {
	if c.settings.Load().tls == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.settings.Load().tls, nil },
	}
}

// handler serves next to those who may see it. Health checks need no password, and no limit
// applies to them: they say nothing of the applications, and whoever restarts the
// process when they fail must not do so for a setting of this file.
func (c *webConfig) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := c.settings.Load()
		for name, value := range s.header {
			w.Header().Set(name, value)
		}
		switch {
		case r.URL.Path == "/-/healthy" || r.URL.Path == "/-/ready":
		case s.limiter != nil && !s.limiter.Allow():
			http.Error(w, http.StatusText(http.StatusTooManyRequests), http.StatusTooManyRequests)
			return
		case s.logins != nil && !s.logins.allow(r):
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
