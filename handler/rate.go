package handler

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxSources is how many sources rates tells apart: about 2 MB.
const maxSources = 8192

// rates limits how often something may happen for each source.
type rates struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	sources map[netip.Addr]*rate.Limiter
	swept   time.Time
	others  *rate.Limiter // of all sources that found no room
}

func newRates(perSecond float64, burst int) *rates {
	limit := rate.Limit(perSecond)
	return &rates{limit: limit, burst: burst, sources: map[netip.Addr]*rate.Limiter{}, others: rate.NewLimiter(limit, burst)}
}

// allow reports whether it may happen once more for source now.
func (r *rates) allow(source netip.Addr, now time.Time) bool {
	source = neighbourhood(source)
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.sources[source]
	if l == nil {
		l = r.add(source, now)
	}
	return l.AllowN(now, 1)
}

// add makes room for a source. One that has been quiet until its bucket is full again
// needs none: a new bucket is just as full.
func (r *rates) add(source netip.Addr, now time.Time) *rate.Limiter {
	if len(r.sources) >= maxSources && now.Sub(r.swept) >= time.Second {
		r.swept = now
		for of, l := range r.sources {
			if l.TokensAt(now) >= float64(r.burst) {
				delete(r.sources, of)
			}
		}
	}
	if len(r.sources) >= maxSources {
		return r.others
	}
	l := rate.NewLimiter(r.limit, r.burst)
	r.sources[source] = l
	return l
}
