package gate

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxSources is the maximum number of sources with a limiter of their own. They take about
// 2 MB.
const maxSources = 8192

// rates is a rate limit for each source.
type rates struct {
	limit rate.Limit
	burst int

	mu      sync.Mutex
	sources map[netip.Addr]*rate.Limiter
	swept   time.Time
	others  *rate.Limiter // shared by all sources beyond maxSources
}

func newRates(perSecond float64, burst int) *rates {
	limit := rate.Limit(perSecond)
	return &rates{limit: limit, burst: burst, sources: map[netip.Addr]*rate.Limiter{}, others: rate.NewLimiter(limit, burst)}
}

// allow counts a refusal of source at the time now, and reports whether source is within its
// limit.
func (r *rates) allow(source netip.Addr, now time.Time) bool {
	source = prefixOf(source)
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.sources[source]
	if l == nil {
		l = r.add(source, now)
	}
	return l.AllowN(now, 1)
}

// add returns the limiter of a new source. If there are maxSources, add removes the limiters
// whose burst is available again: they are equal to new limiters.
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
