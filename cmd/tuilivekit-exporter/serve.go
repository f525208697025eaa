package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/common/version"
)

// run serves until ctx ends. It reloads the configuration at each signal of reloads.
func (c *serveCommand) run(ctx context.Context, reloads <-chan os.Signal, stderr io.Writer) error {
	startGC()
	signal.Ignore(syscall.SIGPIPE) // else the process ends when the reader of its log does
	output := newLogWriter(stderr)
	log := c.newLogger(output)
	output.onDropped = func(lines int64) {
		log.WithField("lines", lines).Warn("log lines dropped: standard error cannot be written fast enough")
	}
	defer output.start()()
	log.WithField("version", version.Version).WithField("revision", version.GetRevision()).
		WithField("configuration", c.source()).Info("starting tuilivekit-exporter")
	a, err := newApp(c, log)
	if err != nil {
		return err
	}
	l, err := c.listen()
	if err != nil {
		a.close()
		return err
	}
	return a.run(ctx, l, reloads)
}
