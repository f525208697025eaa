package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"
	httpconfig "github.com/prometheus/common/config"
)

// healthcheckCommand are the flags of healthcheck.
type healthcheckCommand struct {
	url        string
	timeout    time.Duration
	caFile     string
	serverName string
	insecure   bool
	configFile string
}

func (c *healthcheckCommand) register(cmd *kingpin.CmdClause) {
	cmd.Flag("url", "URL of the health check, on the web listener or on that of --health.listen-address.").Default("http://127.0.0.1:19780/-/healthy").Envar("TUILIVEKIT_EXPORTER_HEALTHCHECK_URL").StringVar(&c.url)
	cmd.Flag("timeout", "Maximum time to wait for the answer.").Default("2s").NoEnvar().DurationVar(&c.timeout)
	cmd.Flag("ca-file", "Certificates of the authorities to trust (PEM), instead of those of the system.").PlaceHolder("FILE").Envar("TUILIVEKIT_EXPORTER_HEALTHCHECK_CA_FILE").StringVar(&c.caFile)
	cmd.Flag("server-name", "Name that the certificate of the listener must have, instead of the host of --url.").Envar("TUILIVEKIT_EXPORTER_HEALTHCHECK_SERVER_NAME").StringVar(&c.serverName)
	cmd.Flag("insecure-skip-verify", "Accept any certificate. No secret is sent unless --http.config.file has one.").Envar("TUILIVEKIT_EXPORTER_HEALTHCHECK_INSECURE_SKIP_VERIFY").BoolVar(&c.insecure)
	cmd.Flag("http.config.file", "Prometheus HTTP client configuration: basic authentication, client certificate and the like.").PlaceHolder("FILE").Envar("TUILIVEKIT_EXPORTER_HEALTHCHECK_HTTP_CONFIG_FILE").StringVar(&c.configFile)
}

func (c *healthcheckCommand) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return explain(err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return fmt.Errorf("%s answers %s: set --http.config.file, or start serve with --health.listen-address and set --url to that", c.url, resp.Status)
	}
	return fmt.Errorf("%s answers %s", c.url, resp.Status)
}

// client returns the HTTP client for the flags. It uses no proxy.
func (c *healthcheckCommand) client() (*http.Client, error) {
	cfg := httpconfig.HTTPClientConfig{FollowRedirects: false}
	if c.configFile != "" {
		loaded, _, err := httpconfig.LoadHTTPConfigFile(c.configFile)
		if err != nil {
			return nil, fmt.Errorf("--http.config.file: %w", err)
		}
		cfg = *loaded
		cfg.SetDirectory(filepath.Dir(c.configFile))
	}
	if c.caFile != "" {
		cfg.TLSConfig.CAFile = c.caFile
	}
	if c.serverName != "" {
		cfg.TLSConfig.ServerName = c.serverName
	}
	if c.insecure {
		cfg.TLSConfig.InsecureSkipVerify = true
	}
	client, err := httpconfig.NewClientFromConfig(cfg, "healthcheck", httpconfig.WithKeepAlivesDisabled(), httpconfig.WithHTTP2Disabled())
	if err != nil {
		return nil, fmt.Errorf("healthcheck: %w", err)
	}
	return client, nil
}

// explain adds advice to the error of a certificate that is not accepted.
func explain(err error) error {
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &host):
		return fmt.Errorf("%w: give --server-name with a name that the certificate has", err)
	case errors.As(err, &authority):
		return fmt.Errorf("%w: give --ca-file with the certificate of its authority", err)
	}
	return err
}
