package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

// checkConfigCommand are the arguments of check-config.
type checkConfigCommand struct {
	file string
	relayFlags
}

func (c *checkConfigCommand) register(cmd *kingpin.CmdClause) {
	cmd.Arg("file", "The configuration file.").Required().StringVar(&c.file)
	c.registerMaxBodyBytes(cmd)
	c.registerShutdownTimeout(cmd)
}

func (c *checkConfigCommand) run(ctx context.Context, stdout io.Writer) error {
	cfg, warnings, err := config.Load(c.file)
	if err != nil {
		return err
	}
	if err := checkRelay(cfg); err != nil {
		return err
	}
	if err := c.fit(cfg); err != nil {
		return err
	}
	for _, warning := range append(warnings, lookUpBackends(ctx, cfg)...) {
		fmt.Fprintln(stdout, "warning:", warning)
	}
	for _, app := range cfg.Apps {
		fmt.Fprintf(stdout, "application %s (%s): %d token(s)%s\n", app.SDKAppID, app.Name, len(app.Tokens), describeAPI(app))
	}
	if s := replicaSettings(cfg); s != nil {
		fmt.Fprintf(stdout, "replicas share what they know through Redis at %s, with the key prefix %s\n", s, s.Prefix)
	}
	fmt.Fprintf(stdout, "%s is valid\n", c.file)
	return nil
}

// lookupTimeout is the time limit of all lookups of check-config together.
const lookupTimeout = 3 * time.Second

// lookUpBackends returns a warning for each application whose backend has a host name that cannot
// be resolved here. That is no error: the exporter may run on another machine, and a start does not
// resolve the name. Names of backends behind a proxy are not looked up: the proxy does that.
func lookUpBackends(ctx context.Context, cfg *config.Config) (warnings []string) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	problems := make(map[string]*error) // by host name
	var lookups sync.WaitGroup
	host := func(app config.App) string {
		if app.Relay == nil || *app.Relay.ProxyFromEnvironment {
			return ""
		}
		return app.Relay.Target.Hostname()
	}
	for _, app := range cfg.Apps {
		name := host(app)
		if name == "" || problems[name] != nil {
			continue
		}
		problem := new(error)
		problems[name] = problem
		lookups.Go(func() { _, *problem = net.DefaultResolver.LookupNetIP(ctx, "ip", name) })
	}
	lookups.Wait()
	for _, app := range cfg.Apps {
		if name := host(app); name != "" && *problems[name] != nil {
			warnings = append(warnings, fmt.Sprintf("application %s: the host of relay.url cannot be resolved here: %v", app.SDKAppID, *problems[name]))
		}
	}
	return warnings
}

// describeAPI describes how the server API of app is called, "" if it is not.
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
