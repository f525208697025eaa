package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/sirupsen/logrus"
	"golang.org/x/time/rate"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// webConfig is the configuration file of the web listener, in the format of the exporter-toolkit,
// and the files that it names. They are read again when their content has changed. (The toolkit
// itself reads the file for each request. While the file is not valid, it answers 500 to all
// requests, health checks too.)
type webConfig struct {
	*followed[webSettings] // nil if there is no file
}

// noWebSettings are the settings without a file: no TLS, no password.
var noWebSettings webSettings

// webSettings are the settings in the file. They are immutable.
type webSettings struct {
	tls     *tls.Config // nil without TLS
	header  map[string]string
	logins  *logins
	limiter *rate.Limiter // nil without a limit
}

// loadWebConfig reads file. At start an expired certificate is accepted with a warning, as for the
// webhook listener.
func loadWebConfig(file string, log logrus.FieldLogger) (webConfig, error) {
	if file == "" {
		return webConfig{}, nil
	}
	f := &followed[webSettings]{
		what: "web configuration", file: file, log: log,
		sum: func() config.Sum { return sumWebConfig(file) },
	}
	f.read = func() (*webSettings, error) {
		settings, err := readWebSettings(file)
		switch {
		case err != nil:
		case (settings.tls == nil) != (f.value.Load().tls == nil):
			err = errors.New("TLS can only be switched on or off by a restart")
		default:
			err = settings.expired()
		}
		if err != nil {
			return nil, fmt.Errorf("new web configuration cannot be used: %w", err)
		}
		return settings, nil
	}
	f.seen = f.sum()
	settings, err := readWebSettings(file)
	if err != nil {
		return webConfig{}, fmt.Errorf("--web.config.file: %w", err)
	}
	if err := settings.expired(); err != nil {
		log.WithError(err).Warn("clients that verify the certificate of the web listener will not connect")
	}
	f.value.Store(settings)
	return webConfig{f}, nil
}

// settings returns the settings in use.
func (c webConfig) settings() *webSettings {
	if c.followed == nil {
		return &noWebSettings
	}
	return c.value.Load()
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

func (s *webSettings) expired() error {
	if s.tls == nil {
		return nil
	}
	return expired(s.tls.Certificates[0])
}

// sumWebConfig returns the sum of the content of file and of the files that it names.
func sumWebConfig(file string) config.Sum {
	names := []string{file}
	if parsed, err := parseWebConfig(file); err == nil {
		for _, name := range []string{parsed.TLSConfig.TLSCertPath, parsed.TLSConfig.TLSKeyPath, parsed.TLSConfig.ClientCAs} {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	return config.SumFiles(names...)
}

// tlsConfig returns a configuration that always has the newest settings, nil without TLS.
func (c webConfig) tlsConfig() *tls.Config {
	if c.settings().tls == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.settings().tls, nil },
	}
}

// handler serves next to clients with a valid password. Health checks need no password and have no
// rate limit: they show nothing of the applications, and a setting in this file must not make a
// liveness probe restart the process.
func (c webConfig) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := c.settings()
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
