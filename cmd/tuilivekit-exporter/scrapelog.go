package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// scrapeLog logs what goes wrong while metrics are served, a line a second at most:
// whoever breaks off scrapes can cause any number.
type scrapeLog struct {
	log        logrus.FieldLogger
	last       atomic.Int64 // Unix nanoseconds
	suppressed atomic.Int64
}

// Println implements promhttp.Logger.
func (l *scrapeLog) Println(v ...any) {
	now, last := time.Now().UnixNano(), l.last.Load()
	if now-last < int64(time.Second) && now >= last || !l.last.CompareAndSwap(last, now) {
		l.suppressed.Add(1)
		return
	}
	entry := l.log.WithField("error", strings.TrimSpace(fmt.Sprintln(v...)))
	if n := l.suppressed.Swap(0); n > 0 {
		entry = entry.WithField("suppressed", n)
	}
	entry.Warn("metrics not served")
}
