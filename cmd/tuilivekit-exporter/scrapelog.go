package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/throttle"
)

// scrapeLogInterval is the least time between two log lines about failed scrapes: a client can
// interrupt any number of scrapes.
const scrapeLogInterval = time.Second

// scrapeLog logs the errors of serving metrics.
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
