package relay

import (
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/throttle"
)

// logInterval is the minimum time between two log lines about the same kind of failure of one
// backend.
const logInterval = 10 * time.Second

// failureLog writes at most one log line in logInterval and counts the lines that it leaves out.
// The zero value is ready for use.
type failureLog struct {
	once     sync.Once
	throttle *throttle.Throttle
}

func (l *failureLog) write(entry *logrus.Entry, err error, message string) {
	l.once.Do(func() { l.throttle = throttle.New(logInterval) })
	suppressed, ok := l.throttle.Pass()
	if !ok {
		return
	}
	if suppressed > 0 {
		entry = entry.WithField("suppressed", suppressed)
	}
	entry.WithError(err).Warn(message)
}

// quiet returns err without the URL, which contains a signature.
func quiet(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
