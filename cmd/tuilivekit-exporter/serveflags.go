package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// serveCommand are the flags of serve.
type serveCommand struct {
	configFile    string
	apps          []string
	tokenFiles    []string
	allowUnsigned bool
	autoReload    bool
	reloadEvery   time.Duration

	webhookAddress  string
	webhookPath     string
	externalURL     string
	webhookCert     string
	webhookKey      string
	webhookHTTP2    bool
	signatureWindow time.Duration
	limits          limitFlags

	web             *web.FlagConfig
	healthAddress   string
	telemetryPath   string
	enableLifecycle bool
	enablePprof     bool

	storagePath     string
	storageTimeout  time.Duration
	staleAfter      time.Duration
	futureTolerance time.Duration
	shutdownDelay   time.Duration
	relayFlags
	logLevel  string
	logFormat string

	clause *kingpin.CmdClause // of these flags
}

func (c *serveCommand) register(cmd *kingpin.CmdClause) {
	c.clause = cmd
	cmd.Flag("config.file", "YAML file with the applications. SIGHUP reloads it.").PlaceHolder("FILE").StringVar(&c.configFile)
	cmd.Flag("config.auto-reload", "Reload the configuration when the content of its file, or of a file that it names, has changed.").BoolVar(&c.autoReload)
	cmd.Flag("config.auto-reload-interval", "Interval between two checks for changed files.").Default("5s").DurationVar(&c.reloadEvery)
	cmd.Flag("app", "Application whose callbacks are accepted, instead of --config.file; repeatable.").PlaceHolder("SDKAPPID[=NAME]").StringsVar(&c.apps)
	cmd.Flag("app.token-file", "File with a callback token of the applications of --app; repeatable, all tokens are valid.").PlaceHolder("FILE").StringsVar(&c.tokenFiles)
	cmd.Flag("app.allow-unsigned", "Accept callbacks without a signature for the applications of --app. Anyone who can reach the webhook listener can then set their counts.").BoolVar(&c.allowUnsigned)

	cmd.Flag("webhook.listen-address", "Address on which to receive callbacks.").Default(":19781").StringVar(&c.webhookAddress)
	cmd.Flag("webhook.path", "Path of the callback URL. A path that is hard to guess keeps scanners away.").Default("/callback").StringVar(&c.webhookPath)
	cmd.Flag("webhook.external-url", "Callback URL that Tencent calls, as the Internet sees it. It is shown on the status page.").PlaceHolder("URL").StringVar(&c.externalURL)
	cmd.Flag("webhook.tls-cert-file", "Certificate chain of the webhook listener (PEM). The file is read again when it changes.").PlaceHolder("FILE").StringVar(&c.webhookCert)
	cmd.Flag("webhook.tls-key-file", "Private key of the webhook listener (PEM).").PlaceHolder("FILE").StringVar(&c.webhookKey)
	cmd.Flag("webhook.enable-http2", "Enable HTTP/2 over TLS on the webhook listener. Tencent does not need it.").BoolVar(&c.webhookHTTP2)
	c.registerMaxBodyBytes(cmd)
	cmd.Flag("webhook.signature-window", "Maximum difference between the RequestTime of a callback and the clock of the exporter, 5s to 5m.").Default("60s").DurationVar(&c.signatureWindow)
	c.limits.register(cmd)

	c.web = kingpinflag.AddFlags(cmd, ":19780")
	cmd.Flag("health.listen-address", "Address of a listener that serves only /-/healthy and /-/ready, without TLS or authentication; empty for none.").PlaceHolder("ADDRESS").StringVar(&c.healthAddress)
	cmd.Flag("web.telemetry-path", "Path under which to expose metrics.").Default("/metrics").StringVar(&c.telemetryPath)
	cmd.Flag("web.enable-lifecycle", "Enable reload of the configuration by POST /-/reload.").BoolVar(&c.enableLifecycle)
	cmd.Flag("web.enable-pprof", "Enable profiles under /debug/pprof/.").BoolVar(&c.enablePprof)

	cmd.Flag("storage.path", "Folder for the counts and the queued callbacks, created if it does not exist. If empty, they are kept in memory only.").Default("data").StringVar(&c.storagePath)
	cmd.Flag("storage.timeout", "Maximum duration of a commit, after which its callbacks are answered 503. Tencent waits 2s.").Default("1s").DurationVar(&c.storageTimeout)
	cmd.Flag("state.stale-after", "Age from which the counts of the last event are no longer exposed. 0 exposes them forever, with their time.").Default("0s").DurationVar(&c.staleAfter)
	cmd.Flag("state.future-tolerance", "Maximum time that an event may be in the future. The time of receipt replaces a later one.").Default("1m").DurationVar(&c.futureTolerance)
	cmd.Flag("shutdown.delay", "Time between the signal to stop and the stop, while the exporter is not ready and still accepts callbacks. Set it to the time that a load balancer needs to notice.").Default("0s").DurationVar(&c.shutdownDelay)
	c.registerShutdownTimeout(cmd)
	cmd.Flag("log.level", "Only log messages of this severity or above: debug, info, warn or error.").Default("info").EnumVar(&c.logLevel, "debug", "info", "warn", "error")
	cmd.Flag("log.format", "Format of log messages: logfmt or json.").Default("logfmt").EnumVar(&c.logFormat, "logfmt", "json")
}

