package relay

import (
	"cmp"
	"time"
)

// withDefaults completes settings as the configuration does.
func withDefaults(list ...Settings) []Settings {
	complete := make([]Settings, len(list))
	for i, s := range list {
		s.Timeout = cmp.Or(s.Timeout, 1500*time.Millisecond)
		s.IdleTimeout = cmp.Or(s.IdleTimeout, 1500*time.Millisecond)
		s.OnFailure = cmp.Or(s.OnFailure, Fail)
		s.MaxConcurrent = cmp.Or(s.MaxConcurrent, 64)
		s.MaxAge = cmp.Or(s.MaxAge, 24*time.Hour)
		s.MaxQueueRequests = cmp.Or(s.MaxQueueRequests, 20_000)
		s.MaxQueueBytes = cmp.Or(s.MaxQueueBytes, 16<<20)
		complete[i] = s
	}
	return complete
}
