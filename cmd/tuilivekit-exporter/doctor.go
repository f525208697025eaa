package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/doctor"
	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/replica"
)

// doctorCommand are the flags of doctor. Those that serve has too have the same environment
// variable.
type doctorCommand struct {
	configFile   string
	url          string
	externalURL  string
	exporterURL  string
	storagePath  string
	listen       [2]string
	allowed      prefixes
	prometheus   string
	alertmanager string
	app          string
	json         bool
	report       bool
	color        string
}

func (c *doctorCommand) register(cmd *kingpin.CmdClause) {
	cmd.Flag("config.file", "YAML file with the applications.").Required().PlaceHolder("FILE").StringVar(&c.configFile)
	cmd.Flag("url", "Callback URL that Tencent is to call, by default that of --webhook.external-url.").PlaceHolder("URL").NoEnvar().StringVar(&c.url)
	cmd.Flag("webhook.external-url", "Callback URL of the exporter, as serve has it.").PlaceHolder("URL").StringVar(&c.externalURL)
	cmd.Flag("exporter.url", "URL of the exporter's web listener.").Default("http://127.0.0.1:19780").NoEnvar().StringVar(&c.exporterURL)
	cmd.Flag("storage.path", "Folder of the exporter's storage; empty for none.").Default("data").StringVar(&c.storagePath)
	cmd.Flag("webhook.listen-address", "Address of the webhook listener.").Default(":19781").StringVar(&c.listen[0])
	cmd.Flag("web.listen-address", "Address of the web listener.").Default(":19780").StringVar(&c.listen[1])
	cmd.Flag("webhook.allowed-sources", "Addresses that the exporter accepts callbacks from; repeatable, or separated by commas.").PlaceHolder("CIDR").SetValue(&c.allowed)
	cmd.Flag("prometheus.url", "URL of the Prometheus that scrapes the exporter.").PlaceHolder("URL").NoEnvar().StringVar(&c.prometheus)
	cmd.Flag("alertmanager.url", "URL of the Alertmanager of that Prometheus.").PlaceHolder("URL").NoEnvar().StringVar(&c.alertmanager)
	cmd.Flag("json", "Print JSON.").NoEnvar().BoolVar(&c.json)
	cmd.Flag("report", "Print what this account shows about questions that Tencent's documents leave open, without ids and secrets, instead of the checks.").NoEnvar().BoolVar(&c.report)
	cmd.Flag("app", "SDKAppID of the application of --report, by default the first one with api credentials.").PlaceHolder("SDKAPPID").NoEnvar().StringVar(&c.app)
	cmd.Flag("color", "Colours: on a terminal (auto), always or never.").Default("auto").NoEnvar().EnumVar(&c.color, "auto", "always", "never")
}

// run prints the checks. It fails if a check fails.
func (c *doctorCommand) run(ctx context.Context, stdout io.Writer) error {
	o := doctor.Options{
		ConfigFile: c.configFile, StoragePath: c.storagePath, Exporter: strings.TrimSuffix(c.exporterURL, "/"), Listen: c.listen[:], URL: cmp.Or(c.url, c.externalURL), AllowedSources: c.allowed,
		Prometheus: strings.TrimSuffix(c.prometheus, "/"), Alertmanager: strings.TrimSuffix(c.alertmanager, "/"),
	}
	var cfg *config.Config
	cfg, o.ConfigWarnings, o.ConfigError = config.Load(c.configFile)
	if o.ConfigError == nil {
		o.ConfigError = checkRelay(cfg)
		o.Apps = doctorApps(cfg)
		if s := replicaSettings(cfg); s != nil {
			o.Replicas = &doctor.Engine{Name: s.String(), Ask: func(ctx context.Context) error { return replica.Check(ctx, *s) }}
		}
	}
	defer closeAPIs(o.Apps)
	if c.report {
		return c.writeReport(ctx, stdout, o)
	}
	checks := doctor.Run(ctx, o)
	if c.json {
		if err := doctor.WriteJSON(stdout, checks); err != nil {
			return err
		}
	} else if err := doctor.WriteText(stdout, checks, c.colours(stdout)); err != nil {
		return err
	}
	if doctor.Failed(checks) {
		return errors.New("doctor has found faults")
	}
	return ctx.Err()
}

func (c *doctorCommand) writeReport(ctx context.Context, stdout io.Writer, o doctor.Options) error {
	if o.ConfigError != nil {
		return o.ConfigError
	}
	for _, app := range o.Apps {
		if app.ID == c.app || c.app == "" && app.API != nil {
			return doctor.WriteReport(ctx, stdout, app, o.Exporter, version.Version)
		}
	}
	return errors.New("--report: no such application with api credentials in the configuration")
}

// colours returns whether to print colours on w: by the flag, else by whether w is a terminal and
// the environment allows colours (no-color.org).
func (c *doctorCommand) colours(w io.Writer) doctor.Colours {
	switch c.color {
	case "always":
		return doctor.Coloured
	case "never":
		return doctor.Plain
	}
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return doctor.Plain
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return doctor.Plain
	}
	return doctor.Coloured
}

func doctorApps(cfg *config.Config) []doctor.App {
	var apps []doctor.App
	for _, app := range cfg.Apps {
		a := doctor.App{ID: string(app.SDKAppID), AllowUnsigned: app.AllowUnsigned, Relay: app.Relay != nil, API: newAPIClient(app)}
		for _, token := range app.Tokens {
			a.Tokens = append(a.Tokens, token.Reveal())
		}
		apps = append(apps, a)
	}
	return apps
}

func closeAPIs(apps []doctor.App) {
	for _, app := range apps {
		if app.API != nil {
			app.API.Close()
		}
	}
}
