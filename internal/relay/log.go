package relay

import (
	"errors"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// logInterval is how often one backend's failures are logged.
const logInterval = 10 * time.Second

// failureLog writes one line an interval and counts what it left out.
type failureLog struct {
	last       atomic.Int64 // Unix nanoseconds
	suppressed atomic.Int64
}

func (l *failureLog) write(entry *logrus.Entry, err error, message string) {
	now, last := time.Now().UnixNano(), l.last.Load()
	if now-last < int64(logInterval) && now >= last || !l.last.CompareAndSwap(last, now) {
		l.suppressed.Add(1)
		return
	}
	if n := l.suppressed.Swap(0); n > 0 {
		entry = entry.WithField("suppressed", n)
	}
	entry.WithError(err).Warn(message)
}

// quiet returns err without a URL, whose query is signed.
func quiet(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
