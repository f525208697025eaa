package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/throttle"
)

// scrapeLogInterval is the time between two log lines about failed scrapes: a client that
// breaks off scrapes can cause any number.
const scrapeLogInterval = time.Second

// scrapeLog logs what goes wrong while metrics are served.
type scrapeLog struct {
	log      logrus.FieldLogger
	throttle *throttle.Throttle
}

func newScrapeLog(log logrus.FieldLogger) *scrapeLog {
	return &scrapeLog{log, throttle.New(scrapeLogInterval)}
}

// Println implements promhttp.Logger.
func (l *scrapeLog) Println(v ...any) {
	suppressed, ok := l.throttle.Pass()
	if !ok {
		return
	}
	entry := l.log.WithField("error", strings.TrimSpace(fmt.Sprintln(v...)))
	if suppressed > 0 {
		entry = entry.WithField("suppressed", suppressed)
	}
	entry.Warn("metrics not served")
}
