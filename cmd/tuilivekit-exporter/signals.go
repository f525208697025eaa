package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/sirupsen/logrus"
)

// signals are the signals that the process handles from its first line on, so that none of them
// ends the process during its start.
type signals struct {
	stop   chan os.Signal // SIGINT and SIGTERM
	reload chan os.Signal // SIGHUP, kept until serve reads it
}

func takeSignals() *signals {
	s := &signals{stop: make(chan os.Signal, 2), reload: make(chan os.Signal, 1)}
	signal.Notify(s.reload, syscall.SIGHUP)
	signal.Notify(s.stop, os.Interrupt, syscall.SIGTERM)
	return s
}

// while runs f. The first signal to stop ends the context of f. At the second one, while returns
// at once.
func (s *signals) while(f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-s.stop:
		cancel()
	}
	select {
	case err := <-done:
		return err
	case second := <-s.stop:
		return fmt.Errorf("stopped at once by a second signal (%s): callbacks in progress were not answered", second)
	}
}

// printError prints the error that ends the process, in the format of --log.format in args or in the
// environment. args are not parsed: the error may be that they cannot be.
func printError(w io.Writer, args []string, err error) {
	i := slices.Index(args, "--log.format")
	if slices.Contains(args, "--log.format=json") || i >= 0 && i+1 < len(args) && args[i+1] == "json" ||
		os.Getenv("TUILIVEKIT_EXPORTER_LOG_FORMAT") == "json" {
		log := logrus.New()
		log.SetOutput(w)
		log.SetFormatter(jsonFormat)
		log.WithError(err).Error("tuilivekit-exporter ends with an error")
		return
	}
	fmt.Fprintln(w, "tuilivekit-exporter:", err)
}
