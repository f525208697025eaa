// Command tuilivekit-exporter takes the callbacks of Tencent Cloud TUILiveKit and
// serves the counts of rooms that they report as Prometheus metrics.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"
)

func main() {
	signals := takeSignals()
	err := signals.while(func(ctx context.Context) error {
		return execute(ctx, signals.reload, os.Args[1:], os.Stdout, os.Stderr)
	})
	if err != nil {
		printError(os.Stderr, os.Args[1:], err)
		os.Exit(1)
	}
}

// execute runs the command that args name. It returns when the command has ended, at the latest
// soon after ctx. A signal of reloads makes serve read its configuration again.
func execute(ctx context.Context, reloads <-chan os.Signal, args []string, stdout, stderr io.Writer) error {
	nameVersion()
	cli := newCLI(stdout, stderr)
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-h") {
		cli.app.UsageTemplate(kingpin.LongHelpTemplate) // the flags of all commands
	}
	command, err := cli.app.Parse(args)
	if err != nil {
		return cli.usageError(args, err)
	}
	if command != "serve" {
		signal.Reset(syscall.SIGHUP) // these commands read no configuration again: the signal ends them
	}
	switch command {
	case "check-config":
		return cli.checkConfig.run(ctx, stdout)
	case "send":
		return cli.send.run(ctx, stdout, stderr)
	case "doctor":
		return cli.doctor.run(ctx, stdout)
	case "setup":
		return cli.setup.run(ctx, stdout)
	case "state":
		return cli.state.run(stdout)
	case "healthcheck":
		return cli.healthcheck.run(ctx)
	}
	return cli.serve.run(ctx, reloads, stderr)
}

// cli is the command line.
type cli struct {
	app         *kingpin.Application
	serve       serveCommand
	checkConfig checkConfigCommand
	send        sendCommand
	doctor      doctorCommand
	setup       setupCommand
	state       stateCommand
	healthcheck healthcheckCommand
}

func newCLI(stdout, stderr io.Writer) *cli {
	c := &cli{app: kingpin.New("tuilivekit-exporter", "Prometheus exporter for the callbacks of Tencent Cloud TUILiveKit.")}
	c.app.Version(version.Print("tuilivekit-exporter"))
	c.app.HelpFlag.Short('h').NoEnvar()
	c.app.VersionFlag.NoEnvar()
	c.app.UsageWriter(stdout).ErrorWriter(stderr)
	c.app.UsageTemplate(kingpin.CompactUsageTemplate)
	c.app.DefaultEnvars()
	c.serve.register(c.app.Command("serve", "Receive callbacks and serve metrics (the default command).").Default())
	c.checkConfig.register(c.app.Command("check-config", "Check a configuration file, its secrets and the addresses of backends."))
	c.send.register(c.app.Command("send", "Act as Tencent: send callbacks to a URL and report the answers."))
	c.doctor.register(c.app.Command("doctor", "Find out whether callbacks arrive at the exporter and alerts at people. It changes nothing."))
	c.setup.register(c.app.Command("setup", "Show how Tencent's callback configuration differs from that of the exporter, and write it with --apply."))
	c.state.register(c.app.Command("state", "Print what the storage holds. It only reads, also while an exporter writes."))
	c.healthcheck.register(c.app.Command("healthcheck", "Exit with 0 if the exporter is healthy. For containers without a shell."))
	return c
}

// nameVersion sets the version of a binary that was built without the Makefile: to that of its
// module.
func nameVersion() {
	if info, ok := debug.ReadBuildInfo(); ok && version.Version == "" {
		version.Version = info.Main.Version
	}
}
