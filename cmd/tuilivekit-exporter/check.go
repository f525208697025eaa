package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// checkConfigCommand are the arguments of check-config.
type checkConfigCommand struct{ file string }

func (c *checkConfigCommand) register(cmd *kingpin.CmdClause) {
	cmd.Arg("file", "The configuration file.").Required().StringVar(&c.file)
}

func (c *checkConfigCommand) run(stdout io.Writer) error {
	cfg, warnings, err := config.Load(c.file)
	if err != nil {
		return err
	}
	if err := checkRelay(cfg); err != nil {
		return err
	}
	for _, warning := range warnings {
		fmt.Fprintln(stdout, "warning:", warning)
	}
	for _, app := range cfg.Apps {
		fmt.Fprintf(stdout, "application %s (%s): %d token(s)%s\n", app.SDKAppID, app.Name, len(app.Tokens), describeAPI(app))
	}
	fmt.Fprintf(stdout, "%s is valid\n", c.file)
	return nil
}

// describeAPI says how the server API of app is called.
func describeAPI(app config.App) string {
	var text string
	if app.API != nil {
		text += fmt.Sprintf(", server API at %s as %s", app.API.Address, app.API.Identifier)
	}
	if app.Reconcile != nil {
		text += fmt.Sprintf(", recount every %s with at most %v calls a second", app.Reconcile.Interval, app.Reconcile.Rate)
	}
	return text
}

// healthcheckCommand are the flags of healthcheck.
type healthcheckCommand struct {
	url     string
	timeout time.Duration
}

func (c *healthcheckCommand) register(cmd *kingpin.CmdClause) {
	cmd.Flag("url", "What to ask.").Default("http://127.0.0.1:19780/-/healthy").Envar("TUILIVEKIT_EXPORTER_HEALTHCHECK_URL").StringVar(&c.url)
	cmd.Flag("timeout", "How long to wait for the answer.").Default("2s").NoEnvar().DurationVar(&c.timeout)
}

func (c *healthcheckCommand) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return fmt.Errorf("--url: %w", err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", c.url, resp.Status)
	}
	return nil
}
