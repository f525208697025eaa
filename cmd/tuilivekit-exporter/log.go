package main

import (
	"io"
	"time"

	"github.com/sirupsen/logrus"
)

var jsonFormat = &logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano}

func (c *serveCommand) newLogger(w io.Writer) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	level, err := logrus.ParseLevel(c.logLevel)
	if err != nil {
		level = logrus.InfoLevel // not reached: kingpin has checked the flag
	}
	log.SetLevel(level)
	if c.logFormat == "json" {
		log.SetFormatter(jsonFormat)
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true, TimestampFormat: time.RFC3339Nano})
	}
	return log
}