// source says where the configuration is.
func (c *serveCommand) source() string {
	if c.configFile != "" {
		return c.configFile
	}
	return "flags"
}

// check finds what is wrong with flags that kingpin takes.
func (c *serveCommand) check() error {
	switch {
	case c.configFile != "" && len(c.apps) > 0:
		return fmt.Errorf("--app and --config.file cannot be used together")
	case len(c.apps) == 0 && (len(c.tokenFiles) > 0 || c.allowUnsigned):
		return fmt.Errorf("--app.token-file and --app.allow-unsigned require --app")
	case len(c.apps) == 0 && c.configFile == "":
		return fmt.Errorf("no applications: set --config.file=FILE, or --app=SDKAPPID and --app.token-file=FILE")
	case (c.webhookCert == "") != (c.webhookKey == ""):
		return fmt.Errorf("--webhook.tls-cert-file and --webhook.tls-key-file: set both")
	case c.webhookHTTP2 && c.webhookCert == "":
		return fmt.Errorf("--webhook.enable-http2: requires --webhook.tls-cert-file and --webhook.tls-key-file")
	case c.signatureWindow < 5*time.Second || c.signatureWindow > 5*time.Minute:
		return fmt.Errorf("--webhook.signature-window: %s is not within 5s and 5m", c.signatureWindow)
	case *c.maxBodyBytes < 1<<10:
		return fmt.Errorf("--webhook.max-body-bytes: %d is less than 1KiB", *c.maxBodyBytes)
	case c.reloadEvery < time.Millisecond:
		return fmt.Errorf("--config.auto-reload-interval: must be at least 1ms")
	case c.storageTimeout <= 0:
		return fmt.Errorf("--storage.timeout: must be above zero")
	case c.futureTolerance < 0:
		return fmt.Errorf("--state.future-tolerance: must not be negative")
	case c.staleAfter < 0:
		return fmt.Errorf("--state.stale-after: must not be negative")
	case c.shutdownDelay < 0:
		return fmt.Errorf("--shutdown.delay: must not be negative")
	case c.shutdownTimeout <= 0:
		return fmt.Errorf("--shutdown.timeout: must be above zero")
	}
	if err := c.limits.check(); err != nil {
		return err
	}
	if err := checkPath(c.webhookPath); err != nil {
		return fmt.Errorf("--webhook.path: %w", err)
	}
	if err := checkExternalURL(c.externalURL); err != nil {
		return fmt.Errorf("--webhook.external-url: %w", err)
	}
	if err := checkPath(c.telemetryPath); err != nil {
		return fmt.Errorf("--web.telemetry-path: %w", err)
	}
	if strings.HasPrefix(c.telemetryPath, "/-/") {
		return fmt.Errorf("--web.telemetry-path: %s is reserved for health checks and reload", c.telemetryPath)
	}
	if c.telemetryPath == "/api/v1/status" {
		return fmt.Errorf("--web.telemetry-path: %s is reserved for the status page", c.telemetryPath)
	}
	return nil
}

// load reads the configuration.
func (c *serveCommand) load() (*config.Config, []string, error) {
	if c.configFile != "" {
		return config.Load(c.configFile)
	}
	return config.FromFlags(c.apps, c.tokenFiles, c.allowUnsigned)
}

// sum returns the sum of the content of the files that load would read.
func (c *serveCommand) sum() config.Sum {
	if c.configFile != "" {
		return config.SumFile(c.configFile)
	}
	return config.SumFiles(c.tokenFiles...)
}

// checkPath returns an error unless path is the same in a URL and in a router: without characters
// that need escapes.
func checkPath(path string) error {
	if len(path) < 2 || path[0] != '/' {
		return fmt.Errorf("%q must be / followed by at least one character", path)
	}
	for _, r := range path {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '/' && r != '-' && r != '_' && r != '.' && r != '~' {
			return fmt.Errorf("%q has other characters than letters, digits and -._~/", path)
		}
	}
	return nil
}

// checkExternalURL returns an error unless Tencent's console accepts the URL, or it is empty.
func checkExternalURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" {
		return errors.New("is not an http or https URL with a host")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("must have no user, query or fragment")
	}
	return nil
}
